package reference

import "github.com/inferd/inferd/daemon/tensor"

type number interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func convert[To, From number](values []From) []To {
	out := make([]To, len(values))
	for i, x := range values {
		out[i] = To(x)
	}
	return out
}

// floats copies the elements of a numeric or bool tensor as float64.
func floats(t *tensor.Tensor) []float64 {
	switch t.DType {
	case tensor.Float32:
		return convert[float64](tensor.Slice[float32](t))
	case tensor.Float64:
		return convert[float64](tensor.Slice[float64](t))
	case tensor.Float16, tensor.BFloat16:
		halves := tensor.Slice[uint16](t)
		out := make([]float64, len(halves))
		for i, half := range halves {
			if t.DType == tensor.Float16 {
				out[i] = tensor.FromFloat16(half)
			} else {
				out[i] = tensor.FromBFloat16(half)
			}
		}
		return out
	case tensor.Uint64:
		return convert[float64](tensor.Slice[uint64](t))
	}
	return convert[float64](integers(t))
}

// integers copies the elements of an integer or bool tensor as int64; uint64 keeps its bits.
func integers(t *tensor.Tensor) []int64 {
	switch t.DType {
	case tensor.Int64, tensor.Uint64:
		return convert[int64](tensor.Slice[int64](t))
	case tensor.Int32:
		return convert[int64](tensor.Slice[int32](t))
	case tensor.Int16:
		return convert[int64](tensor.Slice[int16](t))
	case tensor.Int8:
		return convert[int64](tensor.Slice[int8](t))
	case tensor.Uint8, tensor.Bool:
		return convert[int64](tensor.Slice[uint8](t))
	case tensor.Uint16:
		return convert[int64](tensor.Slice[uint16](t))
	case tensor.Uint32:
		return convert[int64](tensor.Slice[uint32](t))
	}
	fail("%v elements are not integers", t.DType)
	return nil
}

// fromFloats returns a tensor of the values rounded to the element type; integer types truncate, bool is whether they differ from 0.
func fromFloats(dtype tensor.DType, shape []int64, values []float64) *tensor.Tensor {
	switch dtype {
	case tensor.Float32:
		return filled(dtype, shape, convert[float32](values))
	case tensor.Float64:
		return filled(dtype, shape, values)
	case tensor.Float16, tensor.BFloat16:
		out := newTensor(dtype, shape)
		for i, x := range values {
			half := tensor.ToBFloat16(x)
			if dtype == tensor.Float16 {
				half = tensor.ToFloat16(x)
			}
			tensor.Slice[uint16](out)[i] = half
		}
		return out
	case tensor.Bool:
		bools := make([]bool, len(values))
		for i, x := range values {
			bools[i] = x != 0
		}
		return filled(dtype, shape, bools)
	case tensor.Uint64:
		return filled(dtype, shape, convert[uint64](values))
	}
	return fromIntegers(dtype, shape, convert[int64](values))
}

// fromIntegers returns a tensor of the values, wrapped to the element type.
func fromIntegers(dtype tensor.DType, shape []int64, values []int64) *tensor.Tensor {
	switch dtype {
	case tensor.Int64, tensor.Uint64:
		return filled(dtype, shape, values)
	case tensor.Int32, tensor.Uint32:
		return filled(dtype, shape, convert[int32](values))
	case tensor.Int16, tensor.Uint16:
		return filled(dtype, shape, convert[int16](values))
	case tensor.Int8, tensor.Uint8:
		return filled(dtype, shape, convert[int8](values))
	case tensor.Bool:
		bools := make([]bool, len(values))
		for i, x := range values {
			bools[i] = x != 0
		}
		return filled(dtype, shape, bools)
	}
	if !dtype.IsFloat() {
		fail("a result of element type %v is not supported", dtype)
	}
	return fromFloats(dtype, shape, convert[float64](values))
}

func filled[T tensor.Element](dtype tensor.DType, shape []int64, values []T) *tensor.Tensor {
	out := newTensor(dtype, shape)
	if int64(len(values)) != out.Elements() {
		fail("%d elements for a result of shape %v", len(values), shape)
	}
	copy(tensor.Slice[T](out), values)
	return out
}

// integerRange returns the least and the largest value of an integer type or bool; those of uint64 stand for its bits as int64.
func integerRange(dtype tensor.DType) (least, largest int64) {
	switch dtype {
	case tensor.Bool:
		return 0, 1
	case tensor.Uint8, tensor.Uint16, tensor.Uint32:
		return 0, 1<<(8*dtype.Size()) - 1
	}
	half := int64(1) << (8*dtype.Size() - 1)
	return -half, half - 1
}
