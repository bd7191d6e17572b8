package pool

import (
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Window describes a sliding window.
type Window struct {
	Kind                          Kind
	KernelHeight, KernelWidth     int
	StrideHeight, StrideWidth     int
	DilationHeight, DilationWidth int
	PadTop, PadLeft               int
	PadBottom, PadRight           int
	CountIncludePad               bool // an average divides by the taps inside the padded image, not by those inside the image
}

// Use is one use of a pooling: sizes and places.
type Use struct {
	Batch, Height, Width, Channels int
	OutputHeight, OutputWidth      int // not read by PlanGlobalAverage

	Input, Output step.Operand

	// Floats from one pixel to the next; 0 means as many as there are channels.
	InputStride, OutputStride int
}

const (
	limit       = 1 << 30 // of every size, so that products of two fit
	floatLimit  = 1 << 40 // of a tensor
	wantedTiles = 16      // how many tiles a step should have, so that a few threads end at about the same time
)

// size is a named number that a plan was asked for.
type size struct {
	name  string
	value int
}

func (u *Use) check(more ...size) error {
	if u.InputStride == 0 {
		u.InputStride = u.Channels
	}
	if u.OutputStride == 0 {
		u.OutputStride = u.Channels
	}
	more = append(more, size{"batch", u.Batch}, size{"height", u.Height}, size{"width", u.Width}, size{"channels", u.Channels})
	for _, s := range more {
		if s.value < 1 || s.value > limit {
			return fmt.Errorf("pooling: %s %d, want 1 to %d", s.name, s.value, limit)
		}
	}
	for _, pixels := range [...][2]int{{u.Height * u.Width, u.InputStride}, {u.OutputHeight * u.OutputWidth, u.OutputStride}} {
		if floats := float64(u.Batch) * float64(pixels[0]) * float64(pixels[1]); floats > floatLimit {
			return fmt.Errorf("pooling: a tensor of %.3g elements is too large", floats)
		}
	}
	if u.InputStride < u.Channels || u.OutputStride < u.Channels {
		return fmt.Errorf("pooling: pixel strides %d and %d of input and output are below %d channels", u.InputStride, u.OutputStride, u.Channels)
	}
	return nil
}

// Plan returns the step that slides the window.
func Plan(level isa.Level, w Window, u Use) (step.Step, error) {
	err := u.check(size{"kernel height", w.KernelHeight}, size{"kernel width", w.KernelWidth}, size{"stride height", w.StrideHeight},
		size{"stride width", w.StrideWidth}, size{"dilation height", w.DilationHeight}, size{"dilation width", w.DilationWidth},
		size{"output height", u.OutputHeight}, size{"output width", u.OutputWidth})
	if err != nil {
		return step.Step{}, err
	}
	for _, pad := range [...]int{w.PadTop, w.PadLeft, w.PadBottom, w.PadRight} {
		if pad < 0 || pad > limit {
			return step.Step{}, fmt.Errorf("pooling: padding %d, want 0 to %d", pad, limit)
		}
	}
	rows := u.Batch * u.OutputHeight
	rowBlock := max(1, rows/wantedTiles)
	s := step.Step{Kernel: windowKernel(level), Tiles: int64((rows + rowBlock - 1) / rowBlock)}
	loads := float64(rows*u.OutputWidth) * float64(u.Channels) * float64(min(w.KernelHeight, u.Height)*min(w.KernelWidth, u.Width))
	s.CostNS = cost(level, loads)
	s.Operand[operandInput], s.Operand[operandOutput] = u.Input, u.Output
	includePad := 0
	if w.CountIncludePad {
		includePad = 1
	}
	for parameter, value := range map[int]int{
		parameterKind: int(w.Kind), parameterIncludePad: includePad, parameterHeight: u.Height, parameterWidth: u.Width, parameterChannels: u.Channels,
		parameterInputStride: u.InputStride, parameterOutputHeight: u.OutputHeight, parameterOutputWidth: u.OutputWidth,
		parameterOutputStride: u.OutputStride, parameterKernelHeight: w.KernelHeight, parameterKernelWidth: w.KernelWidth,
		parameterStrideHeight: w.StrideHeight, parameterStrideWidth: w.StrideWidth, parameterDilationHeight: w.DilationHeight,
		parameterDilationWidth: w.DilationWidth, parameterPadTop: w.PadTop, parameterPadLeft: w.PadLeft, parameterPadBottom: w.PadBottom,
		parameterPadRight: w.PadRight, parameterRows: rows, parameterRowBlock: rowBlock,
	} {
		s.Parameter[parameter] = int64(value)
	}
	return s, nil
}

// PlanGlobalAverage returns the step that averages each channel over all pixels of an image; the output has one pixel an image.
func PlanGlobalAverage(level isa.Level, u Use) (step.Step, error) {
	u.OutputHeight, u.OutputWidth = 1, 1
	if err := u.check(); err != nil {
		return step.Step{}, err
	}
	vectors := (u.Channels + level.Lanes() - 1) / level.Lanes()
	blocks := max(1, min(vectors/4, wantedTiles/u.Batch))
	s := step.Step{Kernel: globalAverageKernel(level), Tiles: int64(u.Batch * blocks)}
	s.CostNS = cost(level, float64(u.Batch*u.Height*u.Width)*float64(u.Channels))
	s.Operand[operandInput], s.Operand[operandOutput] = u.Input, u.Output
	for parameter, value := range map[int]int{
		parameterHeight: u.Height, parameterWidth: u.Width, parameterChannels: u.Channels, parameterInputStride: u.InputStride,
		parameterOutputStride: u.OutputStride, parameterChannelBlocks: blocks,
	} {
		s.Parameter[parameter] = int64(value)
	}
	return s, nil
}

// cost estimates the nanoseconds of one thread that reads so many floats from cache.
func cost(level isa.Level, loads float64) int64 {
	return int64(loads/float64(level.Lanes())*0.8) + 50
}
