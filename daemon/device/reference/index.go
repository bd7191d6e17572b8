package reference

import (
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// Most operators that move or pair elements do it through a list of offsets: for each position of the result, in row-major order, the
// offset of the element of an operand. A transposition, a slice, a broadcast or a reduction differs only in the strides.

// strides returns the row-major strides of a shape.
func strides(shape []int64) []int64 {
	out := make([]int64, len(shape))
	step := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = step
		step *= shape[i]
	}
	return out
}

// offsets lists start + sum(strides[k]*ik) for every position [i0, i1, ...] of the shape.
func offsets(shape, strides []int64, start int64) []int64 {
	count, err := tensor.Elements(shape)
	if err != nil {
		fail("%w", err)
	}
	if count > tensorLimit/8 {
		fail("shape %v has too many elements", shape)
	}
	if count == 0 {
		return nil
	}
	list := []int64{start}
	for axis, size := range shape {
		if size == 1 {
			continue
		}
		next := make([]int64, 0, int64(len(list))*size)
		for _, offset := range list {
			for i := range size {
				next = append(next, offset+i*strides[axis])
			}
		}
		list = next
	}
	return list
}

// broadcast returns the shape that all shapes broadcast to.
func broadcast(shapes ...[]int64) []int64 {
	var out []int64
	for _, shape := range shapes {
		if missing := len(shape) - len(out); missing > 0 {
			out = slices.Concat(slices.Repeat([]int64{1}, missing), out)
		}
		for i, size := range shape {
			j := len(out) - len(shape) + i
			if out[j] == 1 {
				out[j] = size
			} else if size != 1 && size != out[j] {
				fail("shapes %v do not broadcast", shapes)
			}
		}
	}
	return out
}

// broadcastOffsets lists the offset in a tensor of shape from of the element that each position of shape to reads.
func broadcastOffsets(from, to []int64) []int64 {
	if len(from) > len(to) {
		fail("shape %v does not broadcast to %v", from, to)
	}
	steps := make([]int64, len(to))
	lead := len(to) - len(from)
	for i, step := range strides(from) {
		if from[i] != 1 {
			if from[i] != to[lead+i] {
				fail("shape %v does not broadcast to %v", from, to)
			}
			steps[lead+i] = step
		}
	}
	return offsets(to, steps, 0)
}

// take returns a tensor of the shape whose element i is t's element from[i], or zero where from[i] is negative.
func take(t *tensor.Tensor, shape, from []int64) *tensor.Tensor {
	out := newTensor(t.DType, shape)
	if int64(len(from)) != out.Elements() {
		fail("%d elements for a result of shape %v", len(from), shape)
	}
	switch {
	case t.DType == tensor.String:
		pick(out.Strings, t.Strings, from)
	case t.DType.Size() == 1:
		pick(tensor.Slice[uint8](out), tensor.Slice[uint8](t), from)
	case t.DType.Size() == 2:
		pick(tensor.Slice[uint16](out), tensor.Slice[uint16](t), from)
	case t.DType.Size() == 4:
		pick(tensor.Slice[uint32](out), tensor.Slice[uint32](t), from)
	case t.DType.Size() == 8:
		pick(tensor.Slice[uint64](out), tensor.Slice[uint64](t), from)
	default:
		size := t.DType.Size()
		for i, j := range from {
			if j >= 0 {
				copy(out.Data[int64(i)*size:][:size], t.Data[j*size:])
			}
		}
	}
	return out
}

func pick[T any](out, in []T, from []int64) {
	for i, j := range from {
		if j >= 0 {
			out[i] = in[j]
		}
	}
}

// copyElements copies count elements from position from of in to position to of out.
func copyElements(out *tensor.Tensor, to int64, in *tensor.Tensor, from, count int64) {
	if in.DType == tensor.String {
		copy(out.Strings[to:to+count], in.Strings[from:from+count])
		return
	}
	size := in.DType.Size()
	copy(out.Data[to*size:(to+count)*size], in.Data[from*size:(from+count)*size])
}

// around returns the number of positions before an axis, its size, and the number of positions after it.
func around(shape []int64, axis int) (before, size, after int64) {
	if len(shape) == 0 {
		return 1, 1, 1
	}
	return product(shape[:axis]), shape[axis], product(shape[axis+1:])
}

func product(shape []int64) int64 {
	count, err := tensor.Elements(shape)
	if err != nil {
		fail("%w", err)
	}
	return count
}
