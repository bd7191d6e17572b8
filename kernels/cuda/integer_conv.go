package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// IntegerConv describes a convolution of eight-bit integers with channels last: X[Images, Height, Width, Channels] -> Y[Images, OutputHeight, OutputWidth,
// Outputs]; see Integer. Padding counts as X's zero point.
type IntegerConv struct {
	Integer
	IntegerWeights
	Images, Height, Width     int64
	OutputHeight, OutputWidth int64
	Strides, Dilations        [2]int64
	PadTop, PadLeft           int64
	X, Y                      step.Operand
	Multiprocessors           int64
}

// integerConvArguments mirrors IntegerConvArguments.
type integerConvArguments struct {
	operands integerOperands
	epilogue integerEpilogue
	geometry convArguments
	packs    int64
}

// conv is the geometry.
func (c *IntegerConv) conv() Conv {
	return Conv{
		ConvWeights: ConvWeights{Outputs: c.Outputs, Groups: c.Groups, GroupChannels: c.GroupChannels, KernelHeight: c.KernelHeight, KernelWidth: c.KernelWidth, Size: 1},
		Images:      c.Images, Height: c.Height, Width: c.Width, OutputHeight: c.OutputHeight, OutputWidth: c.OutputWidth,
		Strides: c.Strides, Dilations: c.Dilations, PadTop: c.PadTop, PadLeft: c.PadLeft,
	}
}

// Plan returns the launch; none where there are no elements.
func (c IntegerConv) Plan() ([]Launch, error) {
	geometry := c.conv()
	rows := geometry.rows()
	if rows*c.Outputs == 0 {
		return nil, nil
	}
	if err := c.Integer.check(); err != nil {
		return nil, err
	}
	if err := geometry.checkSizes(); err != nil {
		return nil, err
	}
	if geometry.isProduct() && !c.isDepthwise() {
		return c.gemm().Plan()
	}
	a := integerConvArguments{epilogue: c.epilogue(rows, c.Outputs/c.Groups, c.Outputs, c.Y), geometry: geometry.arguments(c.Outputs / c.Groups)}
	kernel, blocks, threads, shared := "depthwise", int64(0), int64(128), 0
	if c.isDepthwise() {
		a.epilogue = c.epilogue(rows, c.Outputs, c.Outputs, c.Y)
		if rows > maxGrid/sumsPitch(c.Outputs) {
			return nil, unsupported("a convolution with %d outputs", rows*c.Outputs)
		}
		blocks = divide(rows*sumsPitch(c.Outputs)/finishedColumns, threads)
		a.packs = int64(flag(c.Outputs%finishedColumns == 0 && alignedTo(finishedColumns, c.X)))
	} else {
		v := variant{name: "wide", tiles: integerTiles}
		if c.GroupChannels%wideBytes != 0 || !alignedTo(wideBytes, c.X) {
			v = variant{name: "narrow", tiles: integerTiles[2:3]}
		}
		t := chooseTile(v.tiles, rows, c.Outputs/c.Groups, c.Groups, c.Multiprocessors)
		a.geometry.rowTiles, a.geometry.columnTiles = t.count(rows, c.Outputs/c.Groups)
		if a.geometry.rowTiles*a.geometry.columnTiles > maxGrid/c.Groups {
			return nil, unsupported("a convolution with %d outputs in %d groups", rows*c.Outputs, c.Groups)
		}
		a.geometry.weightGroup, a.geometry.weightRow, a.geometry.sumsPitch = c.Outputs/c.Groups*c.pitch(), c.pitch(), c.columnPitch()
		kernel, blocks, threads, shared = v.name+"_"+t.String(), a.geometry.rowTiles*a.geometry.columnTiles*c.Groups, t.threads, t.sharedBytes()
	}
	l := newLaunch("conv_i8", "conv_i8_"+kernel, grid1(blocks), grid1(threads), shared, a, c.operands(c.IntegerWeights, c.X, c.Y)...)
	l.FLOP = 2 * rows * c.Outputs * c.depth()
	l.Bytes = c.Images*c.Height*c.Width*c.Groups*c.GroupChannels + c.depth()*c.Outputs + c.bytes(rows*c.Outputs)
	return []Launch{l}, nil
}

// gemm is the convolution of single pixels as a product.
func (c *IntegerConv) gemm() IntegerGemm {
	return IntegerGemm{
		Integer: c.Integer, M: c.Images * c.Height * c.Width, N: c.Outputs, K: c.GroupChannels, HasZeros: c.HasZeros, A: c.X, C: c.Y,
		Multiprocessors: c.Multiprocessors,
	}
}
