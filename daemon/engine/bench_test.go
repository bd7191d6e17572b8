package engine

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/tensor"
)

// BenchmarkInfer is the whole way of a small request on an idle engine; BenchmarkBareProgram is the computation alone.
func BenchmarkInfer(b *testing.B) {
	root := b.TempDir()
	writeModel(b, root, "scale.onnx", scaleModel(2))
	e := newEngine(b, root, nil)
	name, input, shape := []byte("scale"), []byte("x"), []int64{1, 16}
	for b.Loop() {
		r, err := e.Acquire(name, 0)
		if err != nil {
			b.Fatal(err)
		}
		staging, err := r.Input(input, tensor.Float32, shape)
		if err != nil {
			b.Fatal(err)
		}
		clear(staging)
		if err := r.Infer(nil); err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
}

func BenchmarkBareProgram(b *testing.B) {
	root := b.TempDir()
	writeModel(b, root, "scale.onnx", scaleModel(2))
	e := newEngine(b, root, nil)
	v, err := e.Describe([]byte("scale"), 0)
	if err != nil {
		b.Fatal(err)
	}
	p, err := (*v.placements.Load())[0].compiled.Specialize([][]int64{{1, 16}})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	r, err := compiler.NewRunner(p)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for b.Loop() {
		if err := r.Compute(); err != nil {
			b.Fatal(err)
		}
	}
}
