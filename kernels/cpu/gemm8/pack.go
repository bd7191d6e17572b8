package gemm8

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Weights is a constant K x N matrix of eight-bit integers whose element (i, j) is Data[i*Row + j*Column], a byte in two's complement where Signed.
type Weights struct {
	Data        []byte
	Signed      bool
	K, N        int
	Row, Column int
	Zeros       []int32 // one for each column, one for all, or none
}

// value returns an element less its column's zero point.
func (w *Weights) value(i, j int) int32 { return w.element(i, j) - w.zero(j) }

func (w *Weights) element(i, j int) int32 {
	b := w.Data[i*w.Row+j*w.Column]
	if w.Signed {
		return int32(int8(b))
	}
	return int32(b)
}

func (w *Weights) zero(j int) int32 {
	switch len(w.Zeros) {
	case 0:
		return 0
	case 1:
		return w.Zeros[0]
	}
	return w.Zeros[j]
}

// check reports whether the matrix lies inside its data.
func (w *Weights) check() error {
	if w.K < 0 || w.N < 1 || w.Row < 0 || w.Column < 0 || w.K > math.MaxInt32 || w.N > math.MaxInt32 || w.Row > math.MaxInt32 || w.Column > math.MaxInt32 {
		return fmt.Errorf("strides %d and %d are out of range", w.Row, w.Column)
	}
	if last := (w.K-1)*w.Row + (w.N-1)*w.Column; w.K > 0 && last >= len(w.Data) {
		return fmt.Errorf("strides %d and %d reach element %d of %d", w.Row, w.Column, last, len(w.Data))
	}
	if len(w.Zeros) > 1 && len(w.Zeros) != w.N {
		return fmt.Errorf("%d zero points", len(w.Zeros))
	}
	least, largest := int32(0), int32(255)
	if w.Signed {
		least, largest = -128, 127
	}
	for _, zero := range w.Zeros {
		if zero < least || zero > largest {
			return fmt.Errorf("zero point %d is out of range", zero)
		}
	}
	return nil
}

// Packed is a constant matrix in the layout that one instruction set's kernel reads in one direction, with what its zero points add to the products. It serves every
// M, so a weight is packed once, whatever number of programs uses it.
type Packed struct {
	variant      *variant
	groups, k, n int // n is that of one group
	hasZeros     bool
	block        *memory.Block
}

// Pack packs a matrix for the best kernel of the level.
func Pack(level isa.Level, w Weights) (*Packed, error) { return pack(variantOf(level), w, 1) }

// pack packs a matrix whose columns belong to groups, each with panels of its own: [groups][panels][depth][panel columns][group]. Behind them lie the terms and the
// zero points of the columns. Unsigned elements become signed by subtracting 128, from their zero points too.
func pack(v *variant, w Weights, groups int) (*Packed, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("pack a %d x %d matrix: %w", w.K, w.N, err)
	}
	if groups < 1 || w.N%groups != 0 {
		return nil, fmt.Errorf("pack a %d x %d matrix: %d groups", w.K, w.N, groups)
	}
	p := &Packed{variant: v, groups: groups, k: w.K, n: w.N / groups}
	if float64(p.columns())*float64(p.depth()+4)*float64(v.group) > math.MaxInt64/4 {
		return nil, fmt.Errorf("pack a %d x %d matrix: too large", w.K, w.N)
	}
	block, err := memory.Allocate(p.matrixBytes() + 2*4*p.columns())
	if err != nil {
		return nil, fmt.Errorf("pack a %d x %d matrix: %w", w.K, w.N, err)
	}
	p.block = block
	shift := int32(0)
	if !w.Signed {
		shift = 128
	}
	panels, numbers := block.Bytes()[:p.matrixBytes()], unsafe.Slice((*int32)(unsafe.Add(block.Pointer(), p.matrixBytes())), 2*p.columns())
	for j := range w.N {
		at := j/p.n*p.padded() + j%p.n
		term := int32(0)
		first := at/v.panel*v.panel*p.depth()*v.group + at%v.panel*v.group
		for i := range w.K {
			panels[first+i/v.group*v.panel*v.group+i%v.group] = byte(w.element(i, j) - shift)
			term += w.value(i, j)
		}
		zero := w.zero(j) - shift
		numbers[at], numbers[p.columns()+at] = term, zero
		p.hasZeros = p.hasZeros || zero != 0
	}
	return p, nil
}

// padded is the number of columns of a group's panels, columns that of all.
func (p *Packed) padded() int  { return ceil(p.n, p.variant.panel) * p.variant.panel }
func (p *Packed) columns() int { return p.groups * p.padded() }

// depth is the number of steps over K.
func (p *Packed) depth() int { return ceil(p.k, p.variant.group) }

// matrixBytes is the size of all panels, whole cache lines.
func (p *Packed) matrixBytes() int { return ceil(p.columns()*p.depth()*p.variant.group, 64) * 64 }

// operands sets those that hold the matrix.
func (p *Packed) operands(s *step.Step) {
	s.Operand[operandB] = step.Absolute(p.block.Pointer())
	s.Operand[operandBTerms] = step.Absolute(unsafe.Add(p.block.Pointer(), p.matrixBytes()))
	if p.hasZeros {
		s.Operand[operandBZeros] = step.Absolute(unsafe.Add(p.block.Pointer(), p.matrixBytes()+4*p.columns()))
	}
}

// Bytes returns the memory that the packed matrix takes.
func (p *Packed) Bytes() int { return p.block.Size() }

// Free releases the packed matrix. No step that uses it may run any more.
func (p *Packed) Free() { p.block.Free() }

func ceil(a, b int) int { return (a + b - 1) / b }
