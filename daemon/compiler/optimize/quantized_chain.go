package optimize

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// lowerDequantize writes what is left of dequantisation by one number as element-wise operators, which form chains with their neighbours:
// scale * (float(x) - zero), and where x was quantised for this alone, scale * clip(round(x / scale)), which needs no integers.
func lowerDequantize(e *editor, n *graph.Node) error {
	x, ok := dequantizedOf(n.Output(0))
	if !isONNX(n, "DequantizeLinear") || !ok || x.axis >= 0 || !e.target.Fuses(op.FusedElementwise) {
		return nil
	}
	scale, zero, ok := e.numbers(x)
	if !ok {
		return nil
	}
	l := lowering{e: e, like: n}
	if q := producer(x.integers, "QuantizeLinear"); q != nil && e.single(x.integers) && isFloat(q.Input(0)) && sameNumber(q.Input(1), x.scale) && sameNumber(q.Input(2), x.zero) {
		low, high := limits(x.integers.DType)
		v := l.node("Round", nil, l.node("Div", nil, q.Input(0), l.number(scale)))
		return l.end("Mul", nil, l.node("Clip", nil, v, l.number(low-zero), l.number(high-zero)), l.number(scale))
	}
	v := l.node("Cast", graph.Attributes{"to": int64(tensor.Float32)}, x.integers)
	if zero != 0 {
		v = l.node("Sub", nil, v, l.number(zero))
	}
	return l.end("Mul", nil, v, l.number(scale))
}

// lowerQuantize does so for a quantisation that can be the end of the chain that makes its input.
func lowerQuantize(e *editor, n *graph.Node) error {
	x, out := n.Input(0), n.Output(0)
	if !isONNX(n, "QuantizeLinear") || !e.target.Fuses(op.FusedElementwise) || !isFloat(x) || !e.single(x) || !isQuantized(out) || op.DivisionType(n) != tensor.Float32 ||
		!isONNX(x.Producer, chainBinary...) && !isONNX(x.Producer, chainUnary...) {
		return nil
	}
	scale, zero, ok := e.numbers(quantized{out, n.Input(1), n.Input(2), -1})
	if !ok {
		return nil
	}
	l := lowering{e: e, like: n}
	v := l.node("Round", nil, l.node("Div", nil, x, l.number(scale)))
	if zero != 0 {
		v = l.node("Add", nil, v, l.number(zero))
	}
	low, high := limits(out.DType)
	v = l.node("Clip", nil, v, l.number(low), l.number(high))
	return l.end("Cast", graph.Attributes{"to": int64(out.DType)}, v)
}

// limits are the least and the largest number of a type of eight bits.
func limits(d tensor.DType) (low, high float32) {
	if d == tensor.Int8 {
		return -128, 127
	}
	return 0, 255
}

// numbers returns the one scale and the one zero point.
func (s *state) numbers(q quantized) (scale, zero float32, ok bool) {
	scale, ok = s.scalar(q.scale)
	if q.zero == nil || !ok {
		return scale, 0, ok
	}
	t, ok := s.elements(q.zero)
	if !ok || len(t.Data) != 1 {
		return 0, 0, false
	}
	if t.DType == tensor.Int8 {
		return scale, float32(int8(t.Data[0])), true
	}
	return scale, float32(t.Data[0]), true
}

// lowering inserts element-wise nodes for one node, up to the first error.
type lowering struct {
	e    *editor
	like *graph.Node
	err  error
}

func (l *lowering) number(x float32) *graph.Value {
	return constantFloats(l.like.Name+":number", []float32{x})
}

func (l *lowering) node(name string, attributes graph.Attributes, inputs ...*graph.Value) (v *graph.Value) {
	if l.err == nil {
		v, l.err = l.e.insert(l.like, graph.DomainONNX, name, versionClip, attributes, inputs...)
	}
	return v
}

// end puts the last node in the place of the one that is lowered.
func (l *lowering) end(name string, attributes graph.Attributes, inputs ...*graph.Value) error {
	if l.err == nil {
		l.e.substitute(l.like, newNode(l.like, graph.DomainONNX, name, versionClip, attributes, inputs...), 1)
	}
	return l.err
}
