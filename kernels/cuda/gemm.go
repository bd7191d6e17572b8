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
	// WarpGroups multiplies float16 and bfloat16 by the instructions that only Hopper has, where B is packed. The bits are others, so it is for all rows of a
	// model or for none.
	WarpGroups bool
	// Split lets sums be split along K where N is small: only where B is one matrix for all rows of a model, whatever the batch.
	Split bool
	// Sums is memory of WorkspaceBytes.
	Sums step.Operand
	// split is what a convolution has decided; its count is 0 where nothing was.
	split segments
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
	a, b, bias, residual, c, sums address
	epilogue                      epilogueArguments
	segments                      segments
	sumsPitch                     int64
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
	c := g.choose()
	rowTiles, columnTiles := c.count(g.M, g.N)
	blocks := rowTiles * columnTiles
	if blocks > maxGrid/(matrices*c.sharedBy) {
		return nil, unsupported("a product of %d x %d in %d matrices", g.M, g.N, matrices)
	}
	e := g.Epilogue.arguments(g.Type, g.C.Operand, g.N|g.C.Batch[0]|g.C.Batch[1]|g.C.Batch[2], g.C.Row, g.ResidualRow, g.ResidualColumn)
	module, kernel := "gemm_"+g.typeName(), "gemm_"+g.typeName()+"_"+c.name
	if g.usesWarpGroups() {
		module, kernel = "gemm_hopper", "gemm_hopper_"+g.typeName()+"_"+c.name
	}
	l := newLaunch(module, kernel, grid1(blocks*matrices*c.sharedBy), grid1(c.threads), c.sharedBytes(), gemmArguments{
		epilogue: e, segments: c.split, sumsPitch: sumsPitch(g.N),
		m: g.M, n: g.N, k: g.K, aRow: g.A.Row, aColumn: g.A.Column, bRow: g.B.Row, bColumn: g.B.Column,
		batch: g.Batch, aBatch: g.A.Batch, bBatch: g.B.Batch, cBatch: g.C.Batch, rowTiles: rowTiles, columnTiles: columnTiles,
	}, g.A.Operand, g.B.Operand, g.Bias, g.Residual, g.C.Operand, g.Sums)
	l.FLOP, l.Bytes = 2*g.M*g.N*g.K*matrices, g.bytes(matrices)
	if c.sharedBy == 1 {
		return []Launch{l}, nil
	}
	join, err := c.split.join(g.Type, e, g.M, g.N, g.Sums, g.Bias, g.Residual, g.C.Operand)
	if err != nil {
		return nil, err
	}
	return []Launch{l, join}, nil
}

// WorkspaceBytes is the memory that the product needs while it is computed. It does not depend on where operands lie.
func (g Gemm) WorkspaceBytes() int64 {
	if c := g.choose(); c.sharedBy > 1 {
		return c.split.sumsBytes(g.M, g.N)
	}
	return 0
}

func (g *Gemm) choose() choice {
	if g.usesWarpGroups() {
		return choice{warpGroupTile.String(), warpGroupTile, g.segments(), 1}
	}
	return g.variant().choose(g.segments(), g.M, g.N, g.Batch[0]*g.Batch[1]*g.Batch[2], g.Multiprocessors)
}

// warpGroupTile is the tile of tile_wgmma.cuh.
var warpGroupTile = tile{128, 128, 256, 3, 1}

// usesWarpGroups depends on the layer alone.
func (g *Gemm) usesWarpGroups() bool {
	return g.WarpGroups && g.Type != Float32 && g.Split && g.B.Row == 1 && g.K%(wideBytes/g.Type.Size()) == 0
}

// segments splits the sums by what a few rows of the product give to do.
func (g *Gemm) segments() segments {
	steps := divide(g.K*g.Type.Size(), stageBytes)
	switch {
	case g.split.count > 0:
		return g.split
	case !g.Split || g.usesWarpGroups():
		return segments{1, steps}
	}
	return splitDepth(steps, divide(g.N, narrowColumns))
}

func (g *Gemm) check(matrices int64) error {
	switch {
	case !g.Type.IsFloat():
		return unsupported("a matrix product of %v", g.Type)
	case max(g.M, g.N, g.K) > math.MaxInt32/2:
		return unsupported("a matrix product of %d x %d x %d", g.M, g.N, g.K)
	case g.C.Column != 1:
		return unsupported("a result whose columns are %d elements apart", g.C.Column)
	case matrices > 1 && g.Split:
		return unsupported("sums of %d matrices that are split", matrices)
	case g.Split && (g.B.Column == 1) != g.WantsColumns():
		return unsupported("split sums of a B that is not packed")
	case g.usesWarpGroups() && g.variant().name != gemmMMA.name:
		return unsupported("an operand of Hopper's instructions that is not aligned")
	case matrices > 1 && g.Residual != (step.Operand{}):
		return unsupported("a residual of %d matrices", matrices)
	}
	return nil
}

// The variants of the kernels, by how A and B are read: with K in neighbours, with N in neighbours, and element by element.
var (
	gemmMMA        = variant{"nt", mmaTiles, foldedMMA}
	gemmMMAColumns = variant{"nn", []tile{mmaTiles[0], mmaTiles[2], mmaTiles[4]}, tile{}}
	gemmMMAStrided = variant{"strided", mmaTiles[2:3], foldedMMA}
	gemmFMA        = variant{"nn", fmaTiles, foldedFMA}
	gemmFMAStrided = variant{"strided", []tile{fmaTiles[1], fmaTiles[3]}, foldedFMA}
)

// variant tells how the operands are read.
func (g *Gemm) variant() variant {
	aligned := g.A.Column == 1 && g.K%(wideBytes/g.Type.Size()) == 0 && isAligned(g.Type, g.A.Operand, g.A.Row, g.A.Batch[0], g.A.Batch[1], g.A.Batch[2])
	kNeighbours := aligned && g.B.Row == 1 && isAligned(g.Type, g.B.Operand, g.B.Column, g.B.Batch[0], g.B.Batch[1], g.B.Batch[2])
	nNeighbours := aligned && g.B.Column == 1 && g.wideColumns() && isAligned(g.Type, g.B.Operand, g.B.Row, g.B.Batch[0], g.B.Batch[1], g.B.Batch[2])
	switch exact := g.Type == Float32 && !g.TensorFloat; {
	case exact && nNeighbours:
		return gemmFMA
	case exact:
		return gemmFMAStrided
	case kNeighbours:
		return gemmMMA
	case nNeighbours && g.Type != Float32:
		return gemmMMAColumns
	}
	return gemmMMAStrided
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
