//go:build cuda

package cuda_test

import (
	"math/rand/v2"
	"slices"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cpu/layout"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// kernelCase is a kernel at a size that models have.
type kernelCase struct {
	name  string // as the script of bench/gpu reads it: family, type, sizes
	bound bound
	plan  func(b *bench) ([]kernel.Launch, error)
}

// bound is what bounds a kernel, and so what it is measured by.
type bound int

const (
	byMemory     bound = iota // bandwidth, beside a copy's
	byOperations              // operations
	byPasses                  // time: how often memory is read depends on the data
)

// kernelCases is what BenchmarkKernels times.
var kernelCases = slices.Concat(movementCases, rowCases, normCases, imageCases, productCases, attentionCases, sequenceCases)

var movementCases = []kernelCase{
	{name: "transpose_f32", plan: moves(4, func(n int64) kernel.Copy { return permuted([]int64{n, 512, 512}, 0, 2, 1) })},
	{name: "transpose_f16", plan: moves(2, func(n int64) kernel.Copy { return permuted([]int64{n, 512, 768}, 0, 2, 1) })},
	{name: "transpose_u8", plan: moves(1, func(n int64) kernel.Copy { return permuted([]int64{n, 1024, 512}, 0, 2, 1) })},
	{name: "heads_f16", plan: moves(2, func(n int64) kernel.Copy { return permuted([]int64{4 * n, 128, 12, 64}, 0, 2, 1, 3) })},
	{name: "channels_last_f32", plan: moves(4, func(n int64) kernel.Copy { return permuted([]int64{n, 3, 224 * 224}, 0, 2, 1) })},
	{name: "channels_first_f32", plan: moves(4, func(n int64) kernel.Copy { return permuted([]int64{n, 224 * 224, 3}, 0, 2, 1) })},
	{name: "channels_first_f32_12", plan: moves(4, func(n int64) kernel.Copy { return permuted([]int64{n, 112 * 112, 12}, 0, 2, 1) })},
	{name: "channels_last_f16_8", plan: moves(2, func(n int64) kernel.Copy { return permuted([]int64{n, 8, 112 * 112}, 0, 2, 1) })},
	{name: "slice_f16_odd", plan: moves(2, func(n int64) kernel.Copy {
		return kernel.Copy{Dims: []int64{256 * n, 1001}, Source: []int64{1024, 1}, SourceOffset: 3}
	})},
	{name: "expand_f16", plan: moves(2, func(n int64) kernel.Copy {
		return kernel.Copy{Dims: []int64{4 * n, 257, 128}, Source: []int64{257, 1, 0}}
	})},
	{name: "concat_f32", plan: func(b *bench) ([]kernel.Launch, error) {
		var list []kernel.Copy
		rows, at, out := 256*b.many, int64(0), b.memory(256*b.many*896*4)
		for _, width := range []int64{512, 256, 128} {
			list = append(list, kernel.Copy{
				Dims: []int64{rows, width}, Source: []int64{width, 1}, Destination: []int64{896, 1}, DestinationOffset: at, ElementSize: 4,
				X: b.memory(rows * width * 4), Y: out,
			})
			at += width
		}
		return kernel.PlanCopies(list)
	}},
	{name: "gather_f16_768", plan: func(b *bench) ([]kernel.Launch, error) {
		const vocabulary, row = 30522, 768 * 2
		count := 1024 * b.many
		return kernel.Gather{
			Outer: 1, Axis: vocabulary, Count: count, RowBytes: row, IndexBytes: 8, X: b.memory(vocabulary * row), Indices: b.indices(count, vocabulary),
			Y: b.memory(count * row), Faults: b.memory(8),
		}.Plan()
	}},
	{name: "pad_f16", plan: func(b *bench) ([]kernel.Launch, error) {
		return kernel.Pad{
			Shape: []int64{b.many, 56, 56, 64}, Begin: []int64{0, 1, 1, 0}, End: []int64{0, 1, 1, 0}, ElementSize: 2,
			X: b.memory(b.many * 56 * 56 * 64 * 2), Y: b.memory(b.many * 58 * 58 * 64 * 2),
		}.Plan()
	}},
}

var rowCases = []kernelCase{
	{name: "softmax_f16_128", plan: softmaxOf(kernel.Float16, 128)},
	{name: "softmax_f16_4096", plan: softmaxOf(kernel.Float16, 4096)},
	{name: "softmax_f32_50257", plan: softmaxOf(kernel.Float32, 50257)},
	{name: "layer_norm_f16_768", plan: func(b *bench) ([]kernel.Launch, error) {
		const width = 768
		rows := 256 * b.many
		return kernel.Norm{
			Type: kernel.Float16, Rows: rows, Width: width, Epsilon: 1e-5, X: b.memory(rows * width * 2), Scale: b.memory(width * 2), Bias: b.memory(width * 2),
			Y: b.memory(rows * width * 2),
		}.Plan()
	}},
	{name: "reduce_sum_f32_rows", plan: sumOf(1)},
	{name: "reduce_sum_f32_columns", plan: sumOf(0)},
	{name: "cumulative_sum_f32_4096", plan: func(b *bench) ([]kernel.Launch, error) {
		return kernel.CumulativeSum{
			Type: kernel.Float32, Before: 16 * b.many, Size: 4096, After: 1, X: b.memory(b.many << 18), Y: b.memory(b.many << 18),
		}.Plan()
	}},
	{name: "add_f16", plan: elementwise(2, kernel.ElementwiseInstruction{Op: "Add", Args: []int{0, 1}})},
	{name: "gelu_f16", plan: elementwise(1, kernel.ElementwiseInstruction{Op: "Gelu", Args: []int{0}})},
	{name: "chain_f16", plan: elementwise(2, kernel.ElementwiseInstruction{Op: "Mul", Args: []int{0, 1}},
		kernel.ElementwiseInstruction{Op: "Sigmoid", Args: []int{2}}, kernel.ElementwiseInstruction{Op: "Add", Args: []int{3, 1}})},
	{name: "top_k_f32_32000", bound: byPasses, plan: topKOf(16, 32000)},
	{name: "top_k_f32_1000000", bound: byPasses, plan: topKOf(0, 1000000)},
	{name: "quantize_f32_u8", plan: quantizes(false, kernel.Uint8)},
	{name: "dequantize_f32_i8", plan: quantizes(true, kernel.Int8)},
}

var imageCases = []kernelCase{
	{name: "max_pool_f16_112x112x64", plan: func(b *bench) ([]kernel.Launch, error) {
		side := kernel.PoolAxis{Input: 112, Output: 56, Window: 3, Stride: 2, Dilation: 1, Begin: 1, End: 1}
		outer := max(b.many/2, 1)
		return kernel.Pool{
			Type: kernel.Float16, Outer: outer, Channels: 64, Axes: []kernel.PoolAxis{side, side},
			X: b.memory(outer * 112 * 112 * 64 * 2), Y: b.memory(outer * 56 * 56 * 64 * 2),
		}.Plan()
	}},
	{name: "average_pool_f32_56x56", plan: func(b *bench) ([]kernel.Launch, error) {
		side, outer := kernel.PoolAxis{Input: 56, Output: 28, Window: 2, Stride: 2, Dilation: 1}, 64*b.many
		return kernel.Pool{
			Type: kernel.Float32, Kind: kernel.PoolAverage, Outer: outer, Channels: 1, Axes: []kernel.PoolAxis{side, side},
			X: b.memory(outer * 56 * 56 * 4), Y: b.memory(outer * 28 * 28 * 4),
		}.Plan()
	}},
	{name: "global_average_pool_f16_7x7x2048", plan: func(b *bench) ([]kernel.Launch, error) {
		outer := 4 * b.many
		return kernel.Reduce{
			Op: kernel.ReduceMean, Type: kernel.Float16, Shape: []int64{outer, 49, 2048}, Axes: []int{1},
			X: b.memory(outer * 49 * 2048 * 2), Y: b.memory(outer * 2048 * 2),
		}.Plan()
	}},
	{name: "resize_linear_f32_64x64", plan: func(b *bench) ([]kernel.Launch, error) {
		side, outer := kernel.ResizeAxis{Input: 64, Output: 128, Scale: 2}, 16*b.many
		return kernel.Resize{
			Type: kernel.Float32, Mode: kernel.ResizeLinear, Outer: outer, Channels: 1, Axes: []kernel.ResizeAxis{side, side},
			X: b.memory(outer * 64 * 64 * 4), Y: b.memory(outer * 128 * 128 * 4),
		}.Plan()
	}},
}

var productCases = []kernelCase{
	{name: "gemm_f16_4096", bound: byOperations, plan: squares(kernel.Gemm{Type: kernel.Float16})},
	{name: "gemm_bf16_4096", bound: byOperations, plan: squares(kernel.Gemm{Type: kernel.BFloat16})},
	{name: "gemm_tf32_4096", bound: byOperations, plan: squares(kernel.Gemm{Type: kernel.Float32, TensorFloat: true})},
	{name: "attention_f16_4x16x2048x64", bound: byOperations, plan: attention(kernel.Float16, 4, 16, 2048, 64)},
	{name: "attention_f16_4x16x2048x128", bound: byOperations, plan: attention(kernel.Float16, 4, 16, 2048, 128)},
	{name: "attention_bf16_8x12x512x64", bound: byOperations, plan: attention(kernel.BFloat16, 8, 12, 512, 64)},
	{name: "gemm_f32_4096", bound: byOperations, plan: squares(kernel.Gemm{Type: kernel.Float32})},
	{name: "gemm_i8_4096", bound: byOperations, plan: integerSquares},
	{name: "conv_i8_32x56x56x64", bound: byOperations, plan: integerConv},
}

// permuted is ONNX's Transpose.
func permuted(shape []int64, permutation ...int) (c kernel.Copy) {
	own := layout.Contiguous(shape)
	for _, axis := range permutation {
		c.Dims, c.Source = append(c.Dims, shape[axis]), append(c.Source, own[axis])
	}
	return c
}

// moves plans a copy to a dense tensor.
func moves(size int64, describe func(n int64) kernel.Copy) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		c := describe(b.many)
		last := c.SourceOffset
		for d, dim := range c.Dims {
			last += (dim - 1) * c.Source[d]
		}
		c.Destination, c.ElementSize = layout.Contiguous(c.Dims), size
		c.X, c.Y = b.memory((last+1)*size), b.memory(layout.Size(c.Dims)*size)
		return kernel.PlanCopies([]kernel.Copy{c})
	}
}

func softmaxOf(t kernel.Type, width int64) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		rows := max(b.many<<18/width, 1)
		bytes := rows * width * t.Size()
		return kernel.Softmax{Type: t, Rows: rows, Width: width, Inner: 1, X: b.memory(bytes), Y: b.memory(bytes)}.Plan()
	}
}

// elementwise applies a chain to dense float16 tensors.
func elementwise(inputs int, chain ...kernel.ElementwiseInstruction) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		elements := b.many << 18
		e := kernel.Elementwise{Dims: []int64{elements}, Instructions: chain, Output: b.memory(2 * elements)}
		for range inputs {
			e.Inputs = append(e.Inputs, kernel.ElementwiseInput{Type: kernel.Float16, Strides: []int64{1}, X: b.memory(2 * elements)})
		}
		return e.Plan()
	}
}

// topKOf looks for the 50 best in so many times rows as the bench has many, or in one.
func topKOf(rows, size int64) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		t := kernel.TopK{Type: kernel.Float32, Before: max(rows*b.many, 1), Size: size, After: 1, K: 50}
		t.X, t.Y, t.Positions = b.values(t.Type, t.Before*size), b.memory(t.Before*t.K*4), b.memory(t.Before*t.K*8)
		t.Workspace = b.memory(t.WorkspaceBytes())
		return t.Plan()
	}
}

func quantizes(back bool, narrow kernel.Type) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		q := kernel.Quantize{Dequantize: back, Float: kernel.Float32, Narrow: narrow, Before: 1, Scales: 1, After: b.many << 18, Scale: b.values(kernel.Float32, 1), Zero: b.memory(1)}
		q.X, q.Y = b.memory(q.After*4), b.memory(q.After*narrow.Size())
		if back {
			q.X, q.Y = q.Y, q.X
		}
		return q.Plan()
	}
}

// squares multiplies square matrices, B with the neighbours that the kernels want.
func squares(g kernel.Gemm) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		g, side := g, min(8*b.many, 4096)
		matrix := func() kernel.GemmMatrix {
			return kernel.GemmMatrix{Operand: b.values(g.Type, side*side), Row: side, Column: 1}
		}
		g.M, g.N, g.K, g.Batch, g.Alpha, g.Multiprocessors = side, side, side, [3]int64{1, 1, 1}, 1, int64(b.device.Info().Multiprocessors)
		g.A, g.B, g.C = matrix(), matrix(), matrix()
		if !g.WantsColumns() {
			g.B.Row, g.B.Column = 1, side
		}
		return g.Plan()
	}
}

// integerSquares multiplies square matrices of integers, and quantises the result.
func integerSquares(b *bench) ([]kernel.Launch, error) {
	side := min(8*b.many, 4096)
	w := kernel.IntegerWeights{Outputs: side, Groups: 1, GroupChannels: side, KernelHeight: 1, KernelWidth: 1}
	return kernel.IntegerGemm{
		Integer: b.quantized(w), M: side, N: side, K: side, A: b.memory(side * side), C: b.memory(side * side), Multiprocessors: int64(b.device.Info().Multiprocessors),
	}.Plan()
}

// integerConv is a layer of 3 x 3 of a residual network, of integers.
func integerConv(b *bench) ([]kernel.Launch, error) {
	images, size, channels := min(b.many, 32), min(8*b.many, 56), int64(64)
	w := kernel.IntegerWeights{Outputs: channels, Groups: 1, GroupChannels: channels, KernelHeight: 3, KernelWidth: 3}
	elements := images * size * size * channels
	return kernel.IntegerConv{
		Integer: b.quantized(w), IntegerWeights: w, Images: images, Height: size, Width: size, OutputHeight: size, OutputWidth: size, Strides: [2]int64{1, 1},
		Dilations: [2]int64{1, 1}, PadTop: 1, PadLeft: 1, X: b.memory(elements), Y: b.memory(elements), Multiprocessors: int64(b.device.Info().Multiprocessors),
	}.Plan()
}

// quantized is what such layers have besides: random weights, and scales.
func (b *bench) quantized(w kernel.IntegerWeights) kernel.Integer {
	random := rand.New(rand.NewPCG(1, 3))
	data := make([]byte, w.Outputs*w.GroupChannels*w.KernelHeight*w.KernelWidth)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	packed := w.Pack(data, nil, []float32{0.01})
	o := b.memory(int64(len(packed)))
	check(b, b.device.CopyTo(cuda.Address(o.Offset), packed))
	return kernel.Integer{UnsignedA: true, AScale: b.values(kernel.Float32, 1), AZero: b.memory(1), Packed: o, YScale: b.values(kernel.Float32, 1), YZero: b.memory(1), Output: kernel.Uint8}
}

// sumOf sums a matrix with long rows and columns over one of its axes.
func sumOf(axis int) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		r := kernel.Reduce{Op: kernel.ReduceSum, Type: kernel.Float32, Shape: []int64{64 * b.many, 4096}, Axes: []int{axis}}
		r.X, r.Y, r.Workspace = b.memory(4*layout.Size(r.Shape)), b.memory(4*r.Shape[1-axis]), b.memory(r.WorkspaceBytes())
		return r.Plan()
	}
}

// attention is that of encoders: heads lie side by side in a row. In the emulation it is short.
func attention(t kernel.Type, batch, heads, length, size int64) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		batch, heads, length := min(batch, b.many), min(heads, b.many), min(length, 64*b.many)
		operand := func() kernel.AttentionHeads {
			return kernel.AttentionHeads{
				Operand: b.values(t, batch*length*heads*size), Batch: length * heads * size, Head: size, Row: heads * size,
			}
		}
		attributes := b.device.Attributes()
		return kernel.Attention{
			Type: t, Batch: batch, Heads: heads, Queries: length, Keys: length, HeadSize: size, ValueSize: size, Scale: 1 / float32(size),
			Q: operand(), K: operand(), V: operand(), Y: operand(),
			Processors: int64(attributes.Multiprocessors), Shared: int64(attributes.SharedPerBlockOptIn),
		}.Plan()
	}
}
