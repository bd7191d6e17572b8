package conv

import "github.com/inferd/inferd/kernels/cpu/step"

const (
	// minPixels is the smallest block of pixels that divides into register blocks without a remainder, whatever their height.
	minPixels = 42
	// maxPixels bounds a tile, so that a long run can pause between tiles.
	maxPixels = 192
	// tableBytes is the size to which the table of input pointers is held, half of a small L1.
	tableBytes = 16 << 10
	// stagedBytes is the size to which the copied input rows of a tile are held.
	stagedBytes = 32 << 10
	// wantedTiles is how many tiles a step should have, so that a few threads end at about the same time.
	wantedTiles = 16
)

// planDirect chooses the tiles of a direct convolution.
func (l *Layout) planDirect(s *step.Step, use Use, outputHeight, outputWidth int) {
	panels, wide, narrow := l.panels()
	pixels := use.Batch * outputHeight * outputWidth
	tapsHeight, tapsWidth, length := l.KernelHeight, l.KernelWidth, l.InputChannels/l.Groups
	_, spanWidth := l.span()
	stagedWidth := (outputWidth-1)*l.StrideWidth + spanWidth
	dense := !use.Planar && use.InputStride == l.InputChannels && l.PadLeft == 0 && stagedWidth <= use.Width
	staged := l.ReadsPlanar() && !dense && stagedWidth > l.PadLeft
	if l.Groups == 1 && l.DilationWidth == 1 && (staged || dense) {
		tapsWidth, length = 1, l.KernelWidth*l.InputChannels // the taps of a row are consecutive in memory
	}
	taps := tapsHeight * tapsWidth
	var block, tiles, scratch int
	if staged {
		rows := l.stagedRows(use.Batch, outputHeight, outputWidth, stagedWidth, taps)
		block = rows * outputWidth
		tiles = use.Batch * ((outputHeight + rows - 1) / rows)
		stagedRows := l.stagedInputRows(rows)
		scratch = stagedRows * stagedWidth * l.InputChannels * 4
		s.Parameter[directStaged] = 1
		s.Parameter[directStagedRows] = int64(stagedRows)
		s.Parameter[directStagedWidth] = int64(stagedWidth)
	} else {
		block = max(minPixels, min(tableBytes/8/taps, pixels/wantedTiles, maxPixels))
		tiles = (pixels + block - 1) / block
		block = (pixels + tiles - 1) / tiles
		scratch = max(l.InputChannels, length) * 4
	}
	channelBlocks := 1
	if tiles < wantedTiles/2 {
		channelBlocks = min(l.Groups*panels, (wantedTiles/2+tiles-1)/tiles)
	}
	padded := (block+7)/8*8 + 8
	s.Tiles = int64(tiles * channelBlocks)
	s.ScratchBytes = int64(scratch + taps*padded*8)
	for parameter, value := range map[int]int{
		directPixels: pixels, directPixelBlock: block, directTapsHeight: tapsHeight, directTapsWidth: tapsWidth, directLength: length,
		directGroups: l.Groups, directPanels: panels, directWidePanels: wide, directNarrowVectors: narrow, directChannelBlocks: channelBlocks,
	} {
		s.Parameter[parameter] = int64(value)
	}
	if use.Planar {
		s.Parameter[directPlanar] = 1
	}
}

// stagedInputRows is the number of input rows under the given number of output rows.
func (l *Layout) stagedInputRows(rows int) int {
	spanHeight, _ := l.span()
	return (rows-1)*l.StrideHeight + spanHeight
}

// stagedRows chooses the output rows of a staged tile: many, because neighbouring tiles copy the rows between them twice, but held in cache.
func (l *Layout) stagedRows(batch, outputHeight, outputWidth, stagedWidth, taps int) int {
	rows := 1
	for rows < outputHeight && (rows*outputWidth < minPixels || batch*outputHeight/(rows+1) >= wantedTiles &&
		l.stagedInputRows(rows+1)*stagedWidth*l.InputChannels*4 <= stagedBytes && (rows+1)*outputWidth*taps*8 <= tableBytes) {
		rows++
	}
	return rows
}
