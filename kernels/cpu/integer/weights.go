package integer

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/memory"
)

// Weights are a layer's weights of eight-bit integers, [Outputs, GroupChannels, KernelHeight, KernelWidth] as ONNX has them; a matrix is a layer of single
// pixels.
type Weights struct {
	Outputs, Groups, GroupChannels, KernelHeight, KernelWidth int
	Transposed                                                bool // a matrix [GroupChannels, Outputs]
	Unsigned                                                  bool // uint8, else int8
	Data                                                      []byte
	Zeros                                                     []int32   // none, one, or one for each output
	Scales                                                    []float32 // none, one, or one for each output
}

// Packed are weights in the layout that one level's kernels read: panels of int8 (uint8 has 128 taken off, and its zero points too), or, where each channel
// has a filter of its own, [KernelHeight, KernelWidth, channels]; and arrays of what belongs to columns.
type Packed struct {
	level                     Level
	outputs, groups, channels int
	kernelHeight, kernelWidth int
	pitch, array              int // of a group in the arrays, and their length
	hasZeros, scaled          bool
	block, columns            *memory.Block
}

func (w *Weights) depth() int { return w.KernelHeight * w.KernelWidth * w.GroupChannels }

// Pack packs weights.
func Pack(level Level, w Weights) (*Packed, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("pack weights of integers: %w", err)
	}
	panel := variantOf(level).panel
	p := &Packed{
		level: level, outputs: w.Outputs, groups: w.Groups, channels: w.GroupChannels, kernelHeight: w.KernelHeight, kernelWidth: w.KernelWidth,
		pitch: ceil(w.Outputs/w.Groups, panel) * panel, scaled: len(w.Scales) > 0,
	}
	p.array = p.groups * p.pitch
	bytes := p.array * ceil(w.depth(), 4) * 4
	if p.isDepthwise() {
		p.pitch, p.array = 1, ceil(w.Outputs, panel)*panel
		bytes = w.Outputs * w.depth()
	}
	var err error
	if p.block, err = memory.Allocate(bytes); err != nil {
		return nil, fmt.Errorf("pack weights of integers: %w", err)
	}
	if p.columns, err = memory.Allocate(3 * 4 * p.array); err != nil {
		p.block.Free()
		return nil, fmt.Errorf("pack weights of integers: %w", err)
	}
	p.fill(&w, panel)
	return p, nil
}

func (w *Weights) check() error {
	const limit = 1 << 24
	for _, size := range []int{w.Outputs, w.Groups, w.GroupChannels, w.KernelHeight, w.KernelWidth} {
		if size < 1 || size > limit {
			return fmt.Errorf("a size of %d is out of range", size)
		}
	}
	elements := float64(w.Outputs) * float64(w.GroupChannels) * float64(w.KernelHeight) * float64(w.KernelWidth)
	switch {
	case elements > math.MaxInt32 || int(elements) != len(w.Data):
		return fmt.Errorf("%d bytes for %.0f weights", len(w.Data), elements)
	case w.Outputs%w.Groups != 0:
		return fmt.Errorf("%d outputs in %d groups", w.Outputs, w.Groups)
	case len(w.Zeros) > 1 && len(w.Zeros) != w.Outputs || len(w.Scales) > 1 && len(w.Scales) != w.Outputs:
		return errors.New("zero points or scales do not fit the outputs")
	}
	return nil
}

// isDepthwise reports whether each channel has a filter of its own.
func (p *Packed) isDepthwise() bool { return p.groups > 1 && p.channels == 1 && p.outputs == p.groups }

func (p *Packed) fill(w *Weights, panel int) {
	arrays := unsafe.Slice((*int32)(p.columns.Pointer()), 3*p.array)
	terms, zeros, scales := arrays[:p.array], arrays[p.array:2*p.array], p.columns.Float32s()[2*p.array:]
	packed := unsafe.Slice((*byte)(p.block.Pointer()), p.block.Size())
	for output := range w.Outputs {
		perGroup := w.Outputs / w.Groups
		column := output/perGroup*p.pitch + output%perGroup
		sum := p.fillOutput(packed, w, output, column, panel)
		zeros[column] = w.zero(output)
		p.hasZeros = p.hasZeros || zeros[column] != 0
		terms[column] = sum - int32(w.depth())*zeros[column]
		if len(w.Scales) > 0 {
			scales[column] = w.Scales[min(output, len(w.Scales)-1)]
		}
	}
}

// zero is the zero point of an output once the weights are int8.
func (w *Weights) zero(output int) (zero int32) {
	if len(w.Zeros) > 0 {
		zero = w.Zeros[min(output, len(w.Zeros)-1)]
	}
	if w.Unsigned {
		zero -= 128
	}
	return zero
}

// fillOutput packs the weights of an output and returns their sum.
func (p *Packed) fillOutput(packed []byte, w *Weights, output, column, panel int) (sum int32) {
	taps, groups, turned := w.KernelHeight*w.KernelWidth, ceil(w.depth(), 4), byte(0)
	if w.Unsigned {
		turned = 0x80
	}
	for channel := range w.GroupChannels {
		for tap := range taps {
			from := (output*w.GroupChannels+channel)*taps + tap
			if w.Transposed {
				from = channel*w.Outputs + output
			}
			k := tap*w.GroupChannels + channel
			to := ((column/panel*groups+k/4)*panel+column%panel)*4 + k%4
			if p.isDepthwise() {
				to = tap*w.Outputs + output
			}
			packed[to] = w.Data[from] ^ turned
			sum += int32(int8(packed[to]))
		}
	}
	return sum
}

// Bytes returns the memory that the packed weights take.
func (p *Packed) Bytes() int { return p.block.Size() + p.columns.Size() }

// Free releases the packed weights. No step that uses them may run any more.
func (p *Packed) Free() {
	p.block.Free()
	p.columns.Free()
}

func ceil(a, b int) int { return (a + b - 1) / b }
