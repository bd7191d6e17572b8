package conv

import "github.com/inferd/inferd/kernels/cpu/step"

// depthwiseSpecialised reports whether the kernel has code for the layer's width, stride and dilation.
func (l *Layout) depthwiseSpecialised() bool {
	if l.OutputChannels != l.InputChannels || l.DilationWidth != 1 {
		return false
	}
	switch l.KernelWidth {
	case 3, 5:
		return l.StrideWidth == 1 || l.StrideWidth == 2
	case 7:
		return l.StrideWidth == 1
	}
	return false
}

// planDepthwise chooses the tiles and the columns held in registers of a depthwise convolution.
func (l *Layout) planDepthwise(s *step.Step, use Use, outputHeight, outputWidth int) {
	vectors := (l.OutputChannels + l.Level.Lanes() - 1) / l.Level.Lanes()
	rows := use.Batch * outputHeight
	rowBlock := max(1, rows/wantedTiles)
	tiles := (rows + rowBlock - 1) / rowBlock
	channelBlocks := 1
	if tiles < wantedTiles {
		channelBlocks = max(1, min(4, vectors/8))
	}
	generic, columns, pointers := 1, 4, l.taps()*4
	if l.depthwiseSpecialised() {
		generic, columns = 0, l.depthwiseColumns(outputWidth)
		pointers = l.KernelHeight * ((columns-1)*l.StrideWidth + l.KernelWidth)
	}
	s.Tiles = int64(tiles * channelBlocks)
	s.ScratchBytes = int64((l.InputChannels+15)/16*16*4 + pointers*8)
	for parameter, value := range map[int]int{
		depthwiseRows: rows, depthwiseRowBlock: rowBlock, depthwiseColumnBlock: columns, depthwiseChannelBlocks: channelBlocks,
		depthwiseGeneric: generic, depthwiseMultiplier: l.OutputChannels / l.InputChannels,
	} {
		s.Parameter[parameter] = int64(value)
	}
}

// depthwiseColumns chooses the block of columns that wastes the fewest operations on columns that do not exist.
func (l *Layout) depthwiseColumns(outputWidth int) int {
	candidates := []int{8, 7, 4}
	if l.KernelWidth == 7 {
		candidates = candidates[1:]
	}
	best, bestCost := 0, 0
	for _, columns := range candidates {
		// Per block and tap row: a multiply-add per column and tap, and loads of the columns read and of the weights.
		cost := columns*l.KernelWidth + (columns-1)*l.StrideWidth + 2*l.KernelWidth
		cost *= (outputWidth + columns - 1) / columns
		if best == 0 || cost < bestCost {
			best, bestCost = columns, cost
		}
	}
	return best
}
