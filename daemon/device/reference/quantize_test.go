package reference

import (
	"math"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

func f32(values ...float32) *tensor.Tensor { return tensor.FromSlice(values, int64(len(values))) }
func u8(values ...uint8) *tensor.Tensor    { return tensor.FromSlice(values, int64(len(values))) }
func i8(values ...int8) *tensor.Tensor     { return tensor.FromSlice(values, int64(len(values))) }
func i32(values ...int32) *tensor.Tensor   { return tensor.FromSlice(values, int64(len(values))) }

// TestQuantized computes by hand what no case of onnxruntime has: zero points of rows, several axes of zero points, blocks, narrow division, numbers that
// wrap or saturate.
func TestQuantized(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, test := range map[string]struct {
		op         string
		attributes graph.Attributes
		inputs     []*tensor.Tensor
		want       *tensor.Tensor
	}{
		"ties and ends": {"QuantizeLinear", nil, []*tensor.Tensor{f32(0.5, 1.5, 2.5, -0.5, -1.5, nan, inf, -inf, 1e30, -1e30, 125.5), f32(1), i8(1)},
			i8(1, 3, 3, 1, -1, -128, 127, -128, 127, -128, 127)},
		"NaN is the least": {"QuantizeLinear", nil, []*tensor.Tensor{f32(nan, 0, 1), f32(0), u8(7)}, u8(0, 0, 255)},
		"blocks": {"QuantizeLinear", graph.Attributes{"block_size": int64(2), "axis": int64(0)},
			[]*tensor.Tensor{f32(2, 4, 6, 8, 10), f32(1, 2, 5), u8(0, 1, 2)}, u8(2, 4, 4, 5, 4)},
		"blocks of rows": {"DequantizeLinear", graph.Attributes{"block_size": int64(2), "axis": int64(1)},
			[]*tensor.Tensor{i8(1, 2, 3, 4, 5, 6).Reshaped(2, 3), f32(1, 10, 100, 1000).Reshaped(2, 2)}, f32(1, 2, 30, 400, 500, 6000).Reshaped(2, 3)},
		"narrow division":  {"QuantizeLinear", graph.Attributes{"precision": int64(tensor.BFloat16)}, []*tensor.Tensor{f32(257), f32(1.004)}, u8(254)},
		"difference wraps": {"DequantizeLinear", nil, []*tensor.Tensor{i32(math.MinInt32), f32(1), i32(1)}, f32(math.MaxInt32)},
		"rows": {"MatMulInteger", nil, []*tensor.Tensor{u8(1, 2, 3, 4).Reshaped(2, 2), i8(1, 2, 3, 4).Reshaped(2, 2), u8(1, 3), i8(1, 2)},
			i32(2, 2, 2, 2).Reshaped(2, 2)},
		"rows of matrices": {"MatMulInteger", nil, []*tensor.Tensor{u8(1, 2, 3, 4).Reshaped(2, 1, 2), i8(1, 2).Reshaped(2, 1), u8(1, 4).Reshaped(2, 1, 1)},
			i32(2, -1).Reshaped(2, 1, 1)},
		"scales of rows": {"QLinearMatMul", nil, []*tensor.Tensor{u8(1, 2, 3, 4).Reshaped(2, 2), f32(1, 2), u8(0, 1), i8(1, 0, 0, 1).Reshaped(2, 2), f32(1, 3), i8(0),
			f32(1, 2), u8(10, 20)}, u8(11, 16, 22, 29).Reshaped(2, 2)},
		"filters": {"ConvInteger", graph.Attributes{"pads": []int64{1, 1}}, []*tensor.Tensor{u8(5, 6).Reshaped(1, 1, 2), i8(1, 2, 3, 4).Reshaped(2, 1, 2), u8(5), i8(1, 3)},
			i32(0, 1, 0, 0, 1, 0).Reshaped(1, 2, 3)},
	} {
		got, err := Evaluate(&graph.Node{Name: name, Op: test.op, Attributes: test.attributes}, test.inputs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := compare.Tensors(got[0], test.want, compare.Tolerance{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
