package compare

import (
	"math"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

func floats32(values ...float32) *tensor.Tensor { return tensor.FromSlice(values, int64(len(values))) }

func TestTensorsAccepts(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, pair := range map[string][2]*tensor.Tensor{
		"equal":          {floats32(1, -2, 0), floats32(1, -2, 0)},
		"within":         {floats32(1.0009, 1e-8), floats32(1, 0)},
		"not a number":   {floats32(nan), floats32(nan)},
		"infinities":     {floats32(inf, -inf), floats32(inf, -inf)},
		"empty":          {floats32(), floats32()},
		"strings":        {tensor.FromStrings([]string{"a"}, 1), tensor.FromStrings([]string{"a"}, 1)},
		"half, one step": {half(0x3c00), half(0x3c01)},
	} {
		if err := Tensors(pair[0], pair[1], Default); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTensorsRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, test := range map[string]struct {
		got, want *tensor.Tensor
		text      string
	}{
		"perturbed":            {floats32(1, 2.01, 3.02), floats32(1, 2, 3), "element [1] is 2.01, want 2; 2 of 3 elements differ, by up to 0.0"},
		"near zero":            {floats32(2e-7), floats32(0), "1 of 1"},
		"not a number":         {floats32(nan), floats32(0), "is NaN, want 0"},
		"number for NaN":       {floats32(0), floats32(nan), "is 0, want NaN"},
		"opposite infinity":    {floats32(-inf), floats32(inf), "is -Inf, want +Inf"},
		"infinity for large":   {floats32(inf), floats32(math.MaxFloat32), "is +Inf"},
		"shape":                {tensor.New(tensor.Float32, 2, 1), tensor.New(tensor.Float32, 1, 2), "got float32[2,1], want float32[1,2]"},
		"rank":                 {tensor.New(tensor.Float32), tensor.New(tensor.Float32, 1), "got float32[], want float32[1]"},
		"type":                 {tensor.New(tensor.Int32, 1), tensor.New(tensor.Float32, 1), "got int32[1], want float32[1]"},
		"integer off by one":   {tensor.FromSlice([]int64{math.MaxInt64}, 1), tensor.FromSlice([]int64{math.MaxInt64 - 1}, 1), "element [0]"},
		"bool":                 {tensor.FromSlice([]bool{true}, 1), tensor.FromSlice([]bool{false}, 1), "element [0]"},
		"string":               {tensor.FromStrings([]string{"b"}, 1), tensor.FromStrings([]string{"a"}, 1), "is b, want a"},
		"half":                 {half(0x3c10), half(0x3c00), "want 1;"},
		"half infinity":        {half(0x7c00), half(0x7bff), "is +Inf, want 65504"},
		"bfloat16":             {bfloat(0x3f90), bfloat(0x3f80), "is 1.125, want 1;"},
		"missing":              {nil, floats32(1), "got <nil>"},
		"position of the last": {tensor.FromSlice([]float32{0, 0, 0, 0, 0, 9}, 2, 3), tensor.New(tensor.Float32, 2, 3), "element [1 2] is 9"},
	} {
		err := Tensors(test.got, test.want, Default)
		if err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: got %v, want an error with %q", name, err, test.text)
		}
	}
}

// Every element of every type must be looked at.
func TestTensorsSeesEveryElement(t *testing.T) {
	for dtype := tensor.Float32; dtype <= tensor.BFloat16; dtype++ {
		if dtype == tensor.String || dtype == tensor.Complex64 || dtype == tensor.Complex128 {
			continue
		}
		want := tensor.New(dtype, 3, 5)
		for i := range 15 {
			got := tensor.New(dtype, 3, 5)
			got.Data[int64(i+1)*dtype.Size()-1] = 1 << 6 // in the exponent, for floats
			if dtype == tensor.Bool {
				got.Data[i] = 1
			}
			if Tensors(got, want, Default) == nil {
				t.Errorf("%v: a changed element %d was not seen", dtype, i)
			}
		}
	}
}

func TestLists(t *testing.T) {
	a, b := floats32(1), floats32(2)
	if err := Lists([]*tensor.Tensor{a, a}, []*tensor.Tensor{a, a}, Default); err != nil {
		t.Error(err)
	}
	if err := Lists([]*tensor.Tensor{a, a}, []*tensor.Tensor{a, b}, Default); err == nil || !strings.HasPrefix(err.Error(), "output 1: ") {
		t.Errorf("got %v, want an error about output 1", err)
	}
	if err := Lists([]*tensor.Tensor{a}, []*tensor.Tensor{a, b}, Default); err == nil {
		t.Error("a missing output was not seen")
	}
}

func half(bits uint16) *tensor.Tensor   { return sixteen(tensor.Float16, bits) }
func bfloat(bits uint16) *tensor.Tensor { return sixteen(tensor.BFloat16, bits) }

func sixteen(dtype tensor.DType, bits uint16) *tensor.Tensor {
	out := tensor.New(dtype, 1)
	tensor.Slice[uint16](out)[0] = bits
	return out
}
