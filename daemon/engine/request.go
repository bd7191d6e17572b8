package engine

import (
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/scheduler"
	"github.com/inferd/inferd/daemon/tensor"
)

// Request is one inference in the hands of a front end. It is used by one goroutine.
type Request struct {
	engine   *Engine
	version  *Version
	flight   *flight
	bytes    int64   // of all inputs
	selected []int   // outputs asked for; none means all
	symbols  []int64 // values of the version's symbols, -1 where unset
	answered bool
}

// flight is the part of a request that lanes know. It outlives a front end that gives up: whoever comes last recycles it.
type flight struct {
	job       *scheduler.Job
	engine    *Engine
	placement *placement
	dims      []int64 // backs the inputs' shapes
}

// Output is one tensor of an answer. Data is valid until Release; for strings it holds records of tensor.StringSize.
type Output struct {
	Name  string
	DType tensor.DType
	Shape []int64
	Data  []byte
}

// Strings views the elements of a string output. They are valid until Release.
func (o *Output) Strings() []string {
	return unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(o.Data))), len(o.Data)/tensor.StringSize)
}

// Acquire begins a request on the version (0: the latest) that serves now. The version stays loaded until Release, which must
// be called whatever happens.
func (e *Engine) Acquire(name []byte, number int64) (*Request, error) {
	for {
		if e.closing.Load() {
			return nil, errClosing
		}
		v, err := e.repository.Lookup(name, number)
		if err != nil {
			return nil, lookupError(err, name, number)
		}
		p := v.choose()
		if p == nil {
			if !v.works() {
				return nil, v.lost
			}
			continue // freed or moved since the lookup: there is a newer snapshot
		}
		r, err := e.newRequest()
		if err != nil {
			p.model.Release()
			return nil, err
		}
		r.bind(v, p)
		return r, nil
	}
}

// newRequest returns an unbound request.
func (e *Engine) newRequest() (*Request, error) {
	r, ok := e.handles.Get().(*Request)
	if !ok {
		r = &Request{engine: e}
	}
	if r.flight == nil {
		if r.flight, ok = e.flights.Get().(*flight); !ok {
			f := &flight{engine: e}
			var err error
			if f.job, err = scheduler.NewJob(e.staging, f); err != nil {
				return nil, &Error{Kind: Unavailable, Message: err.Error(), RetryAfter: retryAfter, Err: err}
			}
			r.flight = f
		}
	}
	return r, nil
}

// bind starts a request on a placement of a version. The caller has taken a reference on the placement.
func (r *Request) bind(v *Version, p *placement) {
	r.version, r.flight.placement = v, p
	r.bytes, r.answered, r.selected = 0, false, r.selected[:0]
	r.symbols = r.symbols[:0]
	for range v.symbols {
		r.symbols = append(r.symbols, -1)
	}
	job := r.flight.job
	job.Model = p.model
	job.Inputs = slices.Grow(job.Inputs[:0], len(v.inputs))[:len(v.inputs)]
	// Grown in full ahead: shapes of earlier inputs point into it.
	r.flight.dims = slices.Grow(r.flight.dims[:0], v.rank)
}

// Version is the version that the request runs on.
func (r *Request) Version() *Version { return r.version }

// Release ends the request. Its tensors must not be used any more.
func (r *Request) Release() {
	if r.flight != nil {
		r.flight.recycle()
	}
	r.version = nil
	r.engine.handles.Put(r)
}

// recycle drops what the request held.
func (f *flight) recycle() {
	f.job.Reset()
	if f.placement != nil {
		f.placement.model.Release()
		f.placement = nil
	}
}

// ReleaseJob implements scheduler.Owner: a lane found the flight abandoned.
func (f *flight) ReleaseJob() {
	f.recycle()
	f.engine.flights.Put(f)
}

// Admit refuses a request that Infer would refuse at present, before its inputs are worth decoding.
func (r *Request) Admit() error {
	if r.flight.job.Model.Refuse() {
		return r.version.busy
	}
	return nil
}

// Input checks an input's name, type and shape and returns the staging to fill in full. Strings go to StringInput.
func (r *Request) Input(name []byte, dtype tensor.DType, shape []int64) ([]byte, error) {
	i, err := r.checkInput(name, dtype, shape)
	if err != nil {
		return nil, err
	}
	if dtype == tensor.String {
		return nil, invalid("input %q holds strings", r.version.inputs[i].Name)
	}
	return r.allocate(i, shape, 0)
}

// StringInput is Input for strings: it returns the records to fill and room for the bytes that they refer to.
func (r *Request) StringInput(name []byte, shape []int64, textBytes int64) (records []string, text []byte, err error) {
	i, err := r.checkInput(name, tensor.String, shape)
	if err != nil {
		return nil, nil, err
	}
	if textBytes < 0 {
		return nil, nil, invalid("input %q: %d bytes of text", name, textBytes)
	}
	staging, err := r.allocate(i, shape, textBytes)
	if err != nil {
		return nil, nil, err
	}
	recordBytes := r.flight.job.Inputs[i].Bytes
	clear(staging[:recordBytes]) // a record that the caller leaves out is an empty string
	return unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(staging))), recordBytes/tensor.StringSize), staging[recordBytes:], nil
}

// checkInput returns the input's position.
func (r *Request) checkInput(name []byte, dtype tensor.DType, shape []int64) (int, error) {
	v := r.version
	i := find(v.inputs, name)
	switch {
	case i < 0:
		return 0, invalid("model %q has no input %q", v.name, printable(name))
	case r.flight.job.Inputs[i].Address != nil:
		return 0, invalid("input %q is given twice", name)
	}
	info := &v.inputs[i]
	if dtype != info.DType {
		return 0, invalid("input %q is of type %v, the model wants %v", name, dtype, info.DType)
	}
	if !info.Ranked {
		return i, nil
	}
	if len(shape) != len(info.Shape) {
		return 0, invalid("input %q has the shape %v, the model wants %d dimensions: %v", name, slices.Clone(shape), len(info.Shape), info.Shape)
	}
	for axis, size := range shape {
		if info.Shape[axis] >= 0 && size != info.Shape[axis] {
			return 0, invalid("input %q has the shape %v, the model wants %v", name, slices.Clone(shape), info.Shape)
		}
		if symbol := info.symbols[axis]; symbol >= 0 {
			if known := r.symbols[symbol]; known >= 0 && known != size {
				return 0, invalid("input %q: dimension %d is %d, but %d at another input where it must be the same", name, axis, size, known)
			}
			r.symbols[symbol] = size
		}
	}
	return i, r.checkRows(name, shape)
}

// checkRows checks the batch dimension.
func (r *Request) checkRows(name []byte, shape []int64) error {
	v := r.version
	switch {
	case !v.batching.Batchable:
	case shape[0] == 0:
		return invalid("input %q: the batch dimension is 0", name)
	case v.maxRows > 0 && shape[0] > int64(v.maxRows):
		return invalid("input %q: the batch dimension is %d, at most %d is allowed", name, shape[0], v.maxRows)
	}
	return nil
}

// allocate reserves staging for input i and for bytes behind it.
func (r *Request) allocate(i int, shape []int64, behind int64) ([]byte, error) {
	info := &r.version.inputs[i]
	size, err := tensor.ByteSize(info.DType, shape)
	if err != nil {
		return nil, invalid("input %q: %v", info.Name, err)
	}
	if size == 0 && emptyRows(shape) > r.engine.options.MaxRequestBytes {
		return nil, invalid("input %q: the shape %v has no elements but too many rows", info.Name, slices.Clone(shape))
	}
	if limit := r.engine.options.MaxRequestBytes; size > limit || behind > limit || size+behind > limit-r.bytes {
		return nil, invalid("the inputs have more than %d bytes", limit)
	}
	r.bytes += size + behind
	job := r.flight.job
	address, err := job.Allocate(size + behind)
	if err != nil {
		return nil, r.version.requestError(err)
	}
	start := len(r.flight.dims)
	r.flight.dims = append(r.flight.dims, shape...)
	job.Inputs[i] = scheduler.Tensor{Address: address, Bytes: size, Shape: r.flight.dims[start:len(r.flight.dims):len(r.flight.dims)]}
	return unsafe.Slice((*byte)(address), size+behind), nil
}

// emptyRows is the product of the dimensions that are not 0, cut off where it is beyond any limit: kernels loop over rows without elements too.
func emptyRows(shape []int64) int64 {
	rows := int64(1)
	for _, dim := range shape {
		if dim > 0 && rows > math.MaxInt64/dim {
			return math.MaxInt64
		}
		rows *= max(dim, 1)
	}
	return rows
}

// SelectOutput asks for an output; without any, all are given. Outputs come in the order in which they were asked for.
func (r *Request) SelectOutput(name []byte) error {
	i := find(r.version.outputs, name)
	if i < 0 {
		return invalid("model %q has no output %q", r.version.name, printable(name))
	}
	if slices.Contains(r.selected, i) {
		return invalid("output %q is asked for twice", name)
	}
	r.selected = append(r.selected, i)
	return nil
}

// SetTimeout bounds the time from Infer to the answer. 0 means no bound.
func (r *Request) SetTimeout(timeout time.Duration) {
	r.flight.job.Deadline = 0
	if timeout > 0 {
		now := r.engine.clock()
		r.flight.job.Deadline = now + min(int64(timeout), math.MaxInt64-now)
	}
}

// Infer runs the request and returns once it is answered. A close of cancel gives it up; nil never does. After an error only
// Release may be called.
func (r *Request) Infer(cancel <-chan struct{}) error {
	v, job := r.version, r.flight.job
	if r.answered {
		return &Error{Kind: Internal, Message: "a request was sent twice"}
	}
	for i := range v.inputs {
		if job.Inputs[i].Address == nil {
			return invalid("input %q is missing", v.inputs[i].Name)
		}
	}
	if err := r.flight.placement.unit.scheduler.Do(job, cancel); err != nil {
		if err == scheduler.ErrCancelled || err == scheduler.ErrTimeout {
			r.flight = nil // the lane recycles it
		}
		return v.requestError(err)
	}
	r.answered = true
	if job.Err != nil {
		return v.requestError(job.Err)
	}
	v.used.Store(job.Finished)
	return nil
}

// Outputs is the number of outputs in the answer.
func (r *Request) Outputs() int {
	if len(r.selected) > 0 {
		return len(r.selected)
	}
	return len(r.flight.job.Outputs)
}

// Output returns an output of the answer.
func (r *Request) Output(i int) Output {
	if len(r.selected) > 0 {
		i = r.selected[i]
	}
	info, t := &r.version.outputs[i], &r.flight.job.Outputs[i]
	return Output{Name: info.Name, DType: info.DType, Shape: t.Shape, Data: unsafe.Slice((*byte)(t.Address), t.Bytes)}
}

// Timings returns how long an answered request waited and ran, and the rows of the batch that it was part of.
func (r *Request) Timings() (queue, compute time.Duration, batchRows int) {
	job := r.flight.job
	return time.Duration(job.Started - job.Arrived), time.Duration(job.Finished - job.Started), job.BatchRows
}
