package conv

import "github.com/inferd/inferd/kernels/cpu/step"

const (
	winogradSums   = 36        // multiplications for a tile of 4x4 outputs and one input channel
	winogradBytes  = 256 << 10 // to which the transformed inputs of a tile of the step are held, half of a small L2
	winogradFewest = 12        // 4x4 tiles in a tile of the step, fewer would be bound by streaming the weights
	winogradRoom   = 8         // rows of scratch beyond the block: the height of a register block
)

// winogradPossible reports whether Winograd's algorithm can compute the layer.
func (p *Params) winogradPossible() bool {
	return p.KernelHeight == 3 && p.KernelWidth == 3 && p.Groups == 1 && p.StrideHeight == 1 && p.StrideWidth == 1 && p.DilationHeight == 1 &&
		p.DilationWidth == 1
}

// winogradPays reports whether Winograd's algorithm is possible and faster than direct convolution for images of the given size.
func (l *Layout) winogradPays(height, width int) bool {
	outputHeight, outputWidth, err := l.OutputSize(height, width)
	if err != nil || !l.winogradPossible() || l.InputChannels < 16 || l.OutputChannels < 16 {
		return false
	}
	// Measured: 1.7 to 2.9 times as fast as direct from 9 tiles on. With fewer, four times the weights are read for too little work,
	// unless they stay in cache.
	tiles := winogradTileCount(outputHeight, outputWidth)
	return tiles >= 9 || tiles >= 4 && l.InputChannels*l.OutputChannels <= 128*128
}

// winogradTileCount is the number of 4x4 tiles that cover an output image.
func winogradTileCount(outputHeight, outputWidth int) int {
	return (outputHeight + 3) / 4 * ((outputWidth + 3) / 4)
}

// winogradKernel is G: it transforms one dimension of a kernel, three weights to six.
var winogradKernel = [6][3]float64{
	{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1},
}

// winogradTransform returns the 36 transformed weights of a 3x3 kernel.
func winogradTransform(kernel []float32) (transformed [winogradSums]float32) {
	var half [6][3]float64
	for i := range 6 {
		for j := range 3 {
			for k := range 3 {
				half[i][j] += winogradKernel[i][k] * float64(kernel[k*3+j])
			}
		}
	}
	for i := range 6 {
		for j := range 6 {
			sum := 0.0
			for k := range 3 {
				sum += half[i][k] * winogradKernel[j][k]
			}
			transformed[i*6+j] = float32(sum)
		}
	}
	return transformed
}

// packWinograd writes, per panel, the bias and then the 36 matrices [input channel][output channel of the panel].
func (l *Layout) packWinograd(packed, weights, bias []float32) {
	lanes := l.Level.Lanes()
	panels, wide, narrow := l.panels()
	at, first := 0, 0
	for panel := range panels {
		width := narrow * lanes
		if panel < wide {
			width += lanes
		}
		for column := range min(width, l.OutputChannels-first) {
			o := first + column
			if bias != nil {
				packed[at+column] = bias[o]
			}
			for c := range l.InputChannels {
				for k, value := range winogradTransform(weights[(o*l.InputChannels+c)*9:][:9]) {
					packed[at+(1+k*l.InputChannels+c)*width+column] = value
				}
			}
		}
		at += width * (1 + winogradSums*l.InputChannels)
		first += width
	}
}

// planWinograd chooses the tiles of a Winograd convolution.
func (l *Layout) planWinograd(s *step.Step, use Use, outputHeight, outputWidth int) {
	lanes := l.Level.Lanes()
	stride := (l.InputChannels + lanes - 1) / lanes * lanes
	panels, wide, narrow := l.panels()
	total := use.Batch * winogradTileCount(outputHeight, outputWidth)
	block := max(winogradFewest, min(winogradBytes/(winogradSums*stride*4), 2*minPixels))
	tiles := (total + block - 1) / block
	block = (total + tiles - 1) / tiles
	channelBlocks := 1
	if tiles < 4 {
		channelBlocks = min(max(1, panels/2), (4+tiles-1)/tiles)
	}
	s.Tiles = int64(tiles * channelBlocks)
	s.ScratchBytes = int64(4 * (winogradSums*(block+winogradRoom)*(stride+3*lanes) + stride))
	for parameter, value := range map[int]int{
		winogradTiles: total, winogradBlock: block, winogradPanels: panels, winogradWidePanels: wide, winogradNarrowVectors: narrow,
		winogradChannelBlocks: channelBlocks,
	} {
		s.Parameter[parameter] = int64(value)
	}
}
