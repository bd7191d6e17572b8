package cuda

import (
	"math"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Integer is what products of eight-bit integers share. With sum = the product of A less its zero point and B less its zero points, in int32, the result is
// the sum itself where Output is Int32, else value = activation((sum [+ Bias of int32]) * AScale * BScale[n] [+ Bias of float32] + residual), the residual
// last where ResidualLast is set; in Int8 and Uint8, saturate(round(value / YScale) + YZero), ties to even.
type Integer struct {
	UnsignedA    bool         // A is uint8, else int8
	AZero        step.Operand // one number of A's type; absent where it is 0
	AScale       step.Operand // one float32; absent where Output is Int32
	Packed       step.Operand // what IntegerWeights.Pack gave
	Bias         step.Operand // by column, int32 or float32; may be absent
	IntegerBias  bool
	Residual     step.Operand // of the result's shape and type, which is a float; may be absent
	ResidualLast bool
	Activation   activation.Activation
	YScale       step.Operand // one float32, and one number of the result's type; for Int8 and Uint8
	YZero        step.Operand
	Output       Type
}

// integerOperands mirrors IntegerOperands.
type integerOperands struct {
	a, b, aScale, aZero, bScale, bZero, columnTerms, bias, residual, yScale, yZero, c address
}

// integerEpilogue mirrors IntegerEpilogue.
type integerEpilogue struct {
	rows, columns, row, residualRow                                 int64
	p0, p1                                                          float32
	activation, residualAfter, output, integerBias, unsignedA, wide int32
}

// operands lists the operands in the order of integerOperands.
func (i *Integer) operands(w IntegerWeights, a, c step.Operand) []step.Operand {
	l := w.layout()
	at := func(offset int64, there bool) step.Operand {
		if !there {
			return step.Operand{}
		}
		return step.Operand{Base: i.Packed.Base, Offset: i.Packed.Offset + offset}
	}
	return []step.Operand{
		a, i.Packed, i.AScale, i.AZero, at(l.scales, i.Output != Int32), at(l.zeros, w.HasZeros), at(l.terms, !w.isDepthwise()), i.Bias, i.Residual, i.YScale,
		i.YZero, c,
	}
}

// epilogue describes what follows the sums, for groups of so many columns whose rows are `row` elements apart.
func (i *Integer) epilogue(rows, columns, row int64, c step.Operand) integerEpilogue {
	wide := (columns|row)%finishedColumns == 0 && alignedTo(finishedColumns*i.Output.Size(), c, i.Residual)
	return integerEpilogue{
		rows: rows, columns: columns, row: row, residualRow: row, p0: i.Activation.P0, p1: i.Activation.P1, activation: int32(i.Activation.Kind),
		residualAfter: flag(i.ResidualLast), output: int32(i.Output), integerBias: flag(i.IntegerBias), unsignedA: flag(i.UnsignedA), wide: flag(wide),
	}
}

func (i *Integer) check() error {
	narrow, none := i.Output == Int8 || i.Output == Uint8, step.Operand{}
	switch {
	case i.Output == Int64:
		return unsupported("a product of integers in %v", i.Output)
	case !i.Output.IsFloat() && i.Residual != none:
		return unsupported("a residual of %v", i.Output)
	case i.Output == Int32 && (i.Bias != none || i.Activation.Kind != activation.None):
		return unsupported("sums with a bias or an activation")
	case !narrow && (i.YScale != none || i.YZero != none):
		return unsupported("a scale of a result in %v", i.Output)
	}
	return nil
}

// integerTiles are those of integer.cuh.
var integerTiles = []tile{mmaTiles[0], mmaTiles[1], mmaTiles[2], mmaTiles[4]}

// IntegerGemm describes C[M, N] = A[M, K] B[K, N], dense, with B packed; see Integer. An element of C has the same bits whatever M is.
type IntegerGemm struct {
	Integer
	M, N, K         int64
	HasZeros        bool // B has zero points other than 0
	A, C            step.Operand
	Multiprocessors int64
}

// integerGemmArguments mirrors IntegerGemmArguments.
type integerGemmArguments struct {
	operands                       integerOperands
	epilogue                       integerEpilogue
	k, bRow, rowTiles, columnTiles int64
}

// Plan returns the launch; none where there are no elements.
func (g IntegerGemm) Plan() ([]Launch, error) {
	if g.M*g.N == 0 {
		return nil, nil
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	if max(g.M, g.N, g.K) > math.MaxInt32/2 {
		return nil, unsupported("a product of integers of %d x %d x %d", g.M, g.N, g.K)
	}
	w := IntegerWeights{Outputs: g.N, Groups: 1, GroupChannels: g.K, KernelHeight: 1, KernelWidth: 1, HasZeros: g.HasZeros}
	v := variant{name: "wide", tiles: integerTiles}
	if g.K%wideBytes != 0 || !alignedTo(wideBytes, g.A) {
		v = variant{name: "any", tiles: integerTiles[2:3]}
	}
	t := chooseTile(v.tiles, g.M, g.N, 1, g.Multiprocessors)
	rowTiles, columnTiles := t.count(g.M, g.N)
	if rowTiles > maxGrid/columnTiles {
		return nil, unsupported("a product of integers of %d x %d", g.M, g.N)
	}
	l := newLaunch("gemm_i8", "gemm_i8_"+v.name+"_"+t.String(), grid1(rowTiles*columnTiles), grid1(t.threads), t.sharedBytes(), integerGemmArguments{
		epilogue: g.epilogue(g.M, g.N, g.N, g.C), k: g.K, bRow: w.pitch(), rowTiles: rowTiles, columnTiles: columnTiles,
	}, g.operands(w, g.A, g.C)...)
	l.FLOP, l.Bytes = 2*g.M*g.N*g.K, g.M*g.K+g.N*g.K+g.bytes(g.M*g.N)
	return []Launch{l}, nil
}

// bytes is what so many elements of the result, and what is added to them, take.
func (i *Integer) bytes(elements int64) int64 {
	if i.Residual != (step.Operand{}) {
		elements *= 2
	}
	return elements * i.Output.Size()
}
