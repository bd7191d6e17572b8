//go:build cuda

package cuda_test

import (
	"github.com/inferd/inferd/kernels/cpu/layout"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// normCases are the kernels of rows and columns, and element-wise ones whose inputs broadcast.
var normCases = []kernelCase{
	{name: "layer_norm_f16_768", plan: normalizes(kernel.Norm{Type: kernel.Float16, Width: 768}, false)},
	{name: "layer_norm_f16_768_residual_sum", plan: normalizes(kernel.Norm{Type: kernel.Float16, Width: 768}, true)},
	{name: "layer_norm_f32_8192", plan: normalizes(kernel.Norm{Type: kernel.Float32, Width: 8192}, false)},
	{name: "rms_norm_bf16_128", plan: normalizes(kernel.Norm{Type: kernel.BFloat16, Width: 128, RootMeanSquare: true}, false)},
	{name: "rms_norm_bf16_4096", plan: normalizes(kernel.Norm{Type: kernel.BFloat16, Width: 4096, RootMeanSquare: true}, false)},
	{name: "reduce_rows_f16_64", plan: reduces(kernel.ReduceMean, kernel.Float16, 64, 1)},
	{name: "reduce_rows_f32_4096", plan: reduces(kernel.ReduceSum, kernel.Float32, 4096, 1)},
	{name: "reduce_row_f32_1000000", plan: reduces(kernel.ReduceMax, kernel.Float32, 1000000, 1)},
	{name: "reduce_columns_f16_196x768", plan: reduces(kernel.ReduceMean, kernel.Float16, 196, 768)},
	{name: "reduce_columns_f32_1000x49", plan: reduces(kernel.ReduceL2, kernel.Float32, 1000, 49)},
	{name: "arg_max_f32_50257", plan: reduces(kernel.ReduceArgMax, kernel.Float32, 50257, 1)},
	{name: "softmax_f16_24", plan: softmaxOf(kernel.Float16, 24)},
	{name: "softmax_columns_f32_512x64", plan: func(b *bench) ([]kernel.Launch, error) {
		elements := 8 * b.many << 15
		return kernel.Softmax{
			Type: kernel.Float32, Rows: elements >> 15, Width: 512, Inner: 64, X: b.memory(4 * elements), Y: b.memory(4 * elements),
		}.Plan()
	}},
	{name: "add_bias_f16_768", plan: broadcasts([]int64{1, 1, 768}, "Add", 512, 768)},
	{name: "multiply_per_row_f16", plan: broadcasts([]int64{1, 512, 1}, "Mul", 512, 768)},
	{name: "multiply_per_channel_f16", plan: broadcasts([]int64{0, 1, 768}, "Mul", 49, 768)},
	{name: "add_mask_f16_197", plan: broadcasts([]int64{0, 1, 197}, "Add", 197, 197)},
}

// normalizes runs a normalisation over as many rows as have 2^18 elements for each time that the bench has many.
func normalizes(n kernel.Norm, residual bool) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		n := n
		n.Rows, n.Epsilon = max(b.many<<18/n.Width, 1), 1e-5
		bytes := n.Rows * n.Width * n.Type.Size()
		n.X, n.Y, n.Scale = b.memory(bytes), b.memory(bytes), b.memory(n.Width*n.Type.Size())
		if residual {
			n.Residual, n.Sum = b.memory(bytes), b.memory(bytes)
		}
		return n.Plan()
	}
}

// reduces reduces the middle axis.
func reduces(op kernel.ReduceOp, t kernel.Type, axis, inner int64) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		outer := max(b.many<<18/(axis*inner), 1)
		r := kernel.Reduce{Op: op, Type: t, Shape: []int64{outer, axis, inner}, Axes: []int{1}}
		r.X, r.Y, r.Workspace = b.memory(outer*axis*inner*t.Size()), b.memory(outer*inner*8), b.memory(r.WorkspaceBytes())
		return r.Plan()
	}
}

// broadcasts combines float16 [n, rows, columns] with an operand of another shape, in which 0 stands for n.
func broadcasts(shape []int64, op string, rows, columns int64) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		dims := []int64{max(b.many<<18/(rows*columns), 1), rows, columns}
		other := append([]int64{}, shape...)
		if other[0] == 0 {
			other[0] = dims[0]
		}
		strides, _ := layout.Broadcast(other, dims)
		return kernel.Elementwise{
			Dims: dims, Instructions: []kernel.ElementwiseInstruction{{Op: op, Args: []int{0, 1}}}, Output: b.memory(2 * layout.Size(dims)),
			Inputs: []kernel.ElementwiseInput{
				{Type: kernel.Float16, Strides: layout.Contiguous(dims), X: b.memory(2 * layout.Size(dims))},
				{Type: kernel.Float16, Strides: strides, X: b.memory(2 * layout.Size(other))},
			},
		}.Plan()
	}
}
