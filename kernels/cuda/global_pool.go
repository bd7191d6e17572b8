package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

const (
	// globalAcross is how many packs of channels a block takes, kAcross in global_pool.cu.
	globalAcross = 8
	// globalMany is the number of positions from which on more threads share them. It must not depend on anything else: the order of sums does.
	globalMany = 1024
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
	kernel, block, blocks := p.choose()
	if blocks > maxGrid {
		return nil, unsupported("global pooling of %d planes", p.Outer*p.Channels)
	}
	l := newLaunch("global_pool", kernel+"_"+p.Type.String(), grid1(blocks), block, 0,
		globalPoolArguments{outer: p.Outer, positions: p.Positions, channels: p.Channels}, p.X, p.Y)
	elements := p.Outer * p.Positions * p.Channels
	l.FLOP, l.Bytes = elements, (elements+p.Outer*p.Channels)*p.Type.Size()
	return []Launch{l}, nil
}

// choose returns the kernel, its block and how many of those there are.
func (p GlobalPool) choose() (kernel string, block [3]uint32, blocks int64) {
	side := p.Positions
	if p.Channels != 1 {
		side = p.Channels
	}
	count, many := wide(p.Type, side, p.X), p.Positions >= globalMany
	switch {
	case p.Channels != 1 && many:
		kernel, block = "average_channels_last_long", [3]uint32{globalAcross, 128, 1}
	case p.Channels != 1:
		kernel, block = "average_channels_last", [3]uint32{globalAcross, 32, 1}
	case p.Kind == PoolAverage:
		kernel, block = "average_rows", [3]uint32{warp, 8, 1}
	default:
		kernel, block = "maximum_rows", [3]uint32{warp, 8, 1}
	}
	switch {
	case p.Channels != 1:
		blocks = p.Outer * divide(p.Channels, globalAcross*count)
	case many:
		block, blocks = [3]uint32{256, 1, 1}, p.Outer
	default:
		blocks = divide(p.Outer, int64(block[1]))
	}
	if count == 1 {
		kernel += "_one"
	}
	return kernel, block, blocks
}
