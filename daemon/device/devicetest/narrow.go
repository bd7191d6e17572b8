package devicetest

import (
	"fmt"
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// narrowTolerances hold a device that computes in float32 and rounds tensors to a narrow type to what the reference makes of the same rounded inputs.
var narrowTolerances = map[tensor.DType]compare.Tolerance{
	tensor.Float16: {Relative: 5e-3, Absolute: 2e-3}, tensor.BFloat16: {Relative: 4e-2, Absolute: 2e-2},
}

// narrow returns the case with all that is float32 in another floating-point type; nil where nothing is, or where the operator is not for that type. The
// outputs are those of the setup's last device, the reference, which the cases from outside hold to what others compute in float32.
func (s *Setup) narrow(c *Case, dtype tensor.DType) *Case {
	narrow := *c
	narrow.Name, narrow.narrow, narrow.Inputs, narrow.Tolerance = fmt.Sprintf("%s_%v", c.Name, dtype), dtype, nil, narrowTolerances[dtype]
	changed := false
	for _, x := range c.Inputs {
		if x.DType == tensor.Float32 {
			x, changed = finite(x, dtype), true
		}
		narrow.Inputs = append(narrow.Inputs, x)
	}
	if !changed || !c.Known() || c.NotCompiled() != "" {
		return nil
	}
	exact := Setup{Devices: s.Devices[len(s.Devices)-1:], Evaluator: s.Evaluator}
	var err error
	if narrow.Outputs, _, err = exact.Compute(&narrow); err != nil {
		return nil
	}
	return &narrow
}

// finite rounds a float32 tensor to the type; what is finite stays so, because operators may treat infinities in their own way.
func finite(x *tensor.Tensor, dtype tensor.DType) *tensor.Tensor {
	largest := map[tensor.DType]float64{tensor.Float16: tensor.MaxFloat16, tensor.BFloat16: tensor.FromBFloat16(0x7f7f)}[dtype]
	bounded := slices.Clone(tensor.Slice[float32](x))
	for i, value := range bounded {
		if wide := float64(value); !math.IsInf(wide, 0) && math.Abs(wide) > largest {
			bounded[i] = float32(math.Copysign(largest, wide))
		}
	}
	return tensor.Convert(tensor.FromSlice(bounded, x.Shape...), dtype)
}

// observe changes the element types of an imported graph, for a narrow case.
func (c *Case) observe(pass string, g *graph.Graph, _ int) {
	if pass != "import" || c.narrow == tensor.Undefined {
		return
	}
	constants := make(map[*graph.Value]*graph.Value)
	for _, v := range g.Inputs {
		if v.DType == tensor.Float32 {
			v.DType = c.narrow
		}
	}
	for _, n := range g.Nodes {
		for i, v := range n.Inputs {
			if v == nil || v.Constant == nil || v.DType != tensor.Float32 || op.ReadsShape(n, i) {
				continue
			}
			if constants[v] == nil {
				constants[v] = graph.NewConstant(v.Name, tensor.Convert(v.Constant, c.narrow))
			}
			n.Inputs[i] = constants[v]
		}
	}
}
