package conv

import "github.com/inferd/inferd/kernels/cpu/step"

// genericColumns is the number of columns that the kernel computes together where it is not specialised.
const genericColumns = 4

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
	generic, columns := 1, genericColumns
	if l.depthwiseSpecialised() {
		generic, columns = 0, l.depthwiseColumns(outputWidth)
	}
	s.Tiles = int64(tiles * channelBlocks)
	s.ScratchBytes = int64((l.InputChannels+15)/16*16*4 + l.taps()*genericColumns*8)
	for parameter, value := range map[int]int{
		depthwiseRows: rows, depthwiseRowBlock: rowBlock, depthwiseColumnBlock: columns, depthwiseChannelBlocks: channelBlocks,
		depthwiseGeneric: generic, depthwiseMultiplier: l.OutputChannels / l.InputChannels,
	} {
		s.Parameter[parameter] = int64(value)
	}
}

// depthwiseColumns chooses the block of columns with the least work; columns that a block leaves over cost about twice as much.
func (l *Layout) depthwiseColumns(outputWidth int) int {
	candidates := []int{8, 7, 4}
	if l.KernelWidth == 7 {
		candidates = candidates[1:] // eight sums and seven weights leave no register
	}
	best, bestCost := 0, 0
	for _, columns := range candidates {
		// Per block and tap row: a multiply-add per column and tap, and loads of the columns read and of the weights.
		cost := outputWidth / columns * (columns*l.KernelWidth + (columns-1)*l.StrideWidth + 2*l.KernelWidth)
		cost += (outputWidth%columns + genericColumns - 1) / genericColumns * genericColumns * l.KernelWidth * 3
		if best == 0 || cost < bestCost {
			best, bestCost = columns, cost
		}
	}
	return best
}
