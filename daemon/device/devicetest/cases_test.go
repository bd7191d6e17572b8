package devicetest

import (
	"math"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// TestCases shows that each case is whole and can fail: a change of its last element must be seen.
func TestCases(t *testing.T) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 2000 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		if _, _, err := onnx.Parse(c.Model, onnx.Options{}); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if len(c.Outputs) == 0 || c.Tolerance.Relative > 0.01 || c.Tolerance.Absolute > 0.01 {
			t.Errorf("%s: %d outputs, tolerance %+v", c.Name, len(c.Outputs), c.Tolerance)
		}
		for i, want := range c.Outputs {
			if err := compare.Tensors(want, want, c.Tolerance); err != nil {
				t.Errorf("%s: output %d differs from itself: %v", c.Name, i, err)
			}
			if changed := perturbed(want); changed != nil && compare.Tensors(changed, want, c.Tolerance) == nil {
				t.Errorf("%s: a changed element of output %d is not seen", c.Name, i)
			}
		}
	}
}

// perturbed changes the last element; nil where there is none.
func perturbed(t *tensor.Tensor) *tensor.Tensor {
	count := t.Elements()
	if count == 0 {
		return nil
	}
	if t.DType == tensor.String {
		changed := tensor.FromStrings(t.Strings, t.Shape...)
		changed.Strings[count-1] += "x"
		return changed
	}
	changed := tensor.New(t.DType, t.Shape...)
	copy(changed.Data, t.Data)
	if t.DType == tensor.Float32 {
		values := tensor.Slice[float32](changed)
		x := float64(values[count-1])
		if values[count-1] = float32(x + math.Copysign(0.02*math.Abs(x)+0.02, x)); math.IsNaN(x) || math.IsInf(x, 0) {
			values[count-1] = 0
		}
		return changed
	}
	last := len(changed.Data) - 1
	if t.DType == tensor.Bool {
		changed.Data[last] ^= 1
	} else {
		changed.Data[last] ^= 0x40 // of floats in the exponent
	}
	return changed
}

// TestDamagedArchive shows that a cut archive is an error and no shorter list.
func TestDamagedArchive(t *testing.T) {
	if _, err := read(archive[:len(archive)/2]); err == nil {
		t.Error("half an archive was read")
	}
}
