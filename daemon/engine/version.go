package engine

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/repository"
	"github.com/inferd/inferd/daemon/scheduler"
	"github.com/inferd/inferd/daemon/tensor"
)

// TensorInfo describes an input or output of a model.
type TensorInfo struct {
	Name  string
	DType tensor.DType
	// Ranked reports whether the number of dimensions is known.
	Ranked bool
	// Shape has -1 where the dimension is up to the request.
	Shape []int64

	// symbols numbers the dimensions that must agree wherever they appear; -1 where there is nothing to agree on.
	symbols []int
}

// Version is a loaded model version. Its description is immutable; where it runs may change when a device is lost.
type Version struct {
	engine   *Engine
	name     string
	number   int64
	text     string
	source   repository.Source
	config   *repository.Config
	batching compiler.Batching
	inputs   []TensorInfo
	outputs  []TensorInfo
	symbols  int
	rank     int // of all inputs together, where they are ranked
	maxRows  int // of one request; 0: no limit
	busy     *Error
	lost     *Error // no device that the version runs on works
	attached any
	used     atomic.Int64 // when a request was last answered, by the engine's clock

	// candidates are the units on which each of the placements may lie, best first.
	candidates [][]*unit
	placements atomic.Pointer[[]*placement]
	changing   sync.Mutex // of placements
	retired    bool
	described  bool
}

// Name is the model's name.
func (v *Version) Name() string { return v.name }

// Number is the version.
func (v *Version) Number() int64 { return v.number }

// NumberText is the version as protocols spell it.
func (v *Version) NumberText() string { return v.text }

// Inputs describes the model's inputs. The caller must not change it.
func (v *Version) Inputs() []TensorInfo { return v.inputs }

// Outputs describes the model's outputs. The caller must not change it.
func (v *Version) Outputs() []TensorInfo { return v.outputs }

// Attached is what Options.Attach returned for the version.
func (v *Version) Attached() any { return v.attached }

// Config is what config.pbtxt says.
func (v *Version) Config() *repository.Config { return v.config }

// Batching says whether requests of the model run together, and why not.
func (v *Version) Batching() compiler.Batching { return v.batching }

// WeightBytes is the memory that the packed weights take.
func (v *Version) WeightBytes() (sum int64) {
	for _, p := range *v.placements.Load() {
		sum += p.compiled.WeightBytes()
	}
	return sum
}

// Statistics returns the counters of all devices since the version was loaded there.
func (v *Version) Statistics() (sum scheduler.Statistics) {
	for _, p := range *v.placements.Load() {
		sum.Add(p.model.Statistics())
	}
	return sum
}

// Idle is the time since the last answer in nanoseconds; -1 where there was none.
func (v *Version) Idle() int64 {
	used := v.used.Load()
	if used == 0 {
		return -1
	}
	return v.engine.clock() - used
}

// MaxBatchSize is the largest number of rows of one request that the model's configuration allows; 0 where requests have no
// batch dimension, or where nothing bounds it.
func (v *Version) MaxBatchSize() int { return v.maxRows }

// Retire implements repository.Loaded: the repository's reference ends.
func (v *Version) Retire() {
	v.changing.Lock()
	defer v.changing.Unlock()
	v.retired = true
	for _, p := range *v.placements.Load() {
		p.model.Release()
	}
}

// describe fills the version's description from the compiled model, which is the same on every unit.
func (v *Version) describe(compiled *compiler.Model) {
	v.described, v.batching = true, compiled.Batching()
	if !v.batching.Batchable {
		v.maxRows = 0
	}
	numbers := make(map[string]int)
	counts := make(map[string]int)
	for _, value := range compiled.Inputs() {
		for _, dim := range value.Shape {
			counts[dim.String()]++
		}
	}
	for _, value := range compiled.Inputs() {
		info := describeValue(value, value.Name)
		for _, dim := range value.Shape {
			symbol := -1
			if _, known := dim.Known(); !known && counts[dim.String()] > 1 {
				number, ok := numbers[dim.String()]
				if !ok {
					number = len(numbers)
					numbers[dim.String()] = number
				}
				symbol = number
			}
			info.symbols = append(info.symbols, symbol)
		}
		v.inputs = append(v.inputs, info)
		v.rank += len(info.Shape)
	}
	v.symbols = len(numbers)
	names := compiled.OutputNames()
	for i, value := range compiled.Outputs() {
		v.outputs = append(v.outputs, describeValue(value, names[i]))
	}
}

func describeValue(value *graph.Value, name string) TensorInfo {
	info := TensorInfo{Name: name, DType: value.DType, Ranked: value.Ranked, Shape: []int64{}}
	for _, dim := range value.Shape {
		size, known := dim.Known()
		if !known {
			size = -1
		}
		info.Shape = append(info.Shape, size)
	}
	return info
}

// find returns the position of a name, -1 where it is unknown.
func find(list []TensorInfo, name []byte) int {
	return slices.IndexFunc(list, func(info TensorInfo) bool { return info.Name == string(name) })
}

func newVersion(e *Engine, source repository.Source) *Version {
	v := &Version{
		engine: e, name: source.Model, number: source.Version, text: strconv.FormatInt(source.Version, 10), source: source, config: source.Config,
		maxRows: source.Config.MaxBatchSize,
	}
	v.busy = &Error{
		Kind: Unavailable, RetryAfter: retryAfter, Message: fmt.Sprintf("model %q has too many requests in flight", v.name), Err: scheduler.ErrBusy,
	}
	v.lost = &Error{Kind: Unavailable, RetryAfter: retryAfter, Message: fmt.Sprintf("the device of model %q was lost; it has not moved yet", v.name), Err: errNoUnit}
	v.placements.Store(new([]*placement))
	return v
}
