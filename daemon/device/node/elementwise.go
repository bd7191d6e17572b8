package node

import (
	"math"

	"github.com/inferd/inferd/daemon/compiler/op"
)

// Chain returns an element-wise node as a chain over its first inputs, as many as the second result says. An empty chain is a copy.
func (n Node) Chain() (op.Chain, int, error) {
	if chain, ok := n.Attributes["chain"].(op.Chain); ok {
		return chain, len(n.Inputs), nil
	}
	inputs := len(n.Inputs)
	if n.Op == "Pow" && n.Inputs[0].DType != n.Inputs[1].DType {
		return nil, 0, NoKernel("base and exponent are of different types")
	}
	in := op.ChainInstruction{Op: n.Op}
	if n.Op == "Cast" {
		in.To = n.Output(0).DType
	}
	switch n.Op {
	case "HardSigmoid":
		in.Alpha, in.Beta = n.Float("alpha", 0.2), n.Float("beta", 0.5)
	case "LeakyRelu":
		in.Alpha = n.Float("alpha", 0.01)
	case "Elu":
		in.Alpha = n.Float("alpha", 1)
	case "Gelu":
		if n.Text("approximate", "none") == "tanh" {
			in.Op = "GeluTanh"
		}
	case "Clip":
		low, lowOK := n.ConstantFloat(1, -math.MaxFloat32)
		high, highOK := n.ConstantFloat(2, math.MaxFloat32)
		if !lowOK || !highOK {
			return nil, 0, NoKernel("the limits depend on data")
		}
		in.Alpha, in.Beta, inputs = low, high, 1
	}
	switch {
	case inputs > 2 && in.Op != "Where":
		return leftToRight(in.Op, inputs), inputs, nil
	case inputs == 1 && (in.Op == "Min" || in.Op == "Max"):
		return nil, 1, nil
	}
	for i := range inputs {
		in.Args = append(in.Args, i)
	}
	return op.Chain{in}, inputs, nil
}

// leftToRight applies a binary operator to many inputs.
func leftToRight(name string, inputs int) (chain op.Chain) {
	left := 0
	for i := 1; i < inputs; i++ {
		chain = append(chain, op.ChainInstruction{Op: name, Args: []int{left, i}})
		left = inputs + len(chain) - 1
	}
	return chain
}
