package cuda

import (
	"math"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// Conv describes a convolution of images in channels-last order: X[Images, Height, Width, Channels] -> Y[Images, OutputHeight, OutputWidth, Outputs]. A
// residual lies as Y does.
type Conv struct {
	Type        Type
	TensorFloat bool // as in Gemm
	ConvWeights
	Images, Height, Width     int64
	OutputHeight, OutputWidth int64
	Strides, Dilations        [2]int64
	PadTop, PadLeft           int64 // the rest follows from the output's size
	X, W, Y                   step.Operand
	Epilogue                  // alpha is 1
	Multiprocessors           int64
}

// convArguments mirrors ConvArguments.
type convArguments struct {
	x, weights, bias, residual, y                                                                        address
	epilogue                                                                                             epilogueArguments
	images, rowTiles, columnTiles                                                                        int64
	weightGroup, weightRow, weightDepth                                                                  int64
	height, width, channels, groupChannels                                                               int32
	outputHeight, outputWidth, groupOutputs, groups                                                      int32
	kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft int32
}

// Plan returns the launch; none where there are no elements.
func (c Conv) Plan() ([]Launch, error) {
	if c.Images*c.OutputHeight*c.OutputWidth*c.Outputs == 0 {
		return nil, nil
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	switch {
	case c.Form == FormDepthwise:
		return c.planDepthwise()
	case c.isProduct():
		return c.gemm().Plan()
	}
	return c.planPatches()
}

func (c *Conv) check() error {
	const most = math.MaxInt32 / 2
	switch {
	case !c.Type.IsFloat():
		return unsupported("a convolution of %v", c.Type)
	case c.Form != c.FormFor(c.Type, c.TensorFloat):
		return unsupported("weights in form %v", c.Form)
	case max(c.Images*c.Height*c.Width, c.OutputHeight*c.OutputWidth, c.depth(), c.Groups*c.GroupChannels, c.Outputs) > most:
		return unsupported("a convolution of %d images of %d x %d x %d", c.Images, c.Height, c.Width, c.Groups*c.GroupChannels)
	case max(c.KernelHeight*c.Dilations[0], c.KernelWidth*c.Dilations[1], c.OutputHeight*c.Strides[0], c.OutputWidth*c.Strides[1]) > most/2:
		return unsupported("a convolution with a kernel of %d x %d", c.KernelHeight, c.KernelWidth)
	}
	return nil
}

// isProduct reports whether the patches are the images themselves.
func (c *Conv) isProduct() bool {
	return c.Groups == 1 && c.KernelHeight*c.KernelWidth == 1 && c.Strides == [2]int64{1, 1} && c.PadTop|c.PadLeft == 0 &&
		c.OutputHeight == c.Height && c.OutputWidth == c.Width
}

// gemm is the convolution as a product. Its bits are those of the convolution.
func (c *Conv) gemm() Gemm {
	g := Gemm{
		Type: c.Type, TensorFloat: c.TensorFloat, M: c.Images * c.Height * c.Width, N: c.Outputs, K: c.GroupChannels, Batch: [3]int64{1, 1, 1},
		A: GemmMatrix{Operand: c.X, Row: c.GroupChannels, Column: 1}, C: GemmMatrix{Operand: c.Y, Row: c.Outputs, Column: 1},
		B:        GemmMatrix{Operand: c.W, Row: c.pitch(), Column: 1},
		Epilogue: c.Epilogue, ResidualRow: c.Outputs, ResidualColumn: 1, Multiprocessors: c.Multiprocessors,
	}
	if c.Form == FormRows {
		g.B.Row, g.B.Column = 1, c.pitch()
	}
	g.Alpha = 1
	return g
}

// The tiles of convolutions: layers with few channels waste less of a slim one.
var (
	convMmaTiles    = []tile{mmaTiles[0], mmaTiles[1], mmaTiles[2], {64, 32, 128, 6, 0.5}, mmaTiles[3]}
	convFmaTiles    = []tile{fmaTiles[0], fmaTiles[1], {64, 32, 128, 6, 0.6}, fmaTiles[2]}
	convNarrowTiles = []tile{mmaTiles[2], {64, 32, 128, 6, 0.6}}
)

// planPatches plans the product of patches and weights.
func (c *Conv) planPatches() ([]Launch, error) {
	chunk := wideBytes / c.Type.Size()
	variant, tiles := "narrow", convNarrowTiles
	if c.GroupChannels%chunk == 0 && alignedTo(wideBytes, c.X) {
		variant, tiles = "wide", convMmaTiles
		if c.Form == FormColumns {
			tiles = convFmaTiles
		}
	}
	rows, groupOutputs := c.Images*c.OutputHeight*c.OutputWidth, c.Outputs/c.Groups
	t := chooseTile(tiles, rows, groupOutputs, c.Groups, c.Multiprocessors)
	rowTiles, columnTiles := t.count(rows, groupOutputs)
	if rowTiles*columnTiles > maxGrid/c.Groups {
		return nil, unsupported("a convolution with %d outputs in %d groups", rows*c.Outputs, c.Groups)
	}
	a := c.arguments(groupOutputs)
	a.rowTiles, a.columnTiles = rowTiles, columnTiles
	a.weightGroup, a.weightRow, a.weightDepth = c.depth()*c.pitch(), 1, c.pitch()
	if c.Form == FormRows {
		a.weightGroup, a.weightRow, a.weightDepth = groupOutputs*c.pitch(), c.pitch(), 1
	}
	module := "conv_" + c.typeName()
	l := newLaunch(module, module+"_"+variant+"_"+t.String(), grid1(rowTiles*columnTiles*c.Groups), grid1(t.threads), t.sharedBytes(), a, c.X, c.W, c.Bias, c.Residual, c.Y)
	l.FLOP, l.Bytes = 2*rows*c.Outputs*c.depth(), c.bytes()
	return []Launch{l}, nil
}

// arguments are those that all kernels share. The epilogue is for groups of so many columns.
func (c *Conv) arguments(groupOutputs int64) convArguments {
	e := c.Epilogue
	e.Alpha = 1
	return convArguments{
		epilogue: e.arguments(c.Type, c.Y, groupOutputs, c.Outputs, c.Outputs, 1), images: c.Images,
		height: int32(c.Height), width: int32(c.Width), channels: int32(c.Groups * c.GroupChannels), groupChannels: int32(c.GroupChannels),
		outputHeight: int32(c.OutputHeight), outputWidth: int32(c.OutputWidth), groupOutputs: int32(groupOutputs), groups: int32(c.Groups),
		kernelHeight: int32(c.KernelHeight), kernelWidth: int32(c.KernelWidth), strideHeight: int32(c.Strides[0]), strideWidth: int32(c.Strides[1]),
		dilationHeight: int32(c.Dilations[0]), dilationWidth: int32(c.Dilations[1]), padTop: int32(c.PadTop), padLeft: int32(c.PadLeft),
	}
}

// bytes is what has to be moved at least.
func (c *Conv) bytes() int64 {
	outputs := c.Images * c.OutputHeight * c.OutputWidth * c.Outputs
	elements := c.Images*c.Height*c.Width*c.Groups*c.GroupChannels + c.depth()*c.Outputs + outputs
	if c.Residual != (step.Operand{}) {
		elements += outputs
	}
	return elements * c.Type.Size()
}

func (c *Conv) typeName() string {
	if c.Type == Float32 && c.TensorFloat {
		return "tf32"
	}
	return c.Type.String()
}
