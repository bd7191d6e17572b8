package optimize

import (
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/kernels/cpu/activation"
)

// recogniseActivation finds activations that exporters write as several element-wise nodes: GELU in both forms and HardSwish.
func recogniseActivation(e *editor, n *graph.Node) error {
	useful := e.target.Fuses(op.FusedElementwise) || e.target.Fuses(op.FusedLinear) || e.target.Fuses(op.FusedConv)
	if !useful || !isONNX(n, "Mul", "Div") || len(n.Inputs) != 2 || !isFloat(n.Output(0)) {
		return nil
	}
	factors, scale, ok := e.product(n)
	if !ok || len(factors) != 2 {
		return nil
	}
	for i, x := range factors {
		term := factors[1-i]
		if !sameType(x, n.Output(0)) || !e.single(term) {
			continue
		}
		switch {
		case near(scale, 0.5) && e.isErfTerm(term, x):
			e.substitute(n, newNode(n, graph.DomainONNX, "Gelu", versionGelu, nil, x), 1)
			return nil
		case near(scale, 0.5) && e.isTanhTerm(term, x):
			e.substitute(n, newNode(n, graph.DomainONNX, "Gelu", versionGelu, graph.Attributes{"approximate": "tanh"}, x), 1)
			return nil
		case near(scale, 1) && isHardSigmoid(term.Producer, x), near(scale, 1.0/6) && e.isClippedShift(term, x):
			e.substitute(n, newNode(n, graph.DomainONNX, "HardSwish", versionElementwise, nil, x), 1)
			return nil
		}
	}
	return nil
}

func near(x, want float64) bool { return math.Abs(x-want) <= 1e-6*math.Abs(want) }

// maxProduct bounds the nodes that one product is made of.
const maxProduct = 8

// product flattens nested multiplications and divisions by constants into factors and a constant.
func (e *editor) product(n *graph.Node) (factors []*graph.Value, scale float64, ok bool) {
	scale = 1
	pending := []*graph.Node{n}
	for steps := 0; len(pending) > 0 && len(factors) <= 2 && steps < maxProduct; steps++ {
		node := pending[0]
		pending = pending[1:]
		for i, v := range node.Inputs {
			if x, ok := e.scalar(v); ok {
				if node.Op == "Div" {
					if i == 0 || x == 0 {
						return nil, 0, false
					}
					x = 1 / x
				}
				scale *= float64(x)
				continue
			}
			if node.Op == "Div" && i == 1 {
				return nil, 0, false
			}
			if inner := producer(v, "Mul", "Div"); inner != nil && e.single(v) && len(inner.Inputs) == 2 {
				pending = append(pending, inner)
				continue
			}
			factors = append(factors, v)
		}
	}
	return factors, scale, len(pending) == 0
}

// scaled reports whether v is x times the factor, computed for this one reader.
func (e *editor) scaled(v, x *graph.Value, factor float64) bool {
	n := producer(v, "Mul", "Div")
	if n == nil || !e.single(v) {
		return false
	}
	factors, scale, ok := e.product(n)
	return ok && len(factors) == 1 && factors[0] == x && near(scale, factor)
}

// onePlus returns the node whose output plus 1 is v.
func (e *editor) onePlus(v *graph.Value, operator string) *graph.Node {
	sum := producer(v, "Add")
	if sum == nil {
		return nil
	}
	one, rest := other(sum, func(v *graph.Value) bool { return e.isScalar(v, 1) })
	if one == nil || !e.single(rest) {
		return nil
	}
	return producer(rest, operator)
}

// isErfTerm reports whether v is 1 + erf(x / sqrt 2).
func (e *editor) isErfTerm(v, x *graph.Value) bool {
	erf := e.onePlus(v, "Erf")
	return erf != nil && e.scaled(erf.Input(0), x, 1/math.Sqrt2)
}

// isTanhTerm reports whether v is 1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)).
func (e *editor) isTanhTerm(v, x *graph.Value) bool {
	tanh := e.onePlus(v, "Tanh")
	if tanh == nil || !e.single(tanh.Input(0)) {
		return false
	}
	outer := producer(tanh.Input(0), "Mul")
	if outer == nil {
		return false
	}
	factor, sum := other(outer, func(v *graph.Value) bool { return e.isScalar(v, math.Sqrt(2/math.Pi)) })
	add := producer(sum, "Add")
	if factor == nil || add == nil || !e.single(sum) {
		return false
	}
	self, cubic := other(add, func(v *graph.Value) bool { return v == x })
	inner := producer(cubic, "Mul")
	if self == nil || inner == nil || !e.single(cubic) {
		return false
	}
	factor, power := other(inner, func(v *graph.Value) bool { return e.isScalar(v, 0.044715) })
	pow := producer(power, "Pow")
	return factor != nil && pow != nil && e.single(power) && pow.Input(0) == x && e.isScalar(pow.Input(1), 3)
}

// isHardSigmoid reports whether the node is the HardSigmoid of HardSwish, applied to x.
func isHardSigmoid(n *graph.Node, x *graph.Value) bool {
	return isONNX(n, "HardSigmoid") && n.Input(0) == x &&
		near(float64(n.Float("alpha", 0.2)), 1.0/6) && near(float64(n.Float("beta", 0.5)), 0.5)
}

// isClippedShift reports whether v is clip(x + 3, 0, 6).
func (e *editor) isClippedShift(v, x *graph.Value) bool {
	clip := producer(v, "Clip")
	if clip == nil || !e.single(clip.Input(0)) {
		return false
	}
	low, high, ok := e.clipLimits(clip)
	shift := producer(clip.Input(0), "Add")
	if !ok || low != 0 || high != 6 || shift == nil {
		return false
	}
	three, rest := other(shift, func(v *graph.Value) bool { return e.isScalar(v, 3) })
	return three != nil && rest == x
}

// clipLimits returns the constant limits of a Clip node.
func (s *state) clipLimits(n *graph.Node) (low, high float32, ok bool) {
	low, high = -math.MaxFloat32, math.MaxFloat32
	for i, limit := range []*float32{&low, &high} {
		if v := n.Input(i + 1); v != nil {
			if *limit, ok = s.scalar(v); !ok {
				return 0, 0, false
			}
		}
	}
	return low, high, true
}

// activationOf describes the node as an activation of one value that kernels apply in their epilogue. readers is the number of times that
// the activation reads the value.
func (e *editor) activationOf(n *graph.Node) (x *graph.Value, a activation.Activation, readers int, ok bool) {
	if n.Domain != graph.DomainONNX || n.Input(0) == nil || !isFloat(n.Output(0)) {
		return nil, a, 0, false
	}
	x, readers, ok = n.Input(0), 1, true
	switch n.Op {
	case "Relu":
		a.Kind = activation.Relu
	case "Sigmoid":
		a.Kind = activation.Sigmoid
	case "Tanh":
		a.Kind = activation.Tanh
	case "HardSwish":
		a.Kind = activation.HardSwish
	case "HardSigmoid":
		a = activation.Activation{Kind: activation.HardSigmoid, P0: n.Float("alpha", 0.2), P1: n.Float("beta", 0.5)}
	case "LeakyRelu":
		a = activation.Activation{Kind: activation.LeakyRelu, P0: n.Float("alpha", 0.01)}
	case "Gelu":
		a.Kind = activation.GELU
		if n.Text("approximate", "none") == "tanh" {
			a.Kind = activation.GELUTanh
		}
	case "Clip":
		a.Kind = activation.Clip
		a.P0, a.P1, ok = e.clipLimits(n)
	case "Mul":
		for i, v := range n.Inputs {
			gate := producer(v, "Sigmoid")
			if gate != nil && e.single(v) && gate.Input(0) == n.Inputs[1-i] {
				return n.Inputs[1-i], activation.Activation{Kind: activation.SiLU}, 2, true
			}
		}
		return nil, a, 0, false
	default:
		return nil, a, 0, false
	}
	return x, a, readers, ok
}
