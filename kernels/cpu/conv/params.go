package conv

import (
	"fmt"
	"math"
)

// Params describes a convolution layer; everything but the size of its input.
type Params struct {
	InputChannels, OutputChannels int
	Groups                        int
	KernelHeight, KernelWidth     int
	StrideHeight, StrideWidth     int
	DilationHeight, DilationWidth int
	PadTop, PadLeft               int
	PadBottom, PadRight           int
}

// limit bounds every size, so that products of two fit easily and hostile models are refused early.
const limit = 1 << 30

// floatLimit bounds the number of elements of a tensor.
const floatLimit = 1 << 40

// Validate reports what is wrong with the layer.
func (p *Params) Validate() error {
	positive := []struct {
		name  string
		value int
	}{
		{"input channels", p.InputChannels}, {"output channels", p.OutputChannels}, {"groups", p.Groups},
		{"kernel height", p.KernelHeight}, {"kernel width", p.KernelWidth},
		{"stride height", p.StrideHeight}, {"stride width", p.StrideWidth},
		{"dilation height", p.DilationHeight}, {"dilation width", p.DilationWidth},
	}
	for _, v := range positive {
		if v.value < 1 || v.value > limit {
			return fmt.Errorf("convolution: %s %d, want 1 to %d", v.name, v.value, limit)
		}
	}
	for _, pad := range [...]int{p.PadTop, p.PadLeft, p.PadBottom, p.PadRight} {
		if pad < 0 || pad > limit {
			return fmt.Errorf("convolution: padding %d, want 0 to %d", pad, limit)
		}
	}
	if p.InputChannels%p.Groups != 0 || p.OutputChannels%p.Groups != 0 {
		return fmt.Errorf("convolution: %d input and %d output channels do not divide into %d groups", p.InputChannels, p.OutputChannels, p.Groups)
	}
	floats := 1.0
	for _, n := range [...]int{p.InputChannels / p.Groups, p.OutputChannels, p.KernelHeight, p.KernelWidth} {
		floats *= float64(n)
	}
	if floats > math.MaxInt32*64 {
		return fmt.Errorf("convolution: %.3g weights are too many", floats)
	}
	return nil
}

// OutputSize returns the height and width of the output for an input of the given size.
func (p *Params) OutputSize(height, width int) (outputHeight, outputWidth int, err error) {
	spanHeight, spanWidth := p.span()
	freeHeight, freeWidth := height+p.PadTop+p.PadBottom-spanHeight, width+p.PadLeft+p.PadRight-spanWidth
	if height < 1 || width < 1 || height > limit || width > limit || freeHeight < 0 || freeWidth < 0 {
		return 0, 0, fmt.Errorf("convolution: input of %dx%d pixels is too small or too large for a kernel that spans %dx%d with padding %d, %d, %d, %d",
			height, width, spanHeight, spanWidth, p.PadTop, p.PadLeft, p.PadBottom, p.PadRight)
	}
	return freeHeight/p.StrideHeight + 1, freeWidth/p.StrideWidth + 1, nil
}

// span is the number of input rows and columns between a kernel's first and last tap, both included.
func (p *Params) span() (height, width int) {
	return (p.KernelHeight-1)*p.DilationHeight + 1, (p.KernelWidth-1)*p.DilationWidth + 1
}

// taps is the number of weights between one input and one output channel.
func (p *Params) taps() int { return p.KernelHeight * p.KernelWidth }

// multiplyAdds is the number of multiply-adds for one output pixel.
func (p *Params) multiplyAdds() int {
	return p.taps() * (p.InputChannels / p.Groups) * p.OutputChannels
}
