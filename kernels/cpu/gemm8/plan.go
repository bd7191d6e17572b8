package gemm8

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// Product describes C = epilogue(A B), with A [M, K] and C [M, N] row by row.
type Product struct {
	M      int
	Packed *Packed
	A, C   step.Operand
	Epilogue
}

const (
	// bytesPerNS is what a core reads from the outer caches; it bounds products with few rows.
	bytesPerNS = 20
	// A tile is worth this many nanoseconds: small enough to share and to pause between, large enough to reuse its operands.
	minTileNS, maxTileNS = 4000, 40000
	// sharedTiles is the number of tiles that a step divides into, if they do not become too small or too large.
	sharedTiles = 16
	// criticalStride is the distance in bytes at which lines compete for the same ways of the first-level cache.
	criticalStride = 4096
	// limit bounds every size.
	limit = 1 << 31
)

// Step plans the product.
func (p Product) Step() (step.Step, error) {
	if p.Packed == nil {
		return step.Step{}, errors.New("gemm8: the weights are not packed")
	}
	s, err := p.plan(0)
	if err != nil {
		return step.Step{}, fmt.Errorf("gemm8 %d x %d x %d: %w", p.M, p.Packed.n, p.Packed.k, err)
	}
	return s, nil
}

// plan plans the product, a convolution where the flag says so: its M rows of K bytes are then not in memory.
func (p *Product) plan(flags int64) (step.Step, error) {
	w := p.Packed
	if p.M < 1 || p.M >= limit || w.k >= limit {
		return step.Step{}, errors.New("sizes are out of range")
	}
	if err := p.check(); err != nil {
		return step.Step{}, err
	}
	v := w.variant
	if w.k%v.group != 0 || v.group == 2 || p.Signed || p.M > v.rows && w.k%criticalStride == 0 {
		flags |= flagStageA
	}
	t := tiling{v: v, m: p.M, k: w.k, n: w.n, groups: w.groups, gathers: flags&flagConvolution != 0, epilogue: p.Epilogue.cost()}
	rows, columns := t.tile()
	s := step.Step{Kernel: v.kernel, CostNS: t.total()}
	s.Operand[operandA], s.Operand[operandC] = p.A, p.C
	s.Parameter[parameterFlags] = flags
	w.operands(&s)
	p.set(&s)
	s.ScratchBytes = int64(stagedAhead(rows, w.k))
	if flags&flagStageA != 0 {
		s.ScratchBytes += int64(rows) * int64(stagedRow(w.depth()))
	}
	s.Tiles = int64(ceil(p.M, rows)) * int64(ceil(w.n, columns)) * int64(w.groups)
	for i, value := range map[int]int{
		parameterM: p.M, parameterN: w.n, parameterK: w.k, parameterDepth: w.depth(), parameterGroups: w.groups,
		parameterTileRows: rows, parameterTileColumns: columns,
	} {
		s.Parameter[i] = int64(value)
	}
	return s, nil
}

// stagedRow and stagedAhead mirror INFERD_GEMM8_STAGED_ROW and INFERD_GEMM8_STAGED_AHEAD.
func stagedRow(depth int) int     { return (ceil(depth*4, 64) | 1) * 64 }
func stagedAhead(rows, k int) int { return ceil(rows*4, 64)*64 + ceil(k, 64)*64 }

// tiling divides a product into tiles.
type tiling struct {
	v               *variant
	m, k, n, groups int
	gathers         bool    // the tiles gather their rows from images
	epilogue        float64 // of one result, in multiply-adds
}

// cost estimates the nanoseconds of rows x columns of one group: arithmetic or reading B, whichever takes longer.
func (t *tiling) cost(rows, columns int) int64 {
	depth, results := float64(t.k)*float64(columns), float64(rows)*float64(columns)
	cost := max(depth*float64(rows)/t.v.rate, depth/bytesPerNS) + results*t.epilogue/t.v.rate
	if t.gathers {
		cost += float64(rows) * float64(t.k) / 8
	}
	return 30 + int64(cost)
}

func (t *tiling) total() int64 { return t.cost(t.m, t.n) * int64(t.groups) }

// wanted is the number of tiles that the whole divides into best.
func (t *tiling) wanted() int {
	total := t.total()
	return int(max(1, min(sharedTiles*max(1, total/sharedTiles/maxTileNS), total/minTileNS)))
}

// tile chooses the rows and columns of a tile: all columns where that leaves enough tiles; else rows so that their part of A stays in the second-level cache while
// the panels of B pass by, and columns by cost.
func (t *tiling) tile() (rows, columns int) {
	v, all := t.v, ceil(t.n, t.v.panel)*t.v.panel
	most := max(level2Bytes()/3/max(1, stagedRow(ceil(t.k, v.group))), 2*v.rows)
	wanted := ceil(t.wanted(), t.groups)
	blocks := ceil(t.m, v.rows)
	fits := t.n <= t.m && t.k*t.n <= level2Bytes()/2
	if fits || t.gathers && blocks >= min(wanted, sharedTiles) {
		return min(t.m, most/v.rows*v.rows, ceil(blocks, min(wanted, blocks))*v.rows), all
	}
	rows = t.m
	if most < t.m {
		rows = ceil(ceil(t.m, ceil(t.m, most)), v.rows) * v.rows
	}
	target := min(max(t.total()/sharedTiles, minTileNS), maxTileNS)
	panels := int(target / max(1, t.cost(rows, v.panel)))
	if t.m < len(v.wide) {
		panels = max(1, panels/v.wide[t.m]) * v.wide[t.m]
	}
	panels = max(1, min(panels, ceil(t.n, v.panel)))
	columns = panels * v.panel
	if more := wanted / ceil(t.n, columns); more > ceil(t.m, rows) && blocks > 1 {
		rows = min(rows, ceil(blocks, min(more, blocks))*v.rows)
	}
	return rows, columns
}
