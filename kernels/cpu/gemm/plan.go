package gemm

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Matrix is an operand with its strides in elements. A batch stride of 0 repeats the matrix.
type Matrix struct {
	Operand     step.Operand
	Row, Column int
	Batch       [3]int
}

// Product describes C = activation(alpha A B + bias + residual) for every matrix of a batch.
type Product struct {
	Level   isa.Level
	M, N, K int
	Batch   [3]int // sizes of the batch dimensions, outermost first; 0 counts as 1

	A            Matrix
	B            Matrix  // unless Packed is set
	Packed       *Packed // constant B, the same for the whole batch
	C            Matrix  // Column is 1; may be the same memory as the residual, if the strides are the same too
	Bias         step.Operand
	Residual     Matrix // or an additive mask; absent where its operand is
	ResidualLast bool   // add the residual after the activation
	Alpha        float32
	Activation   activation.Activation
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
)

// Step plans the product.
func (p Product) Step() (step.Step, error) {
	p.mergeRows()
	if err := p.check(); err != nil {
		return step.Step{}, fmt.Errorf("gemm %d x %d x %d: %w", p.M, p.N, p.K, err)
	}
	v := variantOf(p.Level)
	s := step.Step{Kernel: v.kernel, CostNS: p.cost(v, p.M, p.N) * int64(p.batches())}
	s.Operand = [step.Operands]step.Operand{operandA: p.A.Operand, operandB: p.B.Operand, operandC: p.C.Operand, operandBias: p.Bias, operandResidual: p.Residual.Operand}
	if p.Packed != nil {
		s.Operand[operandB] = step.Absolute(p.Packed.block.Pointer())
	}
	flags := p.flags(v)
	rows, columns := p.tile(v, flags)
	if flags&flagPackA != 0 {
		s.ScratchBytes += 4 * int64(rows) * int64(packedARow(p.K))
	}
	if flags&flagPackB != 0 {
		s.ScratchBytes += 4 * int64(columns) * int64(p.K)
	} else if flags&flagBIsPacked == 0 {
		s.ScratchBytes += 4 * int64(v.panel) * int64(p.K)
	}
	s.Tiles = int64(ceil(p.M, rows)) * int64(ceil(p.N, columns)) * int64(p.batches())
	for i, value := range map[int]int{
		parameterM: p.M, parameterN: p.N, parameterK: p.K, parameterTileRows: rows, parameterTileColumns: columns,
		parameterARow: p.A.Row, parameterAColumn: p.A.Column, parameterBRow: p.B.Row, parameterBColumn: p.B.Column, parameterCRow: p.C.Row,
		parameterResidualRow: p.Residual.Row, parameterResidualColumn: p.Residual.Column,
		parameterActivation: int(p.Activation.Kind), parameterFlags: flags,
	} {
		s.Parameter[i] = int64(value)
	}
	s.SetFloat(parameterAlpha, float64(p.Alpha))
	s.SetFloat(parameterP0, float64(p.Activation.P0))
	s.SetFloat(parameterP1, float64(p.Activation.P1))
	for d := range p.Batch {
		s.Parameter[parameterBatch+d] = int64(max(1, p.Batch[d]))
		s.Parameter[parameterABatch+d] = int64(p.A.Batch[d])
		s.Parameter[parameterBBatch+d] = int64(p.B.Batch[d])
		s.Parameter[parameterCBatch+d] = int64(p.C.Batch[d])
		s.Parameter[parameterResidualBatch+d] = int64(p.Residual.Batch[d])
	}
	return s, nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

func (p *Product) batches() int {
	return max(1, p.Batch[0]) * max(1, p.Batch[1]) * max(1, p.Batch[2])
}

// mergeRows makes batch dimensions rows of one larger product where B is the same for all of them and the rows go on
// with one stride.
func (p *Product) mergeRows() {
	for d := 2; d >= 0; d-- {
		size := p.Batch[d]
		if size < 0 {
			return // check refuses it
		}
		size = max(1, size)
		if size > 1 {
			goesOn := func(m Matrix) bool { return m.Batch[d] == m.Row*p.M }
			if p.Packed == nil && p.B.Batch[d] != 0 || !goesOn(p.A) || !goesOn(p.C) || p.Residual.Operand != (step.Operand{}) && !goesOn(p.Residual) {
				return
			}
		}
		p.M *= size
		p.Batch[d] = 1
	}
}

// check reports what the kernel cannot do.
func (p *Product) check() error {
	const limit = 1 << 31
	switch {
	case p.M < 1 || p.N < 1 || p.K < 0 || p.M >= limit || p.N >= limit || p.K >= limit:
		return errors.New("sizes are out of range")
	case p.Batch[0] < 0 || p.Batch[1] < 0 || p.Batch[2] < 0:
		return fmt.Errorf("batch %v is negative", p.Batch)
	case p.C.Column != 1:
		return fmt.Errorf("column stride of the result is %d, want 1", p.C.Column)
	case p.Alpha == 0:
		return errors.New("alpha is 0")
	case p.Packed != nil && (p.Packed.k != p.K || p.Packed.n != p.N):
		return fmt.Errorf("packed weights are %d x %d", p.Packed.k, p.Packed.n)
	case p.Packed != nil && p.Packed.level != p.Level:
		return fmt.Errorf("weights are packed for %v, the step is for %v", p.Packed.level, p.Level)
	case p.Activation.Kind < 0 || p.Activation.Kind >= activation.Kinds:
		return fmt.Errorf("unknown activation %d", p.Activation.Kind)
	}
	return nil
}

// cost estimates the nanoseconds of rows x columns of one product: arithmetic or reading B, whichever takes longer.
func (p *Product) cost(v variant, rows, columns int) int64 {
	depth := float64(max(p.K, 1)) * float64(columns)
	epilogue := float64(rows) * float64(columns) / v.rate
	if p.Activation.Kind > activation.Clip {
		epilogue *= 12
	}
	return 30 + int64(max(depth*float64(rows)/v.rate, 4*depth/bytesPerNS)+epilogue)
}

// flags chooses what is packed at run time. B is packed where its columns are not contiguous, or where enough rows use
// each packed panel; A where its columns are not contiguous, or where its rows compete for the same cache lines.
func (p *Product) flags(v variant) (flags int) {
	if p.ResidualLast {
		flags |= flagResidualLast
	}
	switch {
	case p.Packed != nil:
		flags |= flagBIsPacked
	case p.B.Column != 1 || p.M > 2*v.rows:
		flags |= flagPackB
	}
	if p.A.Column != 1 || p.M > v.rows && 4*p.A.Row%criticalStride == 0 {
		flags |= flagPackA
	}
	return flags
}

// tile chooses the rows and columns of a tile: rows so that their part of A stays in the second-level cache while the
// panels of B pass by (all rows, within reason, where the tile has to pack B first), columns by cost.
func (p *Product) tile(v variant, flags int) (rows, columns int) {
	depth := max(p.K, 1)
	total := p.cost(v, p.M, p.N) * int64(p.batches())
	if rows, ok := p.rowTile(v, flags, total); ok {
		return rows, ceil(p.N, v.panel) * v.panel
	}
	rows = max(level2Bytes()/3/(4*depth), 2*v.rows)
	if flags&flagPackB != 0 {
		rows = max(rows, 32*v.rows)
	}
	if rows < p.M {
		rows = ceil(ceil(p.M, ceil(p.M, rows)), v.rows) * v.rows
	}
	rows = min(rows, p.M)

	target := min(max(total/sharedTiles, minTileNS), maxTileNS)
	if flags&flagPackA != 0 {
		target *= 4 // more columns use the packed rows
	}
	panels := int(target / max(1, p.cost(v, rows, v.panel)))
	if flags&flagPackB != 0 {
		panels = min(panels, level2Bytes()/2/(4*depth*v.panel))
	}
	if p.M < len(v.wide) {
		panels = max(1, panels/v.wide[p.M]) * v.wide[p.M]
	}
	panels = max(1, min(panels, ceil(p.N, v.panel)))
	// A last tile of half a panel costs as much as a whole one; behind other panels it does not.
	if half := p.N % v.panel; half > 0 && half <= v.panel/2 && p.N > v.panel && p.M >= len(v.wide) {
		for p.N/v.panel%panels == 0 {
			panels++
		}
	}
	if flags&flagPackB == 0 {
		rows = p.split(v, rows, ceil(p.N, panels*v.panel), total)
	}
	return rows, panels * v.panel
}

// split divides rows further where the tiles are too few for several threads to end at about the same time.
func (p *Product) split(v variant, rows, columnTiles int, total int64) int {
	wanted := int(min(sharedTiles, total/minTileNS)) / (columnTiles * p.batches())
	if blocks := ceil(p.M, v.rows); wanted > ceil(p.M, rows) && blocks > 1 {
		return min(rows, ceil(blocks, min(wanted, blocks))*v.rows)
	}
	return rows
}

// rowTile divides a product with more rows than columns into tiles of whole rows, where all of B stays in the second-level
// cache: then each thread reads its own part of A, which it often wrote itself, and only B is read by all.
func (p *Product) rowTile(v variant, flags int, total int64) (rows int, ok bool) {
	if flags&flagPackB != 0 || p.N > p.M || 4*max(p.K, 1)*p.N > level2Bytes()/2 {
		return 0, false
	}
	tiles := int(min(sharedTiles*max(1, total/sharedTiles/maxTileNS), total/minTileNS)) / p.batches()
	blocks := ceil(p.M, v.rows)
	return min(p.M, ceil(blocks, max(1, min(tiles, blocks)))*v.rows), true
}

// packedARow mirrors INFERD_GEMM_PACKED_A_ROW: an odd number of cache lines.
func packedARow(k int) int { return (k+31)/32*32 + 16 }
