// Package compare decides strictly whether a computed tensor is the expected one.
//
// In: two tensors and a tolerance. Out: nil, or an error that says where and by how much they differ. Element type and shape must be
// equal; NaN equals NaN, infinities equal by sign, strings, bools and integers exactly.
package compare

import (
	"fmt"
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// Tolerance is how far a floating-point element may be from the expected one: Absolute + Relative*|expected|. Elements of float16 and
// bfloat16 tensors may also be one representable number away.
type Tolerance struct{ Relative, Absolute float64 }

// Default is the tolerance of a case that names none.
var Default = Tolerance{Relative: 1e-3, Absolute: 1e-7}

// Tensors compares got with want.
func Tensors(got, want *tensor.Tensor, tolerance Tolerance) error {
	if got == nil || want == nil {
		if got == want {
			return nil
		}
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if got.DType == tensor.String {
		return report(got, len(got.Strings), func(i int) (bool, float64) { return got.Strings[i] == want.Strings[i], math.NaN() },
			func(i int) (any, any) { return got.Strings[i], want.Strings[i] })
	}
	if len(got.Data) != len(want.Data) {
		return fmt.Errorf("got %d bytes of elements, want %d, for %v", len(got.Data), len(want.Data), want)
	}
	switch got.DType {
	case tensor.Float32:
		return floats(got, tensor.Slice[float32](got), tensor.Slice[float32](want), tolerance)
	case tensor.Float64:
		return floats(got, tensor.Slice[float64](got), tensor.Slice[float64](want), tolerance)
	case tensor.Float16:
		return halves(got, want, tolerance, tensor.FromFloat16)
	case tensor.BFloat16:
		return halves(got, want, tolerance, tensor.FromBFloat16)
	case tensor.Bool, tensor.Uint8:
		return exact[uint8](got, want)
	case tensor.Int8:
		return exact[int8](got, want)
	case tensor.Int16:
		return exact[int16](got, want)
	case tensor.Uint16:
		return exact[uint16](got, want)
	case tensor.Int32:
		return exact[int32](got, want)
	case tensor.Uint32:
		return exact[uint32](got, want)
	case tensor.Int64:
		return exact[int64](got, want)
	case tensor.Uint64:
		return exact[uint64](got, want)
	}
	return fmt.Errorf("%v elements cannot be compared", got.DType)
}

// Lists compares outputs one by one and names the first that differs.
func Lists(got, want []*tensor.Tensor, tolerance Tolerance) error {
	if len(got) != len(want) {
		return fmt.Errorf("got %d tensors, want %d", len(got), len(want))
	}
	for i := range got {
		if err := Tensors(got[i], want[i], tolerance); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

func floats[T float32 | float64](t *tensor.Tensor, got, want []T, tolerance Tolerance) error {
	return report(t, len(got),
		func(i int) (bool, float64) { return tolerance.accepts(float64(got[i]), float64(want[i])) },
		func(i int) (any, any) { return got[i], want[i] })
}

// accepts reports whether the element is close enough, and the error.
func (t Tolerance) accepts(got, want float64) (bool, float64) {
	if math.IsNaN(want) || math.IsNaN(got) {
		return math.IsNaN(want) && math.IsNaN(got), math.NaN()
	}
	if math.IsInf(want, 0) || math.IsInf(got, 0) {
		return want == got, math.Abs(got - want)
	}
	difference := math.Abs(got - want)
	return difference <= t.Absolute+t.Relative*math.Abs(want), difference
}

// halves compares 16-bit floats, given what their bits mean.
func halves(got, want *tensor.Tensor, tolerance Tolerance, value func(bits uint16) float64) error {
	a, b := tensor.Slice[uint16](got), tensor.Slice[uint16](want)
	return report(got, len(a),
		func(i int) (bool, float64) {
			x, y := value(a[i]), value(b[i])
			near, difference := tolerance.accepts(x, y)
			oneStep := a[i]>>15 == b[i]>>15 && (a[i]-b[i] == 1 || b[i]-a[i] == 1)
			return near || oneStep && !math.IsNaN(x) && !math.IsNaN(y) && !math.IsInf(x, 0) && !math.IsInf(y, 0), difference
		},
		func(i int) (any, any) { return value(a[i]), value(b[i]) })
}

func exact[T interface {
	tensor.Element
	comparable
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}](got, want *tensor.Tensor) error {
	a, b := tensor.Slice[T](got), tensor.Slice[T](want)
	return report(got, len(a),
		func(i int) (bool, float64) { return a[i] == b[i], math.Abs(float64(a[i]) - float64(b[i])) },
		func(i int) (any, any) { return a[i], b[i] })
}

// report walks all elements and describes the first that differs, how many do, and the largest error among them.
func report(t *tensor.Tensor, count int, same func(i int) (bool, float64), values func(i int) (got, want any)) error {
	first, differing, largest := -1, 0, 0.0
	for i := range count {
		ok, difference := same(i)
		if ok {
			continue
		}
		if first < 0 {
			first = i
		}
		differing++
		if difference > largest {
			largest = difference
		}
	}
	if first < 0 {
		return nil
	}
	got, want := values(first)
	return fmt.Errorf("%v: element %v is %v, want %v; %d of %d elements differ, by up to %g",
		t, position(first, t.Shape), got, want, differing, count, largest)
}

// position converts a row-major index.
func position(index int, shape []int64) []int64 {
	out := make([]int64, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = int64(index) % shape[i]
		index /= int(shape[i])
	}
	return out
}
