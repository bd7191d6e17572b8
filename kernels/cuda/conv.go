package cuda

import (
	"math"
	"slices"

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
	Sums                      step.Operand // memory of WorkspaceBytes
	Epilogue                               // alpha is 1
	Multiprocessors           int64
}

// convArguments mirrors ConvArguments.
type convArguments struct {
	x, weights, bias, residual, y, sums                                                                  address
	epilogue                                                                                             epilogueArguments
	segments                                                                                             segments
	sumsPitch, images, rowTiles, columnTiles                                                             int64
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
	switch {
	case !c.Type.IsFloat():
		return unsupported("a convolution of %v", c.Type)
	case c.Form != c.FormFor(c.Type, c.TensorFloat):
		return unsupported("weights in form %v", c.Form)
	}
	return c.checkSizes()
}

// checkSizes keeps the kernels' arithmetic of 32 bits from overflowing.
func (c *Conv) checkSizes() error {
	const most = math.MaxInt32 / 2
	switch {
	case max(c.Images*c.Height*c.Width, c.rows(), c.depth(), c.Groups*c.GroupChannels, c.Outputs) > most:
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
		Sums: c.Sums, split: c.segments(),
	}
	if c.Form == FormRows {
		g.B.Row, g.B.Column = 1, c.pitch()
	}
	g.Alpha = 1
	return g
}

// slimTile wastes less of layers with few channels than a square one.
var slimTile = tile{64, 32, 128, 6, 0.55}

// The variants of the kernels: with chunks of 16 bytes of channels, and without.
var (
	convWideMMA   = variant{"wide", append(slices.Clone(mmaTiles[:3]), slimTile), foldedMMA}
	convWideFMA   = variant{"wide", append(slices.Clone(fmaTiles[:2]), slimTile), foldedFMA}
	convNarrowMMA = variant{"narrow", mmaTiles[2:3], foldedMMA}
	convNarrowFMA = variant{"narrow", fmaTiles[1:2], foldedFMA}
)

// segments splits the sums by what one image gives to do.
func (c *Conv) segments() segments {
	steps := divide(c.depth()*c.Type.Size(), stageBytes)
	if c.Groups > 1 {
		return segments{1, steps}
	}
	rowTiles, columnTiles := foldedFMA.count(c.OutputHeight*c.OutputWidth, c.Outputs)
	return splitDepth(steps, rowTiles*columnTiles)
}

// choose chooses the kernel of the product of patches and weights.
func (c *Conv) choose() choice {
	wide := c.GroupChannels%(wideBytes/c.Type.Size()) == 0 && alignedTo(wideBytes, c.X)
	v := convNarrowMMA
	switch isFMA := c.Form == FormColumns; {
	case wide && isFMA:
		v = convWideFMA
	case wide:
		v = convWideMMA
	case isFMA:
		v = convNarrowFMA
	}
	return v.choose(c.segments(), c.rows(), c.Outputs/c.Groups, c.Groups, c.Multiprocessors)
}

// rows is the number of pixels of all outputs.
func (c *Conv) rows() int64 { return c.Images * c.OutputHeight * c.OutputWidth }

// WorkspaceBytes is the memory that the convolution needs while it is computed. It does not depend on where operands lie.
func (c Conv) WorkspaceBytes() int64 {
	if c.Form == FormDepthwise {
		return 0
	}
	k := c.choose()
	if c.isProduct() {
		g := c.gemm()
		k = g.choose()
	}
	if k.sharedBy > 1 {
		return k.split.sumsBytes(c.rows(), c.Outputs)
	}
	return 0
}

// planPatches plans the product of patches and weights.
func (c *Conv) planPatches() ([]Launch, error) {
	k, rows, groupOutputs := c.choose(), c.rows(), c.Outputs/c.Groups
	rowTiles, columnTiles := k.count(rows, groupOutputs)
	if rowTiles*columnTiles > maxGrid/(c.Groups*k.sharedBy) {
		return nil, unsupported("a convolution with %d outputs in %d groups", rows*c.Outputs, c.Groups)
	}
	a := c.arguments(groupOutputs)
	a.rowTiles, a.columnTiles, a.segments, a.sumsPitch = rowTiles, columnTiles, k.split, sumsPitch(c.Outputs)
	a.weightGroup, a.weightRow, a.weightDepth = c.depth()*c.pitch(), 1, c.pitch()
	if c.Form == FormRows {
		a.weightGroup, a.weightRow, a.weightDepth = groupOutputs*c.pitch(), c.pitch(), 1
	}
	module := "conv_" + c.typeName()
	l := newLaunch(module, module+"_"+k.name, grid1(rowTiles*columnTiles*c.Groups*k.sharedBy), grid1(k.threads), k.sharedBytes(), a, c.X, c.W, c.Bias, c.Residual, c.Y, c.Sums)
	l.FLOP, l.Bytes = 2*rows*c.Outputs*c.depth(), c.bytes()
	if k.sharedBy == 1 {
		return []Launch{l}, nil
	}
	join, err := k.split.join(c.Type, a.epilogue, rows, c.Outputs, c.Sums, c.Bias, c.Residual, c.Y)
	if err != nil {
		return nil, err
	}
	return []Launch{l, join}, nil
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
