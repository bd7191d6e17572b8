package cuda

import "fmt"

// Type is the type of elements.
type Type int

// The types, by the suffixes that kernels' names carry.
const (
	Float32 Type = iota
	Float16
	BFloat16
	Int8
	Uint8 // and bool
	Int32
	Int64
)

var typeInfo = [...]struct {
	suffix string
	size   int64
}{Float32: {"f32", 4}, Float16: {"f16", 2}, BFloat16: {"bf16", 2}, Int8: {"i8", 1}, Uint8: {"u8", 1}, Int32: {"i32", 4}, Int64: {"i64", 8}}

// String is the suffix of kernels' names.
func (t Type) String() string { return typeInfo[t].suffix }

// Size is the size of an element in bytes.
func (t Type) Size() int64 { return typeInfo[t].size }

// IsFloat reports whether the type is a floating-point one, of which every kernel family has variants.
func (t Type) IsFloat() bool { return t <= BFloat16 }

// unsupported says why a planner has no kernel for what is asked.
func unsupported(format string, args ...any) error {
	return &UnsupportedError{Reason: fmt.Sprintf(format, args...)}
}

// UnsupportedError says that there is no kernel: something else has to run the operator.
type UnsupportedError struct{ Reason string }

func (e *UnsupportedError) Error() string { return e.Reason }
