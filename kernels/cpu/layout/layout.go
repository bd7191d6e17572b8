// Package layout prepares the loops of kernels that walk several tensors of one index space.
//
// In: dimensions and, for each tensor, its stride along each of them. Out: the same loop with as few dimensions as it can be written
// with. Pure Go; it imports nothing.
package layout

// Loop is a nest of loops, the last dimension innermost. Strides[t][d] is what one step along dimension d moves in tensor t.
type Loop struct {
	Dims    []int64
	Strides [][]int64
}

// Contiguous returns the strides of a row-major tensor, in units of its elements.
func Contiguous(dims []int64) []int64 {
	strides := make([]int64, len(dims))
	stride := int64(1)
	for d := len(dims) - 1; d >= 0; d-- {
		strides[d] = stride
		stride *= dims[d]
	}
	return strides
}

// Broadcast returns the strides with which a row-major tensor of the given shape is read in a loop over dims: aligned at the last
// dimension, 0 along those that it repeats. ok is false where the shapes do not fit.
func Broadcast(shape, dims []int64) (strides []int64, ok bool) {
	if len(shape) > len(dims) {
		return nil, false
	}
	own := Contiguous(shape)
	strides = make([]int64, len(dims))
	for i, size := range shape {
		d := len(dims) - len(shape) + i
		switch size {
		case dims[d]:
			strides[d] = own[i]
		case 1:
		default:
			return nil, false
		}
	}
	return strides, true
}

// Size returns the product of the dimensions.
func Size(dims []int64) int64 {
	size := int64(1)
	for _, dim := range dims {
		size *= dim
	}
	return size
}

// Collapse drops dimensions of size one and merges neighbours that every tensor walks as one. The result has at least one dimension.
func Collapse(loop Loop) Loop {
	result := Loop{Strides: make([][]int64, len(loop.Strides))}
	for d, dim := range loop.Dims {
		if dim == 1 {
			continue
		}
		last := len(result.Dims) - 1
		if last >= 0 && mergeable(loop, result, d, last) {
			result.Dims[last] *= dim
			for t := range result.Strides {
				result.Strides[t][last] = loop.Strides[t][d]
			}
			continue
		}
		result.Dims = append(result.Dims, dim)
		for t := range result.Strides {
			result.Strides[t] = append(result.Strides[t], loop.Strides[t][d])
		}
	}
	if len(result.Dims) == 0 {
		result.Dims = []int64{1}
		for t := range result.Strides {
			result.Strides[t] = []int64{0}
		}
	}
	return result
}

// mergeable reports whether dimension d of loop continues dimension last of result in every tensor.
func mergeable(loop, result Loop, d, last int) bool {
	for t := range loop.Strides {
		if result.Strides[t][last] != loop.Strides[t][d]*loop.Dims[d] {
			return false
		}
	}
	return true
}
