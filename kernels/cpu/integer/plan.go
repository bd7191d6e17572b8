package integer

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Product describes what is done with packed weights: a convolution of Images images [Height, Width, channels]; a matrix product [M, K] has M images of one
// pixel. See integer.h for the formula.
type Product struct {
	Weights                       *Packed
	Images, Height, Width         int
	OutputHeight, OutputWidth     int
	StrideHeight, StrideWidth     int
	DilationHeight, DilationWidth int
	PadTop, PadLeft               int

	A, C          step.Operand
	UnsignedA     bool
	AScale        step.Operand // one float32; absent where the result is the sums
	AZero         step.Operand // one number of A's type, or absent
	Bias          step.Operand // by column, or absent
	IntegerBias   bool         // int32, added to the sums; else float32, added behind the scales
	Residual      step.Operand // float32, as C lies, for a result in float32; or absent
	ResidualLast  bool
	Activation    activation.Activation
	YScale, YZero step.Operand // of results of eight bits
	Output        Output
}

// Matrix sets the sizes of a matrix product of so many rows.
func (p *Product) Matrix(rows int) {
	p.Images, p.Height, p.Width, p.OutputHeight, p.OutputWidth = rows, 1, 1, 1, 1
	p.StrideHeight, p.StrideWidth, p.DilationHeight, p.DilationWidth = 1, 1, 1, 1
}

const (
	// bytesPerNS is what a core reads from the outer caches.
	bytesPerNS = 20
	// A tile is worth this many nanoseconds: small enough to share and to pause between, large enough to reuse its operands.
	minTileNS, maxTileNS = 4000, 40000
	// sharedTiles is the number of tiles that a step divides into, if they do not become too small or too large.
	sharedTiles = 16
	// tileBytes is what a tile's rows may take: half of a small second-level cache.
	tileBytes = 128 << 10
	// epilogueNS is what an element costs behind its sum, about.
	epilogueNS = 0.15
)

// Step plans the product.
func (p Product) Step() (step.Step, error) {
	if err := p.check(); err != nil {
		return step.Step{}, fmt.Errorf("product of integers: %w", err)
	}
	w := p.Weights
	v := variantOf(w.level)
	rows := p.Images * p.OutputHeight * p.OutputWidth
	depth := w.kernelHeight * w.kernelWidth * w.channels
	s := step.Step{Kernel: v.product}
	s.Operand = [step.Operands]step.Operand{
		operandA: p.A, operandB: step.Absolute(w.block.Pointer()), operandColumns: step.Absolute(w.columns.Pointer()), operandC: p.C, operandAScale: p.AScale,
		operandAZero: p.AZero, operandBias: p.Bias, operandResidual: p.Residual, operandYScale: p.YScale, operandYZero: p.YZero,
	}
	perGroup := w.outputs / w.groups
	tileRows, tileColumns := p.tile(v, rows, perGroup, depth)
	s.CostNS = cost(v, rows, w.outputs, depth)
	s.ScratchBytes = int64(ceil(4*tileRows, 64)*64 + tileRows*packedRow(depth))
	s.Tiles = int64(ceil(rows, tileRows)) * int64(ceil(perGroup, tileColumns)) * int64(w.groups)
	if w.isDepthwise() {
		s.Kernel, s.ScratchBytes, s.Tiles = v.depthwise, int64(4*depth*w.level.Lanes()), int64(p.Images*p.OutputHeight)
		s.CostNS = 30 + int64(float64(rows*w.outputs)*(float64(depth)/float64(v.panel)+epilogueNS))
	}
	p.parameters(&s, map[int]int{
		parameterRows: rows, parameterGroups: w.groups, parameterGroupColumns: perGroup, parameterColumnPitch: w.pitch, parameterArray: w.array,
		parameterTileRows: tileRows, parameterTileColumns: tileColumns,
	})
	return s, nil
}

// parameters adds those that do not depend on tiles.
func (p *Product) parameters(s *step.Step, tiles map[int]int) {
	flags := 0
	for flag, set := range map[int]bool{
		flagUnsignedA: p.UnsignedA, flagHasZeros: p.Weights.hasZeros, flagBiasIsInteger: p.IntegerBias, flagResidualLast: p.ResidualLast,
	} {
		if set {
			flags |= flag
		}
	}
	for _, list := range []map[int]int{tiles, {
		parameterFlags: flags, parameterOutput: int(p.Output), parameterActivation: int(p.Activation.Kind), parameterHeight: p.Height, parameterWidth: p.Width,
		parameterGroupChannels: p.Weights.channels, parameterOutputHeight: p.OutputHeight, parameterOutputWidth: p.OutputWidth,
		parameterKernelHeight: p.Weights.kernelHeight, parameterKernelWidth: p.Weights.kernelWidth, parameterStrideHeight: p.StrideHeight,
		parameterStrideWidth: p.StrideWidth, parameterDilationHeight: p.DilationHeight, parameterDilationWidth: p.DilationWidth,
		parameterPadTop: p.PadTop, parameterPadLeft: p.PadLeft,
	}} {
		for i, value := range list {
			s.Parameter[i] = int64(value)
		}
	}
	s.SetFloat(parameterP0, float64(p.Activation.P0))
	s.SetFloat(parameterP1, float64(p.Activation.P1))
}

// check reports what the kernels cannot do.
func (p *Product) check() error {
	const limit = 1 << 24
	none := step.Operand{}
	for _, size := range []int{p.Height, p.Width, p.OutputHeight, p.OutputWidth, p.StrideHeight, p.StrideWidth, p.DilationHeight, p.DilationWidth} {
		if size < 1 || size > limit {
			return fmt.Errorf("a size of %d is out of range", size)
		}
	}
	switch rows := float64(p.Images) * float64(p.OutputHeight) * float64(p.OutputWidth); {
	case p.Images < 1 || rows > 1<<31 || p.PadTop < 0 || p.PadLeft < 0 || max(p.PadTop, p.PadLeft) > limit:
		return fmt.Errorf("%d images with padding %d, %d are out of range", p.Images, p.PadTop, p.PadLeft)
	case p.Activation.Kind < 0 || p.Activation.Kind >= activation.Kinds:
		return fmt.Errorf("unknown activation %d", p.Activation.Kind)
	case p.Output != Int32 && !p.Weights.scaled:
		return errors.New("weights without scales")
	case p.Output == Int32 && (p.Bias != none || p.Residual != none || p.Activation.Kind != activation.None):
		return errors.New("sums are wanted, and something to add to them")
	case p.Residual != none && p.Output != Float32:
		return errors.New("a residual of a result that is not float32")
	}
	return nil
}

// cost estimates the nanoseconds of rows x columns: arithmetic or reading B, whichever takes longer, and what follows.
func cost(v variant, rows, columns, depth int) int64 {
	products := float64(depth) * float64(columns)
	packing := float64(rows) * float64(depth) / bytesPerNS
	return 30 + int64(max(products*float64(rows)/v.rate, products/bytesPerNS)+epilogueNS*float64(rows)*float64(columns)+packing)
}

// tile chooses the rows and columns of a tile: as many rows as stay in the second-level cache, columns by cost.
func (p *Product) tile(v variant, rows, columns, depth int) (tileRows, tileColumns int) {
	tileRows = max(tileBytes/packedRow(depth), v.rows)
	if tileRows < rows {
		tileRows = ceil(ceil(rows, ceil(rows, tileRows)), v.rows) * v.rows
	}
	tileRows = min(tileRows, rows)
	total := cost(v, rows, columns, depth) * int64(p.Weights.groups)
	target := min(max(total/sharedTiles, minTileNS), maxTileNS)
	panels := max(1, min(int(target/max(1, cost(v, tileRows, v.panel, depth))), ceil(columns, v.panel)))
	tileColumns = panels * v.panel
	// Where the columns are too few for all threads, rows are divided further.
	wanted := int(min(sharedTiles, total/minTileNS)) / (ceil(columns, tileColumns) * p.Weights.groups)
	if blocks := ceil(rows, v.rows); wanted > ceil(rows, tileRows) && blocks > 1 {
		tileRows = min(tileRows, ceil(blocks, min(wanted, blocks))*v.rows)
	}
	return tileRows, tileColumns
}

// packedRow mirrors INTEGER_A_ROW: an odd number of cache lines.
func packedRow(depth int) int { return (ceil(depth, 64) | 1) * 64 }
