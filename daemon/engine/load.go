package engine

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/repository"
	"github.com/inferd/inferd/daemon/scheduler"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// returnMemoryFrom is the size of a model file from which what compiling left on the heap is given back at once.
const returnMemoryFrom = 8 << 20

// load is the repository's loader: it compiles the file and runs the model once on zeros.
func (e *Engine) load(source repository.Source) (*Version, error) {
	start := time.Now()
	v, err := e.guarded(source)
	if err != nil {
		e.log.Error("model not loaded", "model", source.Model, "version", source.Version, "error", err)
		return nil, err
	}
	e.log.Info("model loaded", "model", source.Model, "version", source.Version, "seconds", time.Since(start).Seconds(),
		"weight_bytes", v.WeightBytes(), "batchable", v.batching.Batchable)
	return v, nil
}

// guarded is prepare, where a panic of the compiler is a fault of one model, not of the daemon.
func (e *Engine) guarded(source repository.Source) (v *Version, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			e.log.Error("fault while a model was loaded", "model", source.Model, "fault", fault, "stack", string(debug.Stack()))
			v, err = nil, fmt.Errorf("internal fault while the model was compiled: %v", fault)
		}
	}()
	if v, err = e.prepare(source); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(source.Path), err)
	}
	return v, nil
}

func (e *Engine) prepare(source repository.Source) (*Version, error) {
	data, err := readFile(source.Path)
	if err != nil {
		return nil, err
	}
	// Nothing reads the file's bytes once the model is sealed.
	defer data.Free()
	compiled, err := compiler.Load(data.Bytes(), compiler.Options{
		Device: e.options.Device, Fallback: e.options.Fallback, Evaluator: e.options.Evaluator, Folder: source.Folder,
	})
	if err != nil {
		return nil, err
	}
	v := newVersion(e, source, compiled)
	v.model, err = e.scheduler.NewModel(scheduler.ModelOptions{
		Name: v.name, Compiler: compiled, Batchable: v.batching.Batchable, Policy: policy(source.Config), Credits: e.options.Credits,
		Free: func() {
			compiled.Close()
			e.log.Info("model freed", "model", source.Model, "version", source.Version)
			e.versions.Done()
		},
	})
	if err != nil {
		compiled.Close()
		return nil, err
	}
	e.versions.Add(1)
	if err := v.warmUp(); err != nil {
		v.model.Release()
		return nil, fmt.Errorf("first run: %w", err)
	}
	compiled.Seal()
	if data.Size() >= returnMemoryFrom {
		debug.FreeOSMemory() // copies of weights that compiling made
	}
	if e.options.Attach != nil {
		v.attached = e.options.Attach(v.name, v.number)
	}
	return v, nil
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
func (v *Version) warmUp() error {
	var first error
	for _, guess := range guesses {
		shapes := v.guessShapes(guess)
		err := v.model.Compile(shapes)
		if err == nil {
			return v.runOnce(shapes)
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
func (v *Version) runOnce(shapes [][]int64) error {
	r, err := v.engine.newRequest()
	if err != nil {
		return err
	}
	defer r.Release()
	if !v.model.Acquire() {
		return errClosing
	}
	r.bind(v)
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
