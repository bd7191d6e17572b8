package tensor

import "fmt"

// DType is an element type. The numbers are those of ONNX's TensorProto.DataType.
type DType int32

// The element types that inferd knows.
const (
	Undefined  DType = 0
	Float32    DType = 1
	Uint8      DType = 2
	Int8       DType = 3
	Uint16     DType = 4
	Int16      DType = 5
	Int32      DType = 6
	Int64      DType = 7
	String     DType = 8
	Bool       DType = 9
	Float16    DType = 10
	Float64    DType = 11
	Uint32     DType = 12
	Uint64     DType = 13
	Complex64  DType = 14
	Complex128 DType = 15
	BFloat16   DType = 16
)

// StringSize is the size of one element of a String tensor in C memory: a record {data pointer, int64 length}, laid out
// as a Go string header is.
const StringSize = 16

var dtypes = [...]struct {
	name string
	size int64
}{
	{"undefined", 0}, {"float32", 4}, {"uint8", 1}, {"int8", 1}, {"uint16", 2}, {"int16", 2}, {"int32", 4}, {"int64", 8},
	{"string", StringSize}, {"bool", 1}, {"float16", 2}, {"float64", 8}, {"uint32", 4}, {"uint64", 8}, {"complex64", 8},
	{"complex128", 16}, {"bfloat16", 2},
}

// foreign names the types from 17 that ONNX has and inferd has not.
var foreign = [...]string{"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2"}

// TypeName writes ONNX's number of an element type that is not valid, with its name where ONNX has one: 22 (int4).
func TypeName(number int64) string {
	if i := number - int64(len(dtypes)); i >= 0 && i < int64(len(foreign)) {
		return fmt.Sprintf("%d (%s)", number, foreign[i])
	}
	return fmt.Sprint(number)
}

// Valid reports whether d is one of the element types above, other than Undefined.
func (d DType) Valid() bool { return d > Undefined && int(d) < len(dtypes) }

// String returns the name as numpy spells it, for instance float32.
func (d DType) String() string {
	if d >= 0 && int(d) < len(dtypes) {
		return dtypes[d].name
	}
	return fmt.Sprintf("dtype(%d)", int32(d))
}

// Size is the number of bytes of one element in memory; 0 where the type is not valid.
func (d DType) Size() int64 {
	if d >= 0 && int(d) < len(dtypes) {
		return dtypes[d].size
	}
	return 0
}

// IsFloat reports whether d is a floating-point type of any width.
func (d DType) IsFloat() bool {
	return d == Float32 || d == Float64 || d == Float16 || d == BFloat16
}

// IsInteger reports whether d is a signed or unsigned integer type; Bool is none.
func (d DType) IsInteger() bool {
	switch d {
	case Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64:
		return true
	}
	return false
}
