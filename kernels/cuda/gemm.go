package cuda

import (
	"math"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// Gemm describes C = activation(alpha * A B + bias + residual) for matrices in up to three batch dimensions. An element of C has the same bits whatever M
// and the batch are: its products are added in the order of K by every kernel.
type Gemm struct {
	Type Type
	// TensorFloat lets tensor cores multiply float32 with the 10 bits of fraction that TF32 has.
	TensorFloat bool
	M, N, K     int64
	Batch       [3]int64 // outermost first; 1 where there are fewer dimensions
	A, B, C     GemmMatrix
	Epilogue
	ResidualRow, ResidualColumn int64 // strides in elements; the residual is for one matrix only
	// Multiprocessors of the device, by which tiles are chosen.
	Multiprocessors int64
}

// GemmMatrix is an operand with its strides in elements; a batch stride of 0 repeats the matrix. A row may be padded: where B's Column is 1 and its Row is
// larger than N, or its Row is 1 and its Column larger than K, whole chunks of 16 bytes may be read as long as they begin within N or K. Padding along K
// must be zeros.
type GemmMatrix struct {
	Operand     step.Operand
	Row, Column int64
	Batch       [3]int64
}

// gemmArguments mirrors GemmArguments.
type gemmArguments struct {
	a, b, bias, residual, c       address
	epilogue                      epilogueArguments
	m, n, k                       int64
	aRow, aColumn, bRow, bColumn  int64
	batch, aBatch, bBatch, cBatch [3]int64
	rowTiles, columnTiles         int64
}

// Plan returns the launch; none where there are no elements.
func (g Gemm) Plan() ([]Launch, error) {
	matrices := g.Batch[0] * g.Batch[1] * g.Batch[2]
	if g.M*g.N*matrices == 0 {
		return nil, nil
	}
	if err := g.check(matrices); err != nil {
		return nil, err
	}
	variant, tiles := g.variant()
	t := chooseTile(tiles, g.M, g.N, matrices, g.Multiprocessors)
	rowTiles, columnTiles := t.count(g.M, g.N)
	if rowTiles*columnTiles > maxGrid/matrices {
		return nil, unsupported("a product of %d x %d in %d matrices", g.M, g.N, matrices)
	}
	module := "gemm_" + g.typeName()
	l := newLaunch(module, module+"_"+variant+"_"+t.String(), grid1(rowTiles*columnTiles*matrices), grid1(t.threads), t.sharedBytes(), gemmArguments{
		epilogue: g.Epilogue.arguments(g.Type, g.C.Operand, g.N|g.C.Batch[0]|g.C.Batch[1]|g.C.Batch[2], g.C.Row, g.ResidualRow, g.ResidualColumn),
		m:        g.M, n: g.N, k: g.K, aRow: g.A.Row, aColumn: g.A.Column, bRow: g.B.Row, bColumn: g.B.Column,
		batch: g.Batch, aBatch: g.A.Batch, bBatch: g.B.Batch, cBatch: g.C.Batch, rowTiles: rowTiles, columnTiles: columnTiles,
	}, g.A.Operand, g.B.Operand, g.Bias, g.Residual, g.C.Operand)
	l.FLOP, l.Bytes = 2*g.M*g.N*g.K*matrices, g.bytes(matrices)
	return []Launch{l}, nil
}

func (g *Gemm) check(matrices int64) error {
	switch {
	case !g.Type.IsFloat():
		return unsupported("a matrix product of %v", g.Type)
	case max(g.M, g.N, g.K) > math.MaxInt32/2:
		return unsupported("a matrix product of %d x %d x %d", g.M, g.N, g.K)
	case g.C.Column != 1:
		return unsupported("a result whose columns are %d elements apart", g.C.Column)
	case matrices > 1 && g.Residual != (step.Operand{}):
		return unsupported("a residual of %d matrices", matrices)
	}
	return nil
}

// variant names how the operands are read, and the tiles that there are for it.
func (g *Gemm) variant() (string, []tile) {
	aligned := g.A.Column == 1 && g.K%(wideBytes/g.Type.Size()) == 0 && isAligned(g.Type, g.A.Operand, g.A.Row, g.A.Batch[0], g.A.Batch[1], g.A.Batch[2])
	kNeighbours := aligned && g.B.Row == 1 && isAligned(g.Type, g.B.Operand, g.B.Column, g.B.Batch[0], g.B.Batch[1], g.B.Batch[2])
	nNeighbours := aligned && g.B.Column == 1 && g.wideColumns() && isAligned(g.Type, g.B.Operand, g.B.Row, g.B.Batch[0], g.B.Batch[1], g.B.Batch[2])
	switch exact := g.Type == Float32 && !g.TensorFloat; {
	case exact && nNeighbours:
		return "nn", fmaTiles
	case exact:
		return "strided", fmaTiles
	case kNeighbours:
		return "nt", mmaTiles
	case nNeighbours && g.Type != Float32:
		return "nn", mmaTiles
	}
	return "strided", anyTile
}

// wideColumns reports whether the chunks of 16 bytes that begin within a row of B may be read to their ends.
func (g *Gemm) wideColumns() bool {
	count := wideBytes / g.Type.Size()
	return g.B.Row >= divide(g.N, count)*count
}

// WantsColumns reports how the product's kernels want a constant B: true, with N in neighbours, false, with K in neighbours. It depends on the type alone.
func (g *Gemm) WantsColumns() bool { return g.Type == Float32 && !g.TensorFloat }

// typeName is the type as the kernels' names have it.
func (g *Gemm) typeName() string {
	if g.Type == Float32 && g.TensorFloat {
		return "tf32"
	}
	return g.Type.String()
}

// bytes is what has to be moved: each operand once for each of its matrices.
func (g *Gemm) bytes(matrices int64) int64 {
	distinct := func(m GemmMatrix) int64 {
		count := int64(1)
		for i, stride := range m.Batch {
			if stride != 0 {
				count *= g.Batch[i]
			}
		}
		return count
	}
	elements := g.M*g.K*distinct(g.A) + g.K*g.N*distinct(g.B) + g.M*g.N*matrices
	if g.Residual != (step.Operand{}) && g.ResidualRow != 0 {
		elements += g.M * g.N
	}
	return elements * g.Type.Size()
}
