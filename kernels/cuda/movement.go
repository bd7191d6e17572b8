package cuda

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	// copiesOfLaunch is how many copies one launch does, kMostCopies in movement.cu.
	copiesOfLaunch = 8
	// copyUnits is how many units a thread of copy_units moves, kUnits in movement.cu.
	copyUnits = 4
)

// Copy describes a copy between two tensors with strides: element i of the loop over Dims moves from SourceOffset + i*Source to
// DestinationOffset + i*Destination. Strides and offsets count elements. Source strides may be zero (Expand, Tile) or negative (Slice).
type Copy struct {
	Dims                            []int64
	Source, Destination             []int64
	SourceOffset, DestinationOffset int64
	ElementSize                     int64 // 1, 2, 4, 8 or 16 bytes
	X, Y                            step.Operand
}

// Block returns the copy as one of consecutive bytes, where it is.
func (c Copy) Block() (from, to step.Operand, bytes int64, ok bool) {
	n, err := newNest(c)
	if err != nil || len(n.loop.Dims) != 1 || n.loop.Dims[0] > 1 && !n.contiguous(0) {
		return from, to, 0, false
	}
	return n.x, n.y, n.loop.Dims[0] * n.unit, true
}

// PlanCopies returns launches that do all of the copies; none where there is nothing to copy. Copies do not overlap each other's destinations.
func PlanCopies(copies []Copy) ([]Launch, error) {
	var nests []nest
	for _, c := range copies {
		if layout.Size(c.Dims) == 0 {
			continue
		}
		n, err := newNest(c)
		if err != nil {
			return nil, err
		}
		nests = append(nests, n)
	}
	unit := int64(wideBytes) // copies of one launch have units of one size
	for _, n := range nests {
		unit = min(unit, n.widened(wideBytes).unit)
	}
	var parts []nest
	for _, n := range nests {
		n = n.widened(unit)
		if t, ok := n.transposition(); ok && len(nests) == 1 {
			return t.plan()
		}
		parts = append(parts, n.cut(mostSteps)...)
	}
	var launches []Launch
	for part := range slices.Chunk(parts, copiesOfLaunch) {
		l, err := planCopies(part, unit)
		if err != nil {
			return nil, err
		}
		launches = append(launches, l)
	}
	return launches, nil
}

// copyArguments mirrors CopyArguments.
type copyArguments struct {
	x, y       [copiesOfLaunch]address
	walks      [copiesOfLaunch]walk2
	firstBlock [copiesOfLaunch]uint32
	copies     int32
}

// planCopies makes one launch of a few copies whose units are of one size.
func planCopies(nests []nest, unit int64) (Launch, error) {
	packed, steps, bytes := unit <= 4, int64(0), int64(0)
	for i := range nests {
		nests[i].followSource()
		packed = packed && nests[i].fillsPacks()
		steps += layout.Size(nests[i].loop.Dims)
		bytes += nests[i].bytes()
	}
	kernel, perThread := "copy_units", int64(copyUnits)
	if packed {
		kernel, perThread = "copy_packed", wideBytes/unit
	}
	// Little work is spread over more blocks, so that it meets more of the device.
	threads := int64(256)
	if steps/perThread < 1<<15 {
		threads = 64
	}
	arguments, blocks := copyArguments{copies: int32(len(nests))}, int64(0)
	operands := make([]step.Operand, 2*copiesOfLaunch)
	for i, n := range nests {
		w, err := newWalk2(n.loop)
		if err != nil {
			return Launch{}, err
		}
		arguments.walks[i], arguments.firstBlock[i] = w, uint32(blocks)
		operands[i], operands[copiesOfLaunch+i] = n.x, n.y
		blocks += divide(int64(w.count), threads*perThread)
	}
	l := newLaunch("movement", kernelOfUnit(kernel, unit), grid1(blocks), grid1(threads), 0, arguments, operands...)
	l.Bytes = bytes
	return l, nil
}

// kernelOfUnit names the variant of a kernel that moves units of so many bytes.
func kernelOfUnit(kernel string, unit int64) string { return fmt.Sprintf("%s_%d", kernel, unit) }
