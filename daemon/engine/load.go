package engine

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/repository"
	"github.com/inferd/inferd/daemon/scheduler"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// returnMemoryFrom is the size of a model file from which what compiling left on the heap is given back at once.
const returnMemoryFrom = 8 << 20

// load is the repository's loader: it compiles the file for every unit that the model is to run on, and runs it once there, on zeros.
func (e *Engine) load(source repository.Source) (*Version, error) {
	start := time.Now()
	v := newVersion(e, source)
	if err := e.placeAll(v); err != nil {
		e.log.Error("model not loaded", "model", source.Model, "version", source.Version, "error", err)
		return nil, err
	}
	if e.options.Attach != nil {
		v.attached = e.options.Attach(v.name, v.number)
	}
	for _, p := range *v.placements.Load() {
		e.log.Info("model loaded", "model", source.Model, "version", source.Version, "device", p.unit.info.Name,
			"seconds", time.Since(start).Seconds(), "weight_bytes", p.compiled.WeightBytes(), "batchable", v.batching.Batchable)
	}
	return v, nil
}

// placeAll makes a placement for each instance that the configuration asks for.
func (e *Engine) placeAll(v *Version) (err error) {
	if v.candidates, err = e.candidates(v.config); err != nil {
		return err
	}
	var list []*placement
	for _, units := range v.candidates {
		p, err := e.place(v, units)
		if err != nil {
			for _, other := range list {
				other.model.Release()
			}
			return err
		}
		list = append(list, p)
	}
	v.placements.Store(&list)
	return nil
}

// policy translates config.pbtxt. Without it, requests that wait are batched and no request waits for another.
func policy(c *repository.Config) batch.Policy {
	p := batch.Policy{MaxRows: c.MaxBatchSize, Preferred: c.Preferred, MaxDelay: int64(c.MaxQueueDelay)}
	if c.Given && c.MaxBatchSize > 0 && !c.DynamicBatching {
		p.MaxRows = 1 // as in Triton: batching across requests is switched on by its section
	}
	return p
}

// maxFileBytes is the limit that protobuf sets to a file; larger models keep their weights beside it.
const maxFileBytes = math.MaxInt32

// readFile reads a file into C memory, so that the garbage collector's heap does not grow by it. It does not wait for the other end of a pipe.
func readFile(path string) (*memory.Block, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("%s has %d bytes; at most %d are supported", path, info.Size(), int64(maxFileBytes))
	}
	block, err := memory.Allocate(int(info.Size()))
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(file, block.Bytes()); err != nil {
		block.Free()
		return nil, fmt.Errorf("%s was truncated while it was read: %w", path, err)
	}
	return block, nil
}

// guesses are values for dimensions that only requests know, tried in turn for the first run.
var guesses = [...]int64{1, 8, 32, 224}

// warmUp compiles the program for a small request and runs it on zeros.
func (v *Version) warmUp(p *placement) error {
	var first error
	for _, guess := range guesses {
		shapes := v.guessShapes(guess)
		err := p.model.Compile(shapes)
		if err == nil {
			return v.runOnce(p, shapes)
		}
		var shapeError *scheduler.CompileError
		if !errors.As(err, &shapeError) {
			return err
		}
		if first == nil {
			first = shapeError.Err
		}
		if slices.EqualFunc(shapes, v.guessShapes(guess+1), slices.Equal[[]int64]) {
			break // nothing to guess
		}
	}
	return first
}

// guessShapes returns input shapes with one row, and the guess for every other unknown dimension.
func (v *Version) guessShapes(guess int64) [][]int64 {
	shapes := make([][]int64, len(v.inputs))
	for i := range v.inputs {
		shapes[i] = slices.Clone(v.inputs[i].Shape)
		for axis, size := range shapes[i] {
			switch {
			case size >= 0:
			case axis == 0 && v.batching.Batchable:
				shapes[i][axis] = 1
			default:
				shapes[i][axis] = guess
			}
		}
	}
	return shapes
}

// runOnce sends a request of zeros through the scheduler.
func (v *Version) runOnce(p *placement, shapes [][]int64) error {
	r, err := v.engine.newRequest()
	if err != nil {
		return err
	}
	defer r.Release()
	if !p.model.Acquire() {
		return errClosing
	}
	r.bind(v, p)
	for i := range v.inputs {
		staging, err := r.allocate(i, shapes[i], 0)
		if err != nil {
			return err
		}
		clear(staging)
	}
	var data *program.DataError
	if err := r.Infer(nil); err != nil && !errors.As(err, &data) {
		return err
	}
	return nil // a model that refuses zeros, because they are none of its categories, has run
}
