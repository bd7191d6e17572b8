package reference

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// TestEvaluate interprets the cases as the importer leaves them, without the rest of the compiler.
func TestEvaluate(t *testing.T) {
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			g, _, err := onnx.Parse(c.Model, onnx.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := interpret(g, c.Inputs)
			if err != nil {
				t.Fatal(err)
			}
			if err := compare.Lists(got, c.Outputs, c.Tolerance); err != nil {
				t.Error(err)
			}
		})
	}
}
