package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// poolAxes is how many spatial axes a window has at most, kSpatial in pool.cu.
const poolAxes = 3

// PoolKind is what a window is reduced to.
type PoolKind int

// The kinds.
const (
	PoolMaximum PoolKind = iota
	PoolAverage
)

// PoolAxis is one spatial axis of a pooling.
type PoolAxis struct{ Input, Output, Window, Stride, Dilation, Begin, End int64 }

// Pool describes pooling of X [Outer, spatial..., Channels] to Y with windows over one to three spatial axes. Channels-first tensors have images times
// channels as Outer, and one channel.
type Pool struct {
	Type            Type
	Kind            PoolKind
	Outer, Channels int64
	Axes            []PoolAxis
	CountPadding    bool // an average divides by the taps inside the padded image, not by those inside the image
	X, Y            step.Operand
	// Positions, int64, are those of the maxima in X, for channels-first tensors; absent where nobody asks. ColumnMajor counts the first spatial axis fastest.
	Positions   step.Operand
	ColumnMajor bool
}

// poolAxis mirrors PoolAxis in pool.cu.
type poolAxis struct {
	output                                      divisor
	input, window, stride, dilation, begin, end int32
}

// poolArguments mirrors PoolArguments.
type poolArguments struct {
	x, y, positions           address
	axis                      [poolAxes]poolAxis
	channels                  divisor
	packs                     uint32
	countPadding, columnMajor int32
}

// Plan returns the launch; none where there are no elements.
func (p Pool) Plan() ([]Launch, error) {
	if len(p.Axes) < 1 || len(p.Axes) > poolAxes {
		return nil, unsupported("pooling of %d spatial axes, at most %d are supported", len(p.Axes), poolAxes)
	}
	kernel, count, err := p.kernel()
	if err != nil {
		return nil, err
	}
	arguments := poolArguments{countPadding: flag(p.CountPadding), columnMajor: flag(p.ColumnMajor)}
	inputs, outputs, taps := int64(1), int64(1), int64(1)
	for i := range poolAxes {
		axis := PoolAxis{1, 1, 1, 1, 1, 0, 0}
		if i < len(p.Axes) {
			axis = p.Axes[len(p.Axes)-1-i]
		}
		inputs, outputs, taps = inputs*axis.Input, outputs*axis.Output, taps*axis.Window
		if outputs*p.Outer*p.Channels == 0 {
			return nil, nil
		}
		if arguments.axis[i], err = axis.mirror(); err != nil {
			return nil, err
		}
	}
	elements := p.Outer * outputs * p.Channels
	packs := elements / count
	if packs > mostSteps {
		return nil, unsupported("pooling to %d elements", elements)
	}
	arguments.channels, arguments.packs = newDivisor(p.Channels/count), uint32(packs)
	l := newLaunch("pool", kernel+"_"+p.Type.String(), grid1(divide(packs, 128)), grid1(128), 0, arguments, p.X, p.Y, p.Positions)
	l.FLOP, l.Bytes = elements*taps, (p.Outer*inputs*p.Channels+elements)*p.Type.Size()
	if p.Positions != (step.Operand{}) {
		l.Bytes += 8 * elements
	}
	return []Launch{l}, nil
}

// kernel chooses one, and how many elements a thread makes.
func (p Pool) kernel() (name string, count int64, err error) {
	integer := p.Type == Int8 || p.Type == Uint8
	if !p.Type.IsFloat() && !(integer && p.Kind == PoolMaximum) {
		return "", 0, unsupported("pooling of %v", p.Type)
	}
	name = [...]string{PoolMaximum: "max_pool", PoolAverage: "average_pool"}[p.Kind]
	if p.Positions != (step.Operand{}) {
		if p.Channels != 1 || p.Kind != PoolMaximum {
			return "", 0, unsupported("pooling with positions of channels-last tensors")
		}
		return name + "_positions", 1, nil
	}
	if count = wide(p.Type, p.Channels, p.X, p.Y); count == 1 {
		name += "_one"
	}
	return name, count, nil
}

// mirror checks that the kernel's arithmetic in 32 bits does not overflow.
func (a PoolAxis) mirror() (poolAxis, error) {
	const limit = 1 << 30
	// In two steps, because a product of wrong sizes might overflow.
	if max(a.Input, a.Output, a.Window, a.Stride, a.Dilation, a.Begin, a.End) >= limit ||
		max(a.Input+a.Begin+a.End+a.Stride, a.Output*a.Stride, a.Input+a.Begin+a.Dilation) >= limit {
		return poolAxis{}, unsupported("pooling of an axis of %d positions with windows of %d, stride %d, dilation %d", a.Input, a.Window, a.Stride, a.Dilation)
	}
	return poolAxis{
		output: newDivisor(a.Output), input: int32(a.Input), window: int32(a.Window), stride: int32(a.Stride), dilation: int32(a.Dilation),
		begin: int32(a.Begin), end: int32(a.End),
	}, nil
}
