// Package program holds what the compiler makes and the lanes run: an immutable sequence of segments for fixed shapes, and the frame of
// memory that one run of it uses.
//
// In: segments that devices linked and the memory plan. Out: outputs in the caller's staging. It knows neither operators nor devices.
package program

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Port is an input or output of a program: its position in Frame.Bases is step.BaseBindings plus its index among the inputs, then outputs.
type Port struct {
	Name  string
	DType tensor.DType
	Shape []int64
	Bytes int64
}

// Program is immutable and safe for concurrent use, each run with its own Frame.
type Program struct {
	Inputs, Outputs []Port
	ArenaBytes      int64 // at least StatusBytes
	Segments        []Segment
	// Executor runs the program on a device that works by itself; nil where Run does, on the calling goroutine.
	Executor Executor
	Steps    []StepInfo
	// DeviceArenaBytes and Transfers are of a device that works by itself: its scratch memory, and what is copied to and from it, in order.
	DeviceArenaBytes int64
	Transfers        []TransferInfo
	// CostNS is the compiler's estimate of a run on one thread.
	CostNS int64
	// Release frees what the program holds beside its segments; nil where there is nothing.
	Release func()
}

// StepInfo describes a step for people.
type StepInfo struct {
	Node, Op, Kernel string
	Output           string // type and shape of the first output
	FLOP, Bytes      int64
	Device           string // on which the step runs
	Slow             string // why the program's own device has no kernel for this step; empty where it has
}

// TransferInfo describes a copy of a value between the host and a device that works by itself.
type TransferInfo struct {
	Value    string
	Bytes    int64
	ToDevice bool
}

// BaseCount is the length of Frame.Bases for the program.
func (p *Program) BaseCount() int { return step.BaseBindings + len(p.Inputs) + len(p.Outputs) }

// StatusBytes is the size of the status at the start of every arena: counters that are zero when a run begins, and that steps raise where the
// data of a request, not its shape, is at fault. Places of the counters, each an int64, follow.
const StatusBytes = 64

const (
	// StatusIndexOutOfRange: an index lies beyond the axis that it selects from.
	StatusIndexOutOfRange = 0
	// StatusUnknownCategory: an element is none of the categories that the model knows.
	StatusUnknownCategory = 8
)

// DataError says that the content of an input made no sense to the model. In a batch of several requests any one may be at fault.
type DataError struct{ Reason string }

func (e *DataError) Error() string { return e.Reason }

var (
	errIndex    = &DataError{"an index in the input lies outside the table that it selects from"}
	errCategory = &DataError{"an element of the input is none of the categories that the model knows"}
)

// status views the frame's counters.
func (f *Frame) status() *[StatusBytes / 8]int64 {
	return (*[StatusBytes / 8]int64)(f.Bases[step.BaseArena])
}

// Begin clears the counters ahead of a run.
func (f *Frame) Begin() { clear(f.status()[:]) }

// AddStatus adds the counters of steps that ran elsewhere; at is where they were copied to.
func (f *Frame) AddStatus(at unsafe.Pointer) {
	for i, count := range (*[StatusBytes / 8]int64)(at) {
		f.status()[i] += count
	}
}

// DataError returns what the counters say after a run.
func (f *Frame) DataError() error {
	switch status := f.status(); {
	case status[StatusIndexOutOfRange/8] != 0:
		return errIndex
	case status[StatusUnknownCategory/8] != 0:
		return errCategory
	}
	return nil
}

// Cursor says where a run stands; the zero Cursor is its beginning.
type Cursor struct {
	Segment int
	Step    int64
	Tile    int64
}

// Segment is a run of consecutive steps on one device.
type Segment interface {
	// Run goes on from the cursor's step and tile. It returns done, or the place to go on from once quantum has passed (0: no limit) or,
	// where the frame has a Yield, once that was asked for.
	Run(frame *Frame, step, tile int64, quantum time.Duration) (nextStep, nextTile int64, done bool, err error)
	// Close releases what the segment holds outside Go's memory.
	Close()
}

// Frame is the memory of one run. All addresses are C's.
type Frame struct {
	// Bases: nil, the arena (64-byte aligned), the inputs, the outputs.
	Bases []unsafe.Pointer
	// Keep holds blocks (bytes of strings that steps produced) until Reset.
	Keep []Releaser
	// Yield, where it is set, takes the place of quanta: the run goes on until somebody else wants the device.
	Yield *Yield
}

// Yield is how another goroutine asks a run to pause. The zero value asks for nothing.
type Yield struct {
	wanted uint32
	_      [60]byte // a cache line that only runs and those who ask touch; and no pointers, so that C may read it
}

// Ask makes the run pause at its next step or tile.
func (y *Yield) Ask() {
	if atomic.LoadUint32(&y.wanted) == 0 {
		atomic.StoreUint32(&y.wanted, 1)
	}
}

// Clear forgets what was asked.
func (y *Yield) Clear() { atomic.StoreUint32(&y.wanted, 0) }

// Word is the word that Ask makes 1, for code in C; nil for a nil Yield.
func (y *Yield) Word() *uint32 {
	if y == nil {
		return nil
	}
	return &y.wanted
}

// Over reports whether a run that began at some time should pause.
func (f *Frame) Over(began time.Time, quantum time.Duration) bool {
	if f.Yield != nil {
		return atomic.LoadUint32(&f.Yield.wanted) != 0
	}
	return quantum > 0 && time.Since(began) >= quantum
}

// Releaser frees a block of memory.
type Releaser interface{ Release() }

// Reset releases what the steps of the last run left with the frame.
func (f *Frame) Reset() {
	for i, block := range f.Keep {
		block.Release()
		f.Keep[i] = nil
	}
	f.Keep = f.Keep[:0]
}

// Run goes on from the cursor and returns done, or the cursor to go on from once the run should pause (see Segment). A failed run is over.
func (p *Program) Run(frame *Frame, cursor Cursor, quantum time.Duration) (Cursor, bool, error) {
	var began time.Time
	if quantum > 0 && len(p.Segments) > 1 {
		began = time.Now()
	}
	if cursor == (Cursor{}) {
		frame.Begin()
	}
	for cursor.Segment < len(p.Segments) {
		left := quantum
		if !began.IsZero() {
			left = max(quantum-time.Since(began), 1)
		}
		step, tile, done, err := p.Segments[cursor.Segment].Run(frame, cursor.Step, cursor.Tile, left)
		if err != nil {
			return cursor, true, err
		}
		if !done {
			return Cursor{cursor.Segment, step, tile}, false, nil
		}
		cursor = Cursor{Segment: cursor.Segment + 1}
		if !began.IsZero() && cursor.Segment < len(p.Segments) && frame.Over(began, quantum) {
			return cursor, false, nil
		}
	}
	return cursor, true, frame.DataError()
}

// Close releases the segments. No run may be under way.
func (p *Program) Close() {
	if p.Executor != nil {
		p.Executor.Close()
	}
	for _, segment := range p.Segments {
		segment.Close()
	}
	if p.Release != nil {
		p.Release()
	}
}
