// Package tensor holds the dense tensor that the compiler, the devices and the tests share: a type, a shape and bytes.
//
// In: bytes from a file, a request or C memory. Out: typed views of them. It knows no file format and no protocol.
package tensor

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Tensor is dense, row-major and little-endian. Elements of a String tensor are in Strings, all others in Data.
type Tensor struct {
	DType   DType
	Shape   []int64
	Data    []byte   // len(Data) == Elements * DType.Size(); nil for String
	Strings []string // String tensors only
}

// Element lists the Go types that hold an element of a tensor as it lies in memory.
type Element interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~bool
}

// Elements returns the product of the dimensions (1 for a scalar). It fails where one is negative or the product overflows.
func Elements(shape []int64) (int64, error) {
	count := int64(1)
	for _, dim := range shape {
		if dim < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if dim != 0 && count > math.MaxInt64/dim {
			return 0, fmt.Errorf("shape %v has more elements than 64 bits can count", shape)
		}
		count *= dim
	}
	return count, nil
}

// ByteSize returns the bytes that a tensor of this type and shape takes in memory (records of StringSize for strings).
func ByteSize(dtype DType, shape []int64) (int64, error) {
	if !dtype.Valid() {
		return 0, fmt.Errorf("invalid element type %v", dtype)
	}
	count, err := Elements(shape)
	if err != nil {
		return 0, err
	}
	if count > math.MaxInt64/dtype.Size() {
		return 0, fmt.Errorf("a %v tensor of shape %v has more bytes than 64 bits can count", dtype, shape)
	}
	return count * dtype.Size(), nil
}

// New returns a tensor of zeros (empty strings). It panics where the shape is invalid, so shapes from outside go through
// ByteSize first.
func New(dtype DType, shape ...int64) *Tensor {
	size, err := ByteSize(dtype, shape)
	if err != nil {
		panic("tensor.New: " + err.Error())
	}
	t := &Tensor{DType: dtype, Shape: slices.Clone(shape)}
	if dtype == String {
		t.Strings = make([]string, size/StringSize)
		return t
	}
	t.Data = alignedBytes(size)
	return t
}

// alignedBytes returns zeroed memory aligned for every element type.
func alignedBytes(size int64) []byte {
	if size == 0 {
		return []byte{}
	}
	words := make([]uint64, (size+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)
}

// FromSlice returns a tensor that holds a copy of the values. It panics where their number does not fit the shape.
func FromSlice[T Element](values []T, shape ...int64) *Tensor {
	t := New(dtypeOf[T](), shape...)
	if int64(len(values)) != t.Elements() {
		panic(fmt.Sprintf("tensor.FromSlice: %d values for shape %v", len(values), shape))
	}
	copy(Slice[T](t), values)
	return t
}

// FromStrings returns a String tensor. It panics where the number of values does not fit the shape.
func FromStrings(values []string, shape ...int64) *Tensor {
	t := New(String, shape...)
	if len(values) != len(t.Strings) {
		panic(fmt.Sprintf("tensor.FromStrings: %d values for shape %v", len(values), shape))
	}
	copy(t.Strings, values)
	return t
}

// Slice views the tensor's bytes as elements of type T, sharing memory. T's size must be the element type's; float16 and
// bfloat16 are viewed as uint16. It panics on another size.
func Slice[T Element](t *Tensor) []T {
	var zero T
	if int64(unsafe.Sizeof(zero)) != t.DType.Size() || t.DType == String {
		panic(fmt.Sprintf("tensor.Slice: a %v tensor viewed as %T", t.DType, zero))
	}
	if len(t.Data) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&t.Data[0])), t.Elements())
}

// Elements is the number of elements.
func (t *Tensor) Elements() int64 {
	count := int64(1)
	for _, dim := range t.Shape {
		count *= dim
	}
	return count
}

// Reshaped returns a tensor of another shape that shares the elements. It panics where their number differs.
func (t *Tensor) Reshaped(shape ...int64) *Tensor {
	if count, err := Elements(shape); err != nil || count != t.Elements() {
		panic(fmt.Sprintf("tensor.Reshaped: %v to %v", t.Shape, shape))
	}
	return &Tensor{DType: t.DType, Shape: slices.Clone(shape), Data: t.Data, Strings: t.Strings}
}

// String describes the tensor without its elements, for instance float32[2,3].
func (t *Tensor) String() string { return Describe(t.DType, t.Shape) }

// Describe formats a type and shape, for instance float32[2,3].
func Describe(dtype DType, shape []int64) string {
	text := []byte(dtype.String() + "[")
	for i, dim := range shape {
		if i > 0 {
			text = append(text, ',')
		}
		text = fmt.Append(text, dim)
	}
	return string(append(text, ']'))
}

func dtypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	}
	panic(fmt.Sprintf("tensor: no element type for %T", zero))
}
