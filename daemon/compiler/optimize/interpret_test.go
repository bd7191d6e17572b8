package optimize

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
)

// evaluate is the Target's Evaluate, by the reference device.
func evaluate(n *graph.Node) error {
	inputs := make([]*tensor.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v != nil {
			inputs[i] = v.Constant
		}
	}
	outputs, err := reference.Evaluate(n, inputs)
	if err != nil {
		return err
	}
	for i, v := range n.Outputs {
		if v != nil && i < len(outputs) {
			v.Constant = outputs[i]
		}
	}
	return nil
}

// interpret runs a graph whose dimensions are known, node by node, with the definitions of fused operators below.
func interpret(g *graph.Graph, inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	known := make(map[*graph.Value]*tensor.Tensor)
	for i, v := range g.Inputs {
		known[v] = inputs[i]
	}
	read := func(v *graph.Value) (*tensor.Tensor, error) {
		if v == nil {
			return nil, nil
		}
		if t := known[v]; t != nil {
			return t, nil
		}
		materialise(v)
		if v.Constant == nil {
			return nil, fmt.Errorf("value %v has no elements (content %v)", v, v.Content)
		}
		return v.Constant, nil
	}
	for _, n := range g.Nodes {
		operands := make([]*tensor.Tensor, len(n.Inputs))
		for i, v := range n.Inputs {
			var err error
			if operands[i], err = read(v); err != nil {
				return nil, fmt.Errorf("%v: %w", n, err)
			}
		}
		results, err := evaluateAny(n, operands)
		if err != nil {
			return nil, err
		}
		for i, v := range n.Outputs {
			if v == nil {
				continue
			}
			if shape, ok := v.KnownShape(); ok && fmt.Sprint(shape) != fmt.Sprint(results[i].Shape) || v.DType != results[i].DType {
				return nil, fmt.Errorf("%v: output %d is %v, inferred was %v", n, i, results[i], v)
			}
			known[v] = results[i]
		}
	}
	var outputs []*tensor.Tensor
	for _, v := range g.Outputs {
		t, err := read(v)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, t)
	}
	return outputs, nil
}

func evaluateAny(n *graph.Node, in []*tensor.Tensor) (results []*tensor.Tensor, err error) {
	if n.Domain != graph.DomainFused {
		return reference.Evaluate(n, in)
	}
	defer func() {
		if cause, ok := recover().(error); ok {
			err = fmt.Errorf("%v: %w", n, cause)
		}
	}()
	optional := func(i int) *tensor.Tensor {
		if i < len(in) {
			return in[i]
		}
		return nil
	}
	switch n.Op {
	case op.FusedLinear:
		return []*tensor.Tensor{evaluateLinear(n, in[0], in[1], optional(2), optional(3))}, nil
	case op.FusedConv:
		x := apply("Conv", n.Attributes, moved(in[0], 0, 3, 1, 2), in[1], optional(2))
		return []*tensor.Tensor{epilogue(n, moved(x, 0, 2, 3, 1), optional(3))}, nil
	case op.FusedQuantizedLinear, op.FusedQuantizedConv:
		return []*tensor.Tensor{evaluateQuantized(n, in)}, nil
	case op.FusedMaxPool, op.FusedAveragePool:
		return []*tensor.Tensor{moved(apply(n.Op, n.Attributes, moved(in[0], 0, 3, 1, 2)), 0, 2, 3, 1)}, nil
	case op.FusedGlobalAveragePool:
		return []*tensor.Tensor{moved(apply(n.Op, nil, moved(in[0], 0, 3, 1, 2)), 0, 2, 3, 1)}, nil
	case op.FusedAttention:
		return []*tensor.Tensor{evaluateAttention(n, in[0], optional(1), optional(2), optional(3))}, nil
	case op.FusedLayerNormalization:
		sum := in[0]
		if r := optional(1); r != nil {
			sum = apply("Add", nil, sum, r)
		}
		y := apply("LayerNormalization", n.Attributes, sum, in[2], optional(3))
		return []*tensor.Tensor{y, sum}, nil
	case op.FusedElementwise:
		return []*tensor.Tensor{evaluateChain(n, in)}, nil
	}
	return nil, fmt.Errorf("%v: no definition", n)
}

// apply evaluates an ONNX operator; it panics with an error.
func apply(name string, attributes graph.Attributes, in ...*tensor.Tensor) *tensor.Tensor {
	version := 17
	if name == "Gelu" {
		version = 20
	}
	for len(in) > 0 && in[len(in)-1] == nil {
		in = in[:len(in)-1]
	}
	n := &graph.Node{Name: name, Op: name, Version: version, Attributes: attributes, Inputs: make([]*graph.Value, len(in)), Outputs: make([]*graph.Value, 1)}
	out, err := reference.Evaluate(n, in)
	if err != nil {
		panic(err)
	}
	return out[0]
}

func moved(t *tensor.Tensor, perm ...int64) *tensor.Tensor {
	return apply("Transpose", graph.Attributes{"perm": perm}, t)
}

func scalarOf(x float32) *tensor.Tensor { return tensor.FromSlice([]float32{x}) }

func evaluateLinear(n *graph.Node, a, b, bias, residual *tensor.Tensor) *tensor.Tensor {
	if n.Int("transpose_b", 0) == 1 {
		b = moved(b, 1, 0)
	}
	y := apply("Mul", nil, apply("MatMul", nil, a, b), scalarOf(n.Float("alpha", 1)))
	if bias != nil {
		y = apply("Add", nil, y, bias)
	}
	return epilogue(n, y, residual)
}

// epilogue adds the residual before or after the activation.
func epilogue(n *graph.Node, y, residual *tensor.Tensor) *tensor.Tensor {
	if residual != nil && fmt.Sprint(residual.Shape) != fmt.Sprint(y.Shape) {
		panic(fmt.Errorf("residual %v for output %v", residual, y))
	}
	after := n.Int("residual_after", 0) == 1
	if residual != nil && !after {
		y = apply("Add", nil, y, residual)
	}
	alpha, beta := n.Float("activation_alpha", 0), n.Float("activation_beta", 0)
	switch name := n.Text("activation", ""); name {
	case "":
	case "relu":
		y = apply("Relu", nil, y)
	case "clip":
		y = apply("Clip", nil, y, scalarOf(alpha), scalarOf(beta))
	case "sigmoid":
		y = apply("Sigmoid", nil, y)
	case "tanh":
		y = apply("Tanh", nil, y)
	case "hard_sigmoid":
		y = apply("HardSigmoid", graph.Attributes{"alpha": alpha, "beta": beta}, y)
	case "hard_swish":
		y = apply("HardSwish", nil, y)
	case "gelu":
		y = apply("Gelu", nil, y)
	case "gelu_tanh":
		y = apply("Gelu", graph.Attributes{"approximate": "tanh"}, y)
	case "silu":
		y = apply("Mul", nil, y, apply("Sigmoid", nil, y))
	case "leaky_relu":
		y = apply("LeakyRelu", graph.Attributes{"alpha": alpha}, y)
	default:
		panic(fmt.Errorf("no activation %q", name))
	}
	if residual != nil && after {
		y = apply("Add", nil, y, residual)
	}
	return y
}

func evaluateAttention(n *graph.Node, q, k, v, mask *tensor.Tensor) *tensor.Tensor {
	count := n.Int("heads", 0)
	split := func(t *tensor.Tensor, part, parts int64) *tensor.Tensor {
		width := t.Shape[2] / parts
		list := func(x int64) *tensor.Tensor { return tensor.FromSlice([]int64{x}, 1) }
		t = apply("Slice", nil, t, list(part*width), list((part+1)*width), list(2))
		return moved(t.Reshaped(t.Shape[0], t.Shape[1], count, width/count), 0, 2, 1, 3)
	}
	if n.Int("packed", 0) == 1 {
		q, k, v = split(q, 0, 3), split(q, 1, 3), split(q, 2, 3)
	} else {
		q, k, v = split(q, 0, 1), split(k, 0, 1), split(v, 0, 1)
	}
	scores := apply("Mul", nil, apply("MatMul", nil, q, moved(k, 0, 1, 3, 2)), scalarOf(n.Float("scale", 1)))
	if mask != nil {
		scores = apply("Add", nil, scores, mask)
	}
	y := moved(apply("MatMul", nil, apply("Softmax", graph.Attributes{"axis": int64(-1)}, scores), v), 0, 2, 1, 3)
	return y.Reshaped(y.Shape[0], y.Shape[1], y.Shape[2]*y.Shape[3])
}

func evaluateChain(n *graph.Node, in []*tensor.Tensor) *tensor.Tensor {
	registers := append([]*tensor.Tensor(nil), in...)
	for _, instruction := range n.Attributes["chain"].(op.Chain) {
		args := make([]*tensor.Tensor, len(instruction.Args))
		for i, register := range instruction.Args {
			args[i] = registers[register]
		}
		attributes := graph.Attributes{}
		switch instruction.Op {
		case "Clip":
			args = append(args, scalarOf(instruction.Alpha), scalarOf(instruction.Beta))
		case "HardSigmoid":
			attributes = graph.Attributes{"alpha": instruction.Alpha, "beta": instruction.Beta}
		case "LeakyRelu":
			attributes = graph.Attributes{"alpha": instruction.Alpha}
		case "Cast":
			attributes = graph.Attributes{"to": int64(instruction.To)}
		}
		registers = append(registers, apply(instruction.Op, attributes, args...))
	}
	return registers[len(registers)-1]
}
