package activation

import (
	"math"
	"testing"
)

func TestAt(t *testing.T) {
	cases := []struct {
		activation Activation
		x, want    float64
	}{
		{Activation{}, -3, -3},
		{Activation{Kind: Relu}, -3, 0},
		{Activation{Kind: Clip, P0: 0, P1: 6}, 7, 6},
		{Activation{Kind: Sigmoid}, 0, 0.5},
		{Activation{Kind: Tanh}, 0.5, math.Tanh(0.5)},
		{Activation{Kind: HardSigmoid, P0: 0.25, P1: 0.5}, 1, 0.75},
		{Activation{Kind: HardSwish}, 1, 2.0 / 3},
		{Activation{Kind: GELU}, 1, 0.8413447460685429},
		{Activation{Kind: GELU}, math.Inf(-1), 0},
		{Activation{Kind: GELUTanh}, 1, 0.8411919906082768},
		{Activation{Kind: SiLU}, math.Log(3), math.Log(3) * 0.75},
		{Activation{Kind: LeakyRelu, P0: 0.5}, -3, -1.5},
	}
	for _, c := range cases {
		if got := c.activation.At(c.x); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v(%g) = %g, want %g", c.activation, c.x, got, c.want)
		}
	}
	if Kind(Kinds).String() != "unknown" || GELU.String() != "gelu" {
		t.Error("wrong names")
	}
}
