//go:build cuda

package cuda_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device/cuda"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
)

// TestIndexOutOfRange: what a kernel finds wrong with an input is an error of the request, and of no other.
func TestIndexOutOfRange(t *testing.T) {
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(cases, func(c devicetest.Case) bool { return c.Name == "test_gather_0" })
	if at < 0 {
		t.Fatal("the case is gone")
	}
	c := cases[at]
	devices := open(t, cuda.Options{})
	setup := devicetest.Setup{Devices: devices, Evaluator: reference.New()}
	defer func() {
		for _, d := range devices {
			d.Close()
		}
	}()
	data, indices := c.Inputs[0], tensor.Slice[int64](c.Inputs[1])
	size := data.Shape[0]
	for _, bad := range []int64{0, size - 1, -size, size, -size - 1, 1 << 32, math.MinInt64, math.MaxInt64} {
		list := slices.Clone(indices)
		list[len(list)-1] = bad
		c.Inputs = []*tensor.Tensor{data, tensor.FromSlice(list, c.Inputs[1].Shape...)}
		_, slow, err := setup.Compute(&c)
		var fault *program.DataError
		if slow != "" || errors.As(err, &fault) != (bad < -size || bad >= size) || err != nil && fault == nil {
			t.Errorf("index %d of %d: %v (%s)", bad, size, err, slow)
		}
	}
}
