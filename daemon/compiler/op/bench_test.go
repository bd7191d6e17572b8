package op_test

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler/op"
)

// BenchmarkInfer infers a graph of 650 nodes again, as every new shape does.
func BenchmarkInfer(b *testing.B) {
	g := loadModel(b, "shufflenet_v2")
	b.ReportAllocs()
	for b.Loop() {
		if err := op.Infer(g); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSpecialized infers it with known shapes.
func BenchmarkSpecialized(b *testing.B) {
	g := loadModel(b, "shufflenet_v2")
	if err := op.Specialize(g, map[string]int64{"batch": 4}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := op.Infer(g); err != nil {
			b.Fatal(err)
		}
	}
}
