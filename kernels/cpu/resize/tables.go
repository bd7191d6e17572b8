package resize

import (
	"slices"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
)

// tables are what a step reads beside the input, in one block; offsets are in bytes.
type tables struct {
	bytes                                                       []byte
	rowIndex, rowWeight, columnIndex, columnWeight, columnFirst int
	columnVectors                                               int // see RESIZE_COLUMN_VECTORS
}

// appendList adds a list to the block and returns where it begins.
func appendList[T any](t *tables, list []T) int {
	const alignment = 64
	start := (len(t.bytes) + alignment - 1) / alignment * alignment
	t.bytes = append(t.bytes, make([]byte, start-len(t.bytes))...)
	if len(list) > 0 {
		t.bytes = append(t.bytes, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), len(list)*int(unsafe.Sizeof(list[0])))...)
	}
	return start
}

// pack lays the tables of both axes out for the kernel that reads them. width is that of the input.
func pack(level isa.Level, rows, columns taps, planes bool, width int) *tables {
	t := &tables{}
	t.rowIndex, t.rowWeight = appendList(t, rows.index), appendList(t, rows.weight)
	if planes {
		var first []int32
		columns = columns.grouped(level.Lanes())
		first, t.columnVectors = columns.near(level.Lanes(), width)
		t.columnFirst = appendList(t, first)
	}
	t.columnIndex, t.columnWeight = appendList(t, columns.index), appendList(t, columns.weight)
	return t
}

// grouped orders a table by groups of positions, whose first elements then lie beside each other, then their second ones. Positions beyond the end repeat the last.
func (t taps) grouped(lanes int) taps {
	outputs, ordered := len(t.index)/t.count, taps{count: t.count}
	for start := 0; start < outputs; start += lanes {
		for k := range t.count {
			for lane := range lanes {
				at := min(start+lane, outputs-1)*t.count + k
				ordered.index = append(ordered.index, t.index[at])
				if t.weight != nil {
					ordered.weight = append(ordered.weight, t.weight[at])
				}
			}
		}
	}
	return ordered
}

// near makes the indices of each group count from its first element where the elements of every group lie within one or two vectors, and returns these first
// elements and how many vectors. Otherwise, vectors being 0, the indices stay those of the row. Vectors end before the row's end where they can.
func (t taps) near(lanes, width int) (first []int32, vectors int) {
	groups := slices.Collect(slices.Chunk(t.index, lanes*t.count))
	for _, group := range groups {
		first = append(first, slices.Min(group))
		vectors = max(vectors, int(slices.Max(group)-slices.Min(group))/lanes+1)
	}
	if vectors > 2 {
		clear(first)
		return first, 0
	}
	for g, group := range groups {
		first[g] = max(min(first[g], int32(width-vectors*lanes)), 0)
		for i := range group {
			group[i] -= first[g]
		}
	}
	return first, vectors
}
