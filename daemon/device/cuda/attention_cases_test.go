//go:build cuda

package cuda_test

import (
	"fmt"

	kernel "github.com/inferd/inferd/kernels/cuda"
)

// attentionCases are rows of sentences and of a long context, and normalisations between them.
var attentionCases = []kernelCase{
	attentionOf(kernel.Float16, 4, 16, 2048, 64),
	attentionOf(kernel.Float16, 4, 16, 2048, 128),
	attentionOf(kernel.BFloat16, 4, 16, 2048, 128),
	attentionOf(kernel.Float32, 4, 16, 2048, 64),
	{name: "layer_norm_f16_768", plan: normOf(kernel.Float16, 768, false)},
	{name: "layer_norm_f32_1024", plan: normOf(kernel.Float32, 1024, false)},
	{name: "layer_norm_residual_f16_768", plan: normOf(kernel.Float16, 768, true)},
}

// attentionOf is attention over dense [batch, length, heads, size], without a mask; in the emulation over a few keys.
func attentionOf(t kernel.Type, batch, heads, length, size int64) kernelCase {
	plan := func(b *bench) ([]kernel.Launch, error) {
		if b.many == 1 {
			batch, heads, length = 1, 1, 64
		}
		row := heads * size
		dense := func() kernel.AttentionHeads {
			return kernel.AttentionHeads{Operand: b.memory(batch * length * row * t.Size()), Batch: length * row, Head: size, Row: row}
		}
		return kernel.Attention{
			Type: t, Batch: batch, Heads: heads, Queries: length, Keys: length, HeadSize: size, ValueSize: size, Scale: 0.1,
			Q: dense(), K: dense(), V: dense(), Y: dense(),
			Processors: int64(b.device.Attributes().Multiprocessors), Shared: int64(b.device.Attributes().SharedPerBlockOptIn),
		}.Plan()
	}
	return kernelCase{name: fmt.Sprintf("attention_%v_%dx%dx%dx%d", t, batch, heads, length, size), bound: byOperations, plan: plan}
}

// normOf is a layer normalisation of rows of a width, with a residual and the sum where asked for.
func normOf(t kernel.Type, width int64, residual bool) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		rows := (b.many << 20) / (width * t.Size())
		n := kernel.Norm{
			Type: t, Rows: rows, Width: width, Epsilon: 1e-5, Scale: b.memory(width * t.Size()), Bias: b.memory(width * t.Size()),
			X: b.memory(rows * width * t.Size()), Y: b.memory(rows * width * t.Size()),
		}
		if residual {
			n.Residual, n.Sum = b.memory(rows*width*t.Size()), b.memory(rows*width*t.Size())
		}
		return n.Plan()
	}
}
