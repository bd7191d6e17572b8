package reference

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// segment runs emitted kernels one after the other on the calling goroutine.
type segment struct{ code []*kernel }

// Run implements program.Segment. A step is one kernel; it has one tile.
func (s *segment) Run(frame *program.Frame, step, _ int64, quantum time.Duration) (int64, int64, bool, error) {
	begin := time.Now()
	for count := int64(len(s.code)); step < count; {
		if err := s.code[step].run(frame); err != nil {
			return step, 0, true, err
		}
		step++
		if step < count && frame.Over(begin, quantum) {
			return step, 0, false, nil
		}
	}
	return step, 0, true, nil
}

// Close implements program.Segment; Go's memory is all that the segment holds.
func (s *segment) Close() {}

func (k *kernel) run(frame *program.Frame) error {
	inputs := make([]*tensor.Tensor, len(k.inputs))
	for i := range k.inputs {
		if k.inputs[i].present {
			inputs[i] = k.inputs[i].view(frame)
		}
	}
	results, err := Evaluate(k.node, inputs)
	if err != nil {
		return err
	}
	for i := range k.outputs {
		p := &k.outputs[i]
		if !p.present {
			continue
		}
		if i >= len(results) {
			return fmt.Errorf("%v: output %d is not supported", k.node, i)
		}
		if results[i].DType != p.dtype || !slices.Equal(results[i].Shape, p.shape) {
			return fmt.Errorf("%v: output %d is %v, expected %s", k.node, i, results[i], tensor.Describe(p.dtype, p.shape))
		}
		if err := p.store(frame, results[i]); err != nil {
			return fmt.Errorf("%v: output %d: %w", k.node, i, err)
		}
	}
	return nil
}

// address returns where the place is in this run's memory.
func (p *place) address(frame *program.Frame) unsafe.Pointer {
	return unsafe.Add(frame.Bases[p.at.Base], p.at.Offset)
}

// view returns a tensor that shares the frame's memory.
func (p *place) view(frame *program.Frame) *tensor.Tensor {
	t := &tensor.Tensor{DType: p.dtype, Shape: p.shape}
	count := t.Elements()
	if count == 0 {
		t.Data = []byte{}
		return t
	}
	if p.dtype == tensor.String {
		t.Strings = unsafe.Slice((*string)(p.address(frame)), count)
		return t
	}
	t.Data = unsafe.Slice((*byte)(p.address(frame)), count*p.dtype.Size())
	return t
}

// textLimit bounds the bytes of the strings that one step produces: one long label of a model may stand for every element.
const textLimit = 64 << 20

// store copies a result to its place. The bytes of strings go to a block that the frame keeps, since the result may be Go's.
func (p *place) store(frame *program.Frame, result *tensor.Tensor) error {
	out := p.view(frame)
	if p.dtype != tensor.String {
		copy(out.Data, result.Data)
		return nil
	}
	if len(result.Strings) == 0 {
		return nil
	}
	size := 0
	for _, text := range result.Strings {
		size += len(text)
	}
	if size > textLimit {
		return &program.DataError{Reason: fmt.Sprintf("its strings take %d bytes; at most %d are supported", size, textLimit)}
	}
	block, err := memory.Allocate(size)
	if err != nil {
		return err
	}
	frame.Keep = append(frame.Keep, keptBlock{block})
	// The records are written as numbers: the place may hold any old bits, and storing a Go string there would show them to the garbage
	// collector as a pointer that is being overwritten.
	records := unsafe.Slice((*[2]uintptr)(p.address(frame)), len(result.Strings))
	next := 0
	for i, text := range result.Strings {
		copy(block.Bytes()[next:], text)
		records[i] = [2]uintptr{block.Address() + uintptr(next), uintptr(len(text))}
		next += len(text)
	}
	return nil
}

// keptBlock frees a block with the frame that keeps it.
type keptBlock struct{ *memory.Block }

// Release implements program.Releaser.
func (b keptBlock) Release() { b.Free() }
