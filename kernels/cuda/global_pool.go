package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

const (
	// globalAcross is how many packs of channels a block takes, kAcross in global_pool.cu.
	globalAcross = 8
	// globalDown is how many rows of threads share the positions, kDown in global_pool.cu.
	globalDown = 32
)

// GlobalPool describes the average or maximum over all positions: of X [Outer, Positions, Channels], to Y [Outer, Channels].
type GlobalPool struct {
	Type                       Type
	Kind                       PoolKind
	Outer, Positions, Channels int64
	X, Y                       step.Operand
}

// globalPoolArguments mirrors GlobalPoolArguments.
type globalPoolArguments struct {
	x, y                       address
	outer, positions, channels int64
}

// Plan returns the launch; none where there are no elements.
func (p GlobalPool) Plan() ([]Launch, error) {
	if !p.Type.IsFloat() {
		return nil, unsupported("global pooling of %v", p.Type)
	}
	if p.Channels != 1 && p.Kind != PoolAverage {
		return nil, unsupported("a global maximum of channels-last tensors")
	}
	if p.Outer*p.Channels == 0 {
		return nil, nil
	}
	const rows = 8 // of a block
	kernel, side, block := "average_rows", p.Positions, [3]uint32{warp, rows, 1}
	switch {
	case p.Channels != 1:
		kernel, side, block = "average_channels_last", p.Channels, [3]uint32{globalAcross, globalDown, 1}
	case p.Kind == PoolMaximum:
		kernel = "maximum_rows"
	}
	count := wide(p.Type, side, p.X)
	if count == 1 {
		kernel += "_one"
	}
	blocks := divide(p.Outer, rows)
	if p.Channels != 1 {
		blocks = p.Outer * divide(p.Channels, globalAcross*count)
	}
	if blocks > maxGrid {
		return nil, unsupported("global pooling of %d planes", p.Outer*p.Channels)
	}
	l := newLaunch("global_pool", kernel+"_"+p.Type.String(), grid1(blocks), block, 0,
		globalPoolArguments{outer: p.Outer, positions: p.Positions, channels: p.Channels}, p.X, p.Y)
	elements := p.Outer * p.Positions * p.Channels
	l.FLOP, l.Bytes = elements, (elements+p.Outer*p.Channels)*p.Type.Size()
	return []Launch{l}, nil
}
