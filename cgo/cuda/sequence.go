//go:build cuda

package cuda

// #include "sequence.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Sequence is a list of operations for one stream, with everything resolved to addresses. It is built once and submitted often, by one goroutine at a time.
// All memory that it names must outlive its last submission.
type Sequence struct {
	device *Device
	c      *C.struct_inferd_cuda_sequence
	names  []string // of the operations, for errors
	// statuses explain what calls return, by operation.
	statuses map[int]func(status int) string
	closed   []func()
}

// CallError says that a function which an operation calls has failed, while the device works on.
type CallError struct {
	Operation string
	Status    int    // what the function returned
	Reason    string // what that means
}

func (e *CallError) Error() string { return fmt.Sprintf("%s: %s", e.Operation, e.Reason) }

// NewSequence returns an empty sequence for a stream.
func (s *Stream) NewSequence() *Sequence {
	c := C.inferd_cuda_sequence_new(s.device.context, s.c())
	if c == nil {
		panic("out of memory")
	}
	s.device.live.sequences.Add(1)
	return &Sequence{device: s.device, c: c}
}

// Len is the number of operations.
func (q *Sequence) Len() int { return len(q.names) }

// Launch appends a kernel launch: blocks in the grid, threads in a block, bytes of dynamic shared memory, and the bytes of the kernel's one parameter.
func (q *Sequence) Launch(f *Function, grid, block [3]uint32, sharedBytes uint32, arguments []byte) {
	var o C.struct_inferd_cuda_operation
	o.kind = C.INFERD_CUDA_LAUNCH
	o.launch.function = f.function
	for i := range 3 {
		o.launch.grid[i], o.launch.block[i] = C.uint32_t(grid[i]), C.uint32_t(block[i])
	}
	o.launch.shared_bytes = C.uint32_t(sharedBytes)
	o.launch.argument_bytes = C.size_t(len(arguments))
	q.append(f.Name, &o, unsafe.Pointer(unsafe.SliceData(arguments)))
}

// CopyToDevice appends a copy from host memory, which is pinned or the device would wait for the host.
func (q *Sequence) CopyToDevice(to Address, from unsafe.Pointer, bytes int64) {
	q.append("copy to device", &C.struct_inferd_cuda_operation{
		kind: C.INFERD_CUDA_COPY_TO_DEVICE, to: C.CUdeviceptr(to), host: from, bytes: C.size_t(bytes),
	}, nil)
}

// CopyToHost appends a copy to host memory, which is pinned or the submission would wait for it.
func (q *Sequence) CopyToHost(to unsafe.Pointer, from Address, bytes int64) {
	q.append("copy to host", &C.struct_inferd_cuda_operation{
		kind: C.INFERD_CUDA_COPY_TO_HOST, from: C.CUdeviceptr(from), host: to, bytes: C.size_t(bytes),
	}, nil)
}

// CopyOnDevice appends a copy within the device. The two places must not overlap.
func (q *Sequence) CopyOnDevice(to, from Address, bytes int64) {
	q.append("copy on device", &C.struct_inferd_cuda_operation{
		kind: C.INFERD_CUDA_COPY_ON_DEVICE, to: C.CUdeviceptr(to), from: C.CUdeviceptr(from), bytes: C.size_t(bytes),
	}, nil)
}

// Fill appends setting bytes to a value.
func (q *Sequence) Fill(to Address, value byte, bytes int64) {
	q.append("fill", &C.struct_inferd_cuda_operation{
		kind: C.INFERD_CUDA_FILL, to: C.CUdeviceptr(to), value: C.uchar(value), bytes: C.size_t(bytes),
	}, nil)
}

// Call appends a call of a C function, int (*)(void *record, CUstream), which puts work on the stream and returns 0; explain says what else it may return.
// The record is C memory that outlives the sequence.
func (q *Sequence) Call(name string, function, record unsafe.Pointer, explain func(status int) string) {
	if q.statuses == nil {
		q.statuses = make(map[int]func(int) string)
	}
	q.statuses[q.Len()] = explain
	q.append(name, &C.struct_inferd_cuda_operation{
		kind: C.INFERD_CUDA_CALL, callable: C.inferd_cuda_callable(function), record: record,
	}, nil)
}

// append leaves out copies and fills of nothing, which the driver refuses in a graph.
func (q *Sequence) append(name string, o *C.struct_inferd_cuda_operation, arguments unsafe.Pointer) {
	if o.bytes == 0 && o.kind != C.INFERD_CUDA_LAUNCH && o.kind != C.INFERD_CUDA_CALL {
		return
	}
	if q.c.graph != nil {
		panic("cuda: a captured sequence is complete")
	}
	if C.inferd_cuda_sequence_append(q.c, o, arguments) == 0 {
		panic("out of memory")
	}
	q.names = append(q.names, name)
}

// OnClose adds a function to be called once the sequence has been freed: what frees the records of its calls.
func (q *Sequence) OnClose(f func()) { q.closed = append(q.closed, f) }

// RecordBegin lets every submission record the event ahead of its work; nil ends that.
func (q *Sequence) RecordBegin(e *Event) {
	q.c.begin = nil
	if e != nil {
		q.c.begin = e.handle
	}
}

// Capture makes a graph of the operations, so that a submission is one launch of the device. Nothing runs. What libraries load at their first call must have
// been loaded: submit the sequence once before. A sequence that cannot be captured stays as it is and is submitted operation by operation; the error says
// why.
func (q *Sequence) Capture() error {
	if q.c.graph != nil || q.Len() == 0 {
		return nil
	}
	code := C.inferd_cuda_sequence_capture(q.c)
	if q.c.graph != nil {
		q.device.live.graphs.Add(1)
	}
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return fmt.Errorf("capture: %w", q.explain(code))
}

// Captured reports whether submissions launch a graph.
func (q *Sequence) Captured() bool { return q.c.graph != nil }

// Submit hands the operations to the device and records done, if not nil, behind them. It returns at once, allocates nothing and takes one C call. What goes
// wrong on the device shows when the event is waited for.
func (q *Sequence) Submit(done *Event) error {
	var event C.CUevent
	if done != nil {
		event = done.handle
	}
	if code := C.inferd_cuda_sequence_submit(q.c, event); code != C.CUDA_SUCCESS {
		return q.explain(code)
	}
	return nil
}

func (q *Sequence) explain(code C.CUresult) error {
	where := C.GoString(q.c.call)
	if at := int(q.c.at); at < len(q.names) {
		where = fmt.Sprintf("%s (operation %d of %d, %s)", where, at, len(q.names), q.names[at])
	}
	if code == C.INFERD_CUDA_CALL_FAILED {
		status := int(q.c.status)
		return &CallError{Operation: where, Status: status, Reason: q.statuses[int(q.c.at)](status)}
	}
	return q.device.failure(where, code)
}

// Close frees the sequence, whose work must be done.
func (q *Sequence) Close() error {
	if q.c == nil {
		return nil
	}
	if q.c.graph != nil {
		q.device.live.graphs.Add(-1)
	}
	q.device.live.sequences.Add(-1)
	code := C.inferd_cuda_sequence_free(q.c)
	q.c = nil
	for _, f := range q.closed {
		f()
	}
	return q.device.failure("cuGraphExecDestroy", code)
}
