package cuda

import (
	"slices"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// PadMode is what Pad adds.
type PadMode int32

// The modes, numbered as in pad.cu.
const (
	PadConstant PadMode = iota
	PadEdge
	PadReflect
	PadWrap
)

// padUnits is how many units a thread of pad writes, kUnits in pad.cu.
const padUnits = 4

// Pad describes ONNX's Pad of a row-major tensor. Begin and End are what is added before and after each axis; below zero they take away.
type Pad struct {
	Mode              PadMode
	Shape, Begin, End []int64
	ElementSize       int64 // 1, 2, 4 or 8 bytes
	X, Y              step.Operand
	Value             step.Operand // one element; zero where it is absent
}

// padAxis mirrors PadAxis.
type padAxis struct {
	extent      divisor
	begin, size int32
	stride      int64
}

// padArguments mirrors PadArguments.
type padArguments struct {
	x, value, y address
	axis        [mostRank]padAxis
	rank, mode  int32
	units       uint32
}

// Plan returns the launch; none where there are no elements.
func (p Pad) Plan() ([]Launch, error) {
	if !slices.Contains([]int64{1, 2, 4, 8}, p.ElementSize) {
		return nil, unsupported("a Pad of elements of %d bytes", p.ElementSize)
	}
	p = p.collapsed()
	kernel, unit := "pad", p.ElementSize
	if packed, ok := p.packed(); ok {
		p, kernel, unit = packed, "pad_packs", wideBytes
	}
	if len(p.Shape) > mostRank {
		return nil, unsupported("a Pad of %d axes, at most %d are supported", len(p.Shape), mostRank)
	}
	arguments, read, written := padArguments{rank: int32(len(p.Shape)), mode: int32(p.Mode)}, int64(1), int64(1)
	stride := int64(1)
	for d := len(p.Shape) - 1; d >= 0; d-- {
		extent := p.Shape[d] + p.Begin[d] + p.End[d]
		if extent <= 0 {
			return nil, nil
		}
		var err error
		if arguments.axis[len(p.Shape)-1-d], err = p.axis(d, stride); err != nil {
			return nil, err
		}
		read, written, stride = read*min(p.Shape[d], extent), written*extent, stride*p.Shape[d]
		if written > mostSteps {
			return nil, unsupported("a Pad to %d units of %d bytes", written, unit)
		}
	}
	arguments.units = uint32(written)
	l := newLaunch("pad", kernelOfUnit(kernel, p.ElementSize), grid1(divide(written, 256*padUnits)), grid1(256), 0, arguments, p.X, p.Value, p.Y)
	l.Bytes = (read + written) * unit
	return []Launch{l}, nil
}

// axis mirrors axis d, whose positions in x lie a stride apart, once it is sure that the kernel's arithmetic in 32 bits does not overflow.
func (p Pad) axis(d int, stride int64) (padAxis, error) {
	size, extent := p.Shape[d], p.Shape[d]+p.Begin[d]+p.End[d]
	if max(size, extent, p.Begin[d], -p.Begin[d]) > mostSteps/4 {
		return padAxis{}, unsupported("a Pad of an axis of %d elements to %d", size, extent)
	}
	if size == 0 && p.Mode != PadConstant {
		return padAxis{}, unsupported("a Pad that repeats an axis without elements")
	}
	return padAxis{extent: newDivisor(extent), begin: int32(p.Begin[d]), size: int32(size), stride: stride}, nil
}

// collapsed joins an axis to which nothing is added with the one outside of it, where positions of both go on as one: nothing is added to that either,
// or it is a constant.
func (p Pad) collapsed() Pad {
	c := p
	c.Shape, c.Begin, c.End = nil, nil, nil
	for d, size := range p.Shape {
		last := len(c.Shape) - 1
		plain := p.Begin[d] == 0 && p.End[d] == 0
		if last >= 0 && plain && (p.Mode == PadConstant || c.Begin[last] == 0 && c.End[last] == 0) {
			for _, list := range [][]int64{c.Shape, c.Begin, c.End} {
				list[last] *= size
			}
			continue
		}
		c.Shape, c.Begin, c.End = append(c.Shape, size), append(c.Begin, p.Begin[d]), append(c.End, p.End[d])
	}
	return c
}

// packed returns the same with packs of 16 bytes for elements along the last axis, where x and y both consist of whole ones.
func (p Pad) packed() (Pad, bool) {
	last, count := len(p.Shape)-1, wideBytes/p.ElementSize
	if last < 0 || (p.X.Offset|p.Y.Offset)%wideBytes != 0 || p.Mode != PadConstant && (p.Begin[last] != 0 || p.End[last] != 0) {
		return p, false
	}
	if p.Shape[last]%count != 0 || p.Begin[last]%count != 0 || p.End[last]%count != 0 {
		return p, false
	}
	for _, list := range []*[]int64{&p.Shape, &p.Begin, &p.End} {
		*list = slices.Clone(*list)
		(*list)[last] /= count
	}
	return p, true
}
