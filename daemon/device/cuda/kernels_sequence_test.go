//go:build cuda

package cuda_test

import (
	"math/rand/v2"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cpu/lstm"
	"github.com/inferd/inferd/kernels/cpu/trees"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// sequenceCases are attention as bench/gpu has no peer for it, recurrence, and trees.
var sequenceCases = []kernelCase{
	{name: "tf32_attention_4x16x1024x64", bound: byOperations, plan: manyHeads(kernel.Attention{
		Type: kernel.Float32, TensorFloat: true, Batch: 4, Queries: 1024, Keys: 1024, HeadSize: 64,
	})},
	{name: "short_attention_bf16_32x16x128x32", bound: byOperations, plan: manyHeads(kernel.Attention{
		Type: kernel.BFloat16, Batch: 32, Queries: 128, Keys: 128, HeadSize: 32,
	})},
	{name: "one_query_attention_f16_64x16x4096x64", plan: manyHeads(kernel.Attention{Type: kernel.Float16, Batch: 64, Queries: 1, Keys: 4096, HeadSize: 64})},
	{name: "lstm_f32_128x32x256", bound: byOperations, plan: lstmOf(kernel.Float32, 256)},
	{name: "lstm_f16_128x32x64", bound: byOperations, plan: lstmOf(kernel.Float16, 64)},
	{name: "trees_500x6", bound: byPasses, plan: treesOf(500, 6)},
	{name: "trees_100x12", bound: byPasses, plan: treesOf(100, 12)},
}

// manyHeads attends with 16 heads; in the emulation with one, to few.
func manyHeads(a kernel.Attention) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		a := a
		a.Heads, a.Scale, a.ValueSize, a.Processors = 16, 0.125, a.HeadSize, int64(b.device.Attributes().Multiprocessors)
		if b.many == 1 {
			a.Batch, a.Heads, a.Queries, a.Keys = 1, 1, min(a.Queries, 100), min(a.Keys, 100)
		}
		heads := func(rows int64) kernel.AttentionHeads {
			row := a.Heads * a.HeadSize
			return kernel.AttentionHeads{Operand: b.memory(a.Batch * rows * row * a.Type.Size()), Batch: rows * row, Head: a.HeadSize, Row: row}
		}
		a.Q, a.K, a.V, a.Y = heads(a.Queries), heads(a.Keys), heads(a.Keys), heads(a.Queries)
		return a.Plan()
	}
}

// lstmOf runs 32 sequences of 128 steps, as wide as the state, both ways.
func lstmOf(t kernel.Type, hidden int) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		steps, batch := min(b.many, 128), max(b.many/16, 1)
		count := 2 * 4 * hidden * hidden
		model, err := kernel.PackLSTM(t, &lstm.LSTM{
			Inputs: hidden, Hidden: hidden, Direction: "bidirectional", W: make([]float32, count), R: make([]float32, count),
		}, make([]byte, int64(count)*t.Size()), make([]byte, int64(count)*t.Size()))
		if err != nil {
			return nil, err
		}
		elements := steps * batch * int64(hidden)
		return model.Plan(kernel.LSTMCall{
			Steps: steps, Batch: batch, X: b.memory(elements * t.Size()), Packed: b.memory(int64(len(model.Packed))), Y: b.memory(2 * elements * t.Size()),
			Workspace: b.memory(model.WorkspaceBytes(steps, batch)), Processors: int64(b.device.Attributes().Multiprocessors),
		})
	}
}

// treesOf walks full trees over 32 features, which are drawn: where rows go decides what is read.
func treesOf(count, depth int) func(b *bench) ([]kernel.Launch, error) {
	return func(b *bench) ([]kernel.Launch, error) {
		const features = 32
		if b.many == 1 {
			count, depth = 3, 3
		}
		model, err := kernel.PackTrees(fullTrees(count, depth, features))
		if err != nil {
			return nil, err
		}
		rows := 64 * b.many
		packed := b.memory(int64(len(model.Packed)))
		check(b, b.device.CopyTo(cuda.Address(packed.Offset), model.Packed))
		return model.Plan(kernel.TreesCall{
			Rows: rows, Features: features, X: b.values(kernel.Float32, rows*features), Packed: packed, Scores: b.memory(4 * rows),
			Processors: int64(b.device.Attributes().Multiprocessors),
		})
	}
}

func fullTrees(count, depth, features int) *trees.Ensemble {
	random := rand.New(rand.NewPCG(1, 3))
	e := &trees.Ensemble{Targets: 1}
	inner := 1<<depth - 1
	for tree := range int64(count) {
		for id := range int64(2*inner + 1) {
			e.NodeTreeIDs, e.NodeIDs = append(e.NodeTreeIDs, tree), append(e.NodeIDs, id)
			e.NodeFeatureIDs, e.NodeValues = append(e.NodeFeatureIDs, int64(random.IntN(features))), append(e.NodeValues, float32(random.NormFloat64()))
			e.NodeTrueIDs, e.NodeFalseIDs = append(e.NodeTrueIDs, 2*id+1), append(e.NodeFalseIDs, 2*id+2)
			mode := "BRANCH_LEQ"
			if id >= int64(inner) {
				mode = "LEAF"
				e.LeafTreeIDs, e.LeafNodeIDs = append(e.LeafTreeIDs, tree), append(e.LeafNodeIDs, id)
				e.LeafTargets, e.LeafWeights = append(e.LeafTargets, 0), append(e.LeafWeights, 1)
			}
			e.NodeModes = append(e.NodeModes, mode)
		}
	}
	return e
}
