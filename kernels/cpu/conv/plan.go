package conv

import (
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Use is one use of a packed layer: the size of its input, where its operands lie, and what is fused into it.
type Use struct {
	Batch, Height, Width int

	Input, Output step.Operand
	Weights       step.Operand // as Pack wrote them
	Residual      step.Operand // the zero operand where there is none; may be the output itself

	// Floats from one pixel to the next; 0 means as many as there are channels.
	InputStride, OutputStride, ResidualStride int

	// Planar says that the input is NCHW (then dense). Only layers for which ReadsPlanar is true take it.
	Planar bool

	Activation activation.Activation // applied after the residual is added
}

// stagedChannels is the number of input channels up to which the direct kernel copies input rows to scratch first.
const stagedChannels = 8

// ReadsPlanar reports whether the layer can read its input in NCHW, sparing a conversion: first layers, which see images.
func (l *Layout) ReadsPlanar() bool {
	return l.Algorithm == Direct && l.Groups == 1 && l.InputChannels <= stagedChannels
}

// Plan returns the step that computes the layer.
func (l *Layout) Plan(use Use) (step.Step, error) {
	outputHeight, outputWidth, err := l.OutputSize(use.Height, use.Width)
	if err != nil {
		return step.Step{}, err
	}
	if use.InputStride == 0 {
		use.InputStride = l.InputChannels
	}
	if use.OutputStride == 0 {
		use.OutputStride = l.OutputChannels
	}
	if use.ResidualStride == 0 {
		use.ResidualStride = l.OutputChannels
	}
	switch {
	case use.Batch < 1 || use.Batch > limit:
		return step.Step{}, fmt.Errorf("convolution: batch %d, want 1 to %d", use.Batch, limit)
	case use.InputStride < l.InputChannels || use.OutputStride < l.OutputChannels || use.ResidualStride < l.OutputChannels:
		return step.Step{}, fmt.Errorf("convolution: pixel strides %d, %d, %d of input, output and residual are below %d, %d, %d channels",
			use.InputStride, use.OutputStride, use.ResidualStride, l.InputChannels, l.OutputChannels, l.OutputChannels)
	case use.Planar && (!l.ReadsPlanar() || use.InputStride != l.InputChannels):
		return step.Step{}, fmt.Errorf("convolution: a %s layer with %d input channels cannot read NCHW", l.Algorithm, l.InputChannels)
	}
	for _, pixels := range [...][2]int{{use.Height * use.Width, use.InputStride}, {outputHeight * outputWidth, max(use.OutputStride, use.ResidualStride)}} {
		if floats := float64(use.Batch) * float64(pixels[0]) * float64(pixels[1]); floats > floatLimit {
			return step.Step{}, fmt.Errorf("convolution: a tensor of %.3g elements is too large", floats)
		}
	}
	s := step.Step{Kernel: kernel(l.Algorithm, l.Level)}
	s.Operand[operandInput] = use.Input
	s.Operand[operandWeights] = use.Weights
	s.Operand[operandResidual] = use.Residual
	s.Operand[operandOutput] = use.Output
	for parameter, value := range map[int]int{
		parameterHeight: use.Height, parameterWidth: use.Width, parameterChannels: l.InputChannels,
		parameterInputStride: use.InputStride, parameterOutputStride: use.OutputStride, parameterResidualStride: use.ResidualStride,
		parameterOutputHeight: outputHeight, parameterOutputWidth: outputWidth, parameterOutputChannels: l.OutputChannels,
		parameterKernelHeight: l.KernelHeight, parameterKernelWidth: l.KernelWidth,
		parameterStrideHeight: l.StrideHeight, parameterStrideWidth: l.StrideWidth,
		parameterDilationHeight: l.DilationHeight, parameterDilationWidth: l.DilationWidth,
		parameterPadTop: l.PadTop, parameterPadLeft: l.PadLeft, parameterActivation: int(use.Activation.Kind),
	} {
		s.Parameter[parameter] = int64(value)
	}
	s.SetFloat(parameterActivationP0, float64(use.Activation.P0))
	s.SetFloat(parameterActivationP1, float64(use.Activation.P1))
	pixels := use.Batch * outputHeight * outputWidth
	s.CostNS = l.cost(pixels)
	switch l.Algorithm {
	case Depthwise:
		l.planDepthwise(&s, use, outputHeight, outputWidth)
	case Winograd:
		l.planWinograd(&s, use, outputHeight, outputWidth)
	default:
		l.planDirect(&s, use, outputHeight, outputWidth)
	}
	return s, nil
}

// cost estimates the nanoseconds of one thread.
func (l *Layout) cost(pixels int) int64 {
	perNS := [...]float64{isa.Scalar: 4, isa.AVX2: 24, isa.AVX512: 48}[l.Level] // multiply-adds
	if l.Algorithm == Depthwise {
		perNS /= 2
	} else if l.Algorithm == Winograd {
		perNS *= 2
	}
	return int64(float64(pixels)*float64(l.multiplyAdds())/perNS) + 100
}
