package gemm8

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/conv"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Layer is a convolution whose filters are packed. Depthwise ones have a direct kernel; the others are products whose rows each tile gathers from the images.
type Layer struct {
	conv.Params
	packed    *Packed       // [groups][kernel height, kernel width, channels of the group] x [filters of the group]; nil where depthwise
	variant   *variant      // of depthwise layers
	depthwise *memory.Block // [vectors of channels][taps][lanes] int32, the weight less its zero point in the low 16 bits
}

// elementLimit bounds the number of elements of a tensor.
const elementLimit = 1 << 40

// PackLayer packs filters, OIHW as ONNX stores them, bytes in two's complement where signed, with one zero point for each, one for all or none, for the best kernel of
// the level.
func PackLayer(level isa.Level, p conv.Params, filters []byte, signed bool, zeros []int32) (*Layer, error) {
	return packLayer(variantOf(level), p, filters, signed, zeros)
}

func packLayer(v *variant, p conv.Params, filters []byte, signed bool, zeros []int32) (*Layer, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	taps, channels := p.KernelHeight*p.KernelWidth, p.InputChannels/p.Groups
	if want := p.OutputChannels * channels * taps; len(filters) != want {
		return nil, fmt.Errorf("pack convolution: %d weights, want %d", len(filters), want)
	}
	w := Weights{Data: filters, Signed: signed, K: taps * channels, N: p.OutputChannels, Row: 1, Column: taps * channels, Zeros: zeros}
	if p.Groups > 1 && p.Groups == p.InputChannels && p.Groups == p.OutputChannels {
		return packDepthwise(v, p, w)
	}
	if taps > 1 && channels > 1 {
		w.Data = channelsLast(filters, channels, taps)
	}
	packed, err := pack(v, w, p.Groups)
	return &Layer{Params: p, packed: packed}, err
}

// channelsLast turns filters [..., channels, taps] to [..., taps, channels].
func channelsLast(filters []byte, channels, taps int) []byte {
	turned := make([]byte, len(filters))
	for filter := 0; filter < len(filters); filter += channels * taps {
		for c := range channels {
			for t := range taps {
				turned[filter+t*channels+c] = filters[filter+c*taps+t]
			}
		}
	}
	return turned
}

func packDepthwise(v *variant, p conv.Params, w Weights) (*Layer, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("pack convolution: %w", err)
	}
	block, err := memory.Allocate(ceil(w.N, v.lanes) * v.lanes * w.K * 4)
	if err != nil {
		return nil, fmt.Errorf("pack convolution: %w", err)
	}
	numbers := unsafe.Slice((*int32)(block.Pointer()), block.Size()/4)
	for channel := range w.N {
		for tap := range w.K {
			numbers[(channel/v.lanes*w.K+tap)*v.lanes+channel%v.lanes] = int32(uint16(w.value(tap, channel)))
		}
	}
	return &Layer{Params: p, variant: v, depthwise: block}, nil
}

// Bytes returns the memory that the packed filters take.
func (l *Layer) Bytes() int {
	if l.depthwise != nil {
		return l.depthwise.Size()
	}
	return l.packed.Bytes()
}

// Free releases the packed filters. No step that uses them may run any more.
func (l *Layer) Free() {
	l.depthwise.Free()
	if l.packed != nil {
		l.packed.Free()
	}
}

// Use is one use of a layer: the size of its input [Batch, Height, Width, channels], where it and the result lie, and what is fused into it. Padding counts as A's zero
// point.
type Use struct {
	Batch, Height, Width int
	Input, Output        step.Operand
	Epilogue
}

// Plan returns the step that computes the layer.
func (l *Layer) Plan(u Use) (step.Step, error) {
	outputHeight, outputWidth, err := l.OutputSize(u.Height, u.Width)
	if err != nil {
		return step.Step{}, err
	}
	input, output := float64(u.Height)*float64(u.Width)*float64(l.InputChannels), float64(outputHeight)*float64(outputWidth)*float64(l.OutputChannels)
	pixels := float64(u.Batch) * float64(outputHeight) * float64(outputWidth)
	if u.Batch < 1 || float64(u.Batch)*max(input, output) > elementLimit || pixels >= limit {
		return step.Step{}, fmt.Errorf("convolution: %d images of %d x %d pixels are out of range", u.Batch, u.Height, u.Width)
	}
	var s step.Step
	switch rows := int(pixels); {
	case l.depthwise != nil:
		s, err = l.planDepthwise(&u, rows, outputWidth)
	case l.isPoint():
		product := Product{M: rows, Packed: l.packed, A: u.Input, C: u.Output, Epilogue: u.Epilogue}
		s, err = product.plan(0)
	default:
		product := Product{M: rows, Packed: l.packed, A: u.Input, C: u.Output, Epilogue: u.Epilogue}
		s, err = product.plan(flagConvolution | flagStageA)
	}
	if err != nil {
		return step.Step{}, fmt.Errorf("convolution: %w", err)
	}
	for i, value := range map[int]int{
		parameterHeight: u.Height, parameterWidth: u.Width, parameterChannels: l.InputChannels / l.Groups,
		parameterOutputHeight: outputHeight, parameterOutputWidth: outputWidth, parameterKernelHeight: l.KernelHeight, parameterKernelWidth: l.KernelWidth,
		parameterStrideHeight: l.StrideHeight, parameterStrideWidth: l.StrideWidth,
		parameterDilationHeight: l.DilationHeight, parameterDilationWidth: l.DilationWidth, parameterPadTop: l.PadTop, parameterPadLeft: l.PadLeft,
	} {
		s.Parameter[i] = int64(value)
	}
	return s, nil
}

// isPoint reports whether the layer is a product of the images as they are.
func (l *Layer) isPoint() bool {
	return l.Groups == 1 && l.KernelHeight == 1 && l.KernelWidth == 1 && l.StrideHeight == 1 && l.StrideWidth == 1 &&
		l.PadTop == 0 && l.PadLeft == 0 && l.PadBottom == 0 && l.PadRight == 0
}

// planDepthwise divides the output's rows and, where these are few, the channels into tiles.
func (l *Layer) planDepthwise(u *Use, pixels, outputWidth int) (step.Step, error) {
	if err := u.check(); err != nil {
		return step.Step{}, err
	}
	if l.OutputChannels >= limit {
		return step.Step{}, errors.New("sizes are out of range")
	}
	v, taps, vectors := l.variant, l.KernelHeight*l.KernelWidth, ceil(l.OutputChannels, l.variant.lanes)
	s := step.Step{Kernel: v.depthwise, CostNS: 30 + int64(float64(pixels)*float64(vectors)*(float64(taps)+4))}
	rows := pixels / outputWidth
	wanted := int(max(1, min(sharedTiles*max(1, s.CostNS/sharedTiles/maxTileNS), s.CostNS/minTileNS)))
	rowBlock := ceil(rows, min(wanted, rows))
	channelBlocks := max(1, min(wanted/ceil(rows, rowBlock), vectors))
	s.Tiles = int64(ceil(rows, rowBlock)) * int64(channelBlocks)
	s.Operand[operandA], s.Operand[operandB], s.Operand[operandC] = u.Input, step.Absolute(l.depthwise.Pointer()), u.Output
	u.set(&s)
	for i, value := range map[int]int{
		parameterM: pixels, parameterN: 1, parameterK: taps, parameterGroups: l.OutputChannels, parameterRowBlock: rowBlock, parameterChannelBlocks: channelBlocks,
	} {
		s.Parameter[i] = int64(value)
	}
	return s, nil
}
