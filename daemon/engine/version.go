package engine

import (
	"fmt"
	"slices"
	"strconv"
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

// Version is a loaded model version. Its description is immutable.
type Version struct {
	engine   *Engine
	name     string
	number   int64
	text     string
	compiled *compiler.Model
	model    *scheduler.Model
	config   *repository.Config
	batching compiler.Batching
	inputs   []TensorInfo
	outputs  []TensorInfo
	symbols  int
	rank     int // of all inputs together, where they are ranked
	maxRows  int // of one request; 0: no limit
	busy     *Error
	attached any
	used     atomic.Int64 // when a request was last answered, by the scheduler's clock
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
func (v *Version) WeightBytes() int64 { return v.compiled.WeightBytes() }

// Statistics returns the counters since the version was loaded.
func (v *Version) Statistics() scheduler.Statistics { return v.model.Statistics() }

// Idle is the time since the last answer in nanoseconds; -1 where there was none.
func (v *Version) Idle() int64 {
	used := v.used.Load()
	if used == 0 {
		return -1
	}
	return v.engine.scheduler.Now() - used
}

// MaxBatchSize is the largest number of rows of one request that the model's configuration allows; 0 where requests have no
// batch dimension, or where nothing bounds it.
func (v *Version) MaxBatchSize() int { return v.maxRows }

// Retire implements repository.Loaded: the repository's reference ends.
func (v *Version) Retire() { v.model.Release() }

// describe fills the version's description from the compiled model.
func (v *Version) describe() {
	numbers := make(map[string]int)
	counts := make(map[string]int)
	for _, value := range v.compiled.Inputs() {
		for _, dim := range value.Shape {
			counts[dim.String()]++
		}
	}
	for _, value := range v.compiled.Inputs() {
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
	names := v.compiled.OutputNames()
	for i, value := range v.compiled.Outputs() {
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

func newVersion(e *Engine, source repository.Source, compiled *compiler.Model) *Version {
	v := &Version{
		engine: e, name: source.Model, number: source.Version, text: strconv.FormatInt(source.Version, 10), compiled: compiled,
		config: source.Config, batching: compiled.Batching(), maxRows: source.Config.MaxBatchSize,
	}
	v.busy = &Error{
		Kind: Unavailable, RetryAfter: retryAfter, Message: fmt.Sprintf("model %q has too many requests in flight", v.name), Err: scheduler.ErrBusy,
	}
	if !v.batching.Batchable {
		v.maxRows = 0
	}
	v.describe()
	return v
}
