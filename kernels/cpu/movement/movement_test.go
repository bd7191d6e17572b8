package movement

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// pattern returns n bytes that do not repeat early.
func pattern(n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
}

// copyPlainly does what Copy describes, element by element.
func copyPlainly(c Copy, destination, source []byte) {
	index := make([]int64, len(c.Dims))
	for n := layout.Size(c.Dims); n > 0; n-- {
		from, to := c.SourceOffset, c.DestinationOffset
		for d := range index {
			from += index[d] * c.Source[d]
			to += index[d] * c.Destination[d]
		}
		copy(destination[to*c.ElementSize:(to+1)*c.ElementSize], source[from*c.ElementSize:])
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < c.Dims[d] {
				break
			}
			index[d] = 0
		}
	}
}

func checkCopy(t *testing.T, level isa.Level, name string, c Copy, sourceElements, destinationElements int64) {
	t.Helper()
	s, err := c.Plan(level)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	source := steptest.From(t, pattern(sourceElements*c.ElementSize))
	destination := steptest.NewBuffer(t, int(destinationElements*c.ElementSize))
	s.Operand[OperandSource], s.Operand[OperandDestination] = source.Operand(), destination.Operand()
	want := make([]byte, destinationElements*c.ElementSize)
	copyPlainly(c, want, steptest.View[byte](source))
	steptest.Run(t, &s, source, destination)
	if !bytes.Equal(want, steptest.View[byte](destination)) {
		t.Errorf("%s: %+v: wrong elements", name, c)
	}
}

func TestTranspose(t *testing.T) {
	cases := []struct {
		shape       []int64
		permutation []int
	}{
		{[]int64{1, 3, 31, 33}, []int{0, 2, 3, 1}}, {[]int64{2, 31, 5, 3}, []int{0, 3, 1, 2}},
		{[]int64{1, 2, 7, 9}, []int{0, 2, 3, 1}}, {[]int64{1, 9, 7, 2}, []int{0, 3, 1, 2}}, {[]int64{3, 4, 17}, []int{0, 2, 1}}, {[]int64{3, 17, 4}, []int{0, 2, 1}},
		{[]int64{1, 1}, []int{1, 0}}, {[]int64{5, 1}, []int{1, 0}}, {[]int64{1, 19}, []int{1, 0}}, {[]int64{3, 2}, []int{1, 0}},
		{[]int64{16, 24}, []int{1, 0}}, {[]int64{65, 129}, []int{1, 0}}, {[]int64{2, 49, 50}, []int{2, 0, 1}}, {[]int64{300, 1000}, []int{1, 0}},
		{[]int64{2, 13, 3, 3, 8}, []int{2, 0, 3, 1, 4}}, {[]int64{2, 13, 3, 8}, []int{0, 2, 3, 1}}, {[]int64{2, 5, 2, 29}, []int{0, 1, 3, 2}},
		{[]int64{2, 3, 4, 5, 6}, []int{4, 3, 2, 1, 0}}, {[]int64{3, 5, 2}, []int{1, 0, 2}}, {[]int64{4, 6, 4}, []int{1, 0, 2}}, {[]int64{2, 0, 3}, []int{2, 1, 0}},
		{nil, nil},
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, c := range cases {
			for _, size := range []int64{1, 2, 4, 8, 16} {
				n := layout.Size(c.shape)
				checkCopy(t, level, fmt.Sprint(c.shape, c.permutation), Transpose(c.shape, c.permutation, size), n, n)
			}
		}
	})
}

func TestStridedCopies(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, size := range []int64{1, 2, 4, 8, 16} {
			slice := Slice([]int64{5, 7, 9}, []int64{4, 1, 8}, []int64{-1, 2, -3}, []int64{5, 3, 3}, size)
			checkCopy(t, level, "slice", slice, 5*7*9, 5*3*3)
			checkCopy(t, level, "split", Slice([]int64{6, 40}, []int64{0, 8}, []int64{1, 1}, []int64{6, 25}, size), 240, 150)
			checkCopy(t, level, "concat", Place([]int64{3, 5, 4}, []int64{0, 2, 0}, []int64{3, 9, 4}, size), 60, 108)
			checkCopy(t, level, "long rows", Place([]int64{2, 50001}, []int64{0, 1}, []int64{2, 50003}, size), 100002, 100006)
			for _, shape := range [][]int64{{}, {1}, {7}, {3, 1}, {2, 1, 7}, {2, 3, 7}} {
				expand, err := Expand(shape, []int64{2, 3, 7}, size)
				if err != nil {
					t.Fatal(err)
				}
				checkCopy(t, level, fmt.Sprint("expand ", shape), expand, layout.Size(shape), 42)
			}
		}
	})
}

func TestPlanRefuses(t *testing.T) {
	if _, err := (Copy{Dims: []int64{2}, Source: []int64{1}, Destination: []int64{1}, ElementSize: 3}).Plan(isa.Scalar); err == nil {
		t.Error("element size 3 was accepted")
	}
	if _, err := (Copy{Dims: []int64{2}, Source: []int64{1}, ElementSize: 4}).Plan(isa.Scalar); err == nil {
		t.Error("missing strides were accepted")
	}
	if _, err := (Copy{Dims: []int64{-2}, Source: []int64{1}, Destination: []int64{1}, ElementSize: 4}).Plan(isa.Scalar); err == nil {
		t.Error("a negative dimension was accepted")
	}
	deep := Copy{ElementSize: 4}
	for range 10 {
		deep.Dims, deep.Source, deep.Destination = append(deep.Dims, 2), append(deep.Source, 5), append(deep.Destination, 3)
	}
	if _, err := deep.Plan(isa.Scalar); err == nil {
		t.Error("ten dimensions that do not merge were accepted")
	}
	if _, err := Expand([]int64{2}, []int64{3}, 4); err == nil {
		t.Error("a shape that does not broadcast was accepted")
	}
	if _, err := (Gather{Outer: 1, Axis: 1, Count: 1, RowBytes: 4, IndexSize: 2}).Plan(isa.Scalar); err == nil {
		t.Error("index size 2 was accepted")
	}
}

func TestGather(t *testing.T) {
	indices := []int64{0, -1, 4, 2, -5, 3, 3, 1, 0, 4, -2}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, row := range []int64{1, 3, 4, 8, 12, 31, 64, 100, 1536} {
			for _, outer := range []int64{1, 3} {
				status := gather(t, level, Gather{Outer: outer, Axis: 5, Count: int64(len(indices)), RowBytes: row}, indices)
				if status != 0 {
					t.Errorf("row %d: status %d for valid indices", row, status)
				}
			}
		}
	})
}

func TestGatherOutOfRange(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, bad := range []int64{5, -6, math.MaxInt32, math.MinInt32} {
			if status := gather(t, level, Gather{Outer: 2, Axis: 5, Count: 3, RowBytes: 24}, []int64{1, bad, 4}); status != StatusIndexOutOfRange {
				t.Errorf("index %d: status %d", bad, status)
			}
		}
		if status := gather(t, level, Gather{Outer: 1, Axis: 0, Count: 1, RowBytes: 8}, []int64{0}); status != StatusIndexOutOfRange {
			t.Error("an index into an empty axis was accepted")
		}
		s, err := Gather{Outer: 1, Axis: 5, Count: 8, RowBytes: 8, IndexSize: 8}.Plan(level)
		if err != nil {
			t.Fatal(err)
		}
		data, output := steptest.From(t, pattern(40)), steptest.NewBuffer(t, 64)
		index := steptest.From(t, []int64{0, math.MinInt64, math.MaxInt64, 1 << 32, -1 << 32, 0, 0, math.MaxInt64 / 8})
		s.Operand[OperandData], s.Operand[OperandIndices], s.Operand[OperandOutput] = data.Operand(), index.Operand(), output.Operand()
		steptest.Run(t, &s, data, index, output) // without a status operand
		if !bytes.Equal(steptest.View[byte](output)[8:40], make([]byte, 32)) {
			t.Error("rows of indices out of range are not zero")
		}
	})
}

// gather runs g with both index types, checks the output and returns the status.
func gather(t *testing.T, level isa.Level, g Gather, indices []int64) (result int64) {
	t.Helper()
	data := steptest.From(t, pattern(g.Outer*g.Axis*g.RowBytes))
	output := steptest.NewBuffer(t, int(g.Outer*g.Count*g.RowBytes))
	status := steptest.NewBuffer(t, 8)
	short := make([]int32, len(indices))
	for i, index := range indices {
		short[i] = int32(index)
	}
	for _, index := range []*steptest.Buffer{steptest.From(t, indices), steptest.From(t, short)} {
		g.IndexSize = int64(len(steptest.View[byte](index)) / len(indices))
		s, err := g.Plan(level)
		if err != nil {
			t.Fatal(err)
		}
		s.Operand[OperandData], s.Operand[OperandIndices] = data.Operand(), index.Operand()
		s.Operand[OperandOutput], s.Operand[OperandStatus] = output.Operand(), status.Operand()
		clear(steptest.View[byte](output))
		steptest.Run(t, &s, data, index, output, status)
		var want []byte
		for outer := range g.Outer {
			for _, i := range indices {
				if i < 0 {
					i += g.Axis
				}
				row := make([]byte, g.RowBytes)
				if i >= 0 && i < g.Axis {
					copy(row, steptest.View[byte](data)[(outer*g.Axis+i)*g.RowBytes:])
				}
				want = append(want, row...)
			}
		}
		if !bytes.Equal(want, steptest.View[byte](output)) {
			t.Errorf("%+v of %v: wrong rows", g, indices)
		}
	}
	return steptest.View[int64](status)[0]
}
