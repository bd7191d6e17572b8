package cuda

import "fmt"

// depthwiseArguments mirrors DepthwiseArguments.
type depthwiseArguments struct {
	x, weights, bias, residual, y                                                                        address
	epilogue                                                                                             epilogueArguments
	images, threads                                                                                      int64
	height, width, channels, outputHeight, outputWidth                                                   int32
	kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft int32
}

const (
	depthwiseThreads = 256
	// depthwiseColumns is the number of neighbouring outputs of a thread where the kernel's width is unrolled.
	depthwiseColumns = 4
)

// planDepthwise plans a convolution with a kernel of its own for each channel.
func (c *Conv) planDepthwise() ([]Launch, error) {
	count, variant := c.depthwiseCount()
	columns, unrolled := c.unrolled(count)
	threads := c.Outputs / count * c.OutputHeight * divide(c.OutputWidth, columns) * c.Images
	blocks := divide(threads, depthwiseThreads)
	if threads > maxGrid {
		return nil, unsupported("a depthwise convolution of %d elements", threads*count)
	}
	module := "depthwise_" + c.Type.String()
	l := newLaunch(module, module+"_"+variant+unrolled, grid1(blocks), grid1(depthwiseThreads), 0, c.depthwiseArguments(threads), c.X, c.W, c.Bias, c.Residual, c.Y)
	l.FLOP, l.Bytes = 2*c.Images*c.OutputHeight*c.OutputWidth*c.Outputs*c.depth(), c.bytes()
	return []Launch{l}, nil
}

// depthwiseCount is the number of channels that move as one, and what kernels that move fewer than 16 bytes have in their names.
func (c *Conv) depthwiseCount() (int64, string) {
	if count := wide(c.Type, c.Outputs, c.X, c.W, c.Y, c.Bias, c.Residual); count > 1 {
		return count, ""
	}
	if _, unrolled := c.unrolled(2); unrolled != "any" && c.Outputs%2 == 0 && alignedTo(2*c.Type.Size(), c.X, c.W, c.Y, c.Bias, c.Residual) {
		return 2, "pair_"
	}
	return 1, "one_"
}

// unrolled names the kernel for the layer's width and stride, and tells how many outputs its threads compute.
func (c *Conv) unrolled(count int64) (columns int64, name string) {
	name = fmt.Sprintf("%ds%d", c.KernelWidth, c.Strides[1])
	known := map[string]bool{"3s1": count > 1, "3s2": count > 1, "5s1": count > 2, "5s2": count > 2}
	if c.Dilations[1] != 1 || !known[name] {
		return 1, "any"
	}
	return depthwiseColumns, name
}

func (c *Conv) depthwiseArguments(threads int64) depthwiseArguments {
	a := c.arguments(c.Outputs)
	a.epilogue.wide = 1 // the packs of the kernel, which all fit
	return depthwiseArguments{
		epilogue: a.epilogue, images: a.images, threads: threads,
		height: a.height, width: a.width, channels: a.channels, outputHeight: a.outputHeight, outputWidth: a.outputWidth,
		kernelHeight: a.kernelHeight, kernelWidth: a.kernelWidth, strideHeight: a.strideHeight, strideWidth: a.strideWidth,
		dilationHeight: a.dilationHeight, dilationWidth: a.dilationWidth, padTop: a.padTop, padLeft: a.padLeft,
	}
}
