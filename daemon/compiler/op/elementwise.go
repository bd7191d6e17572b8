package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// inferUnary: one input, an output of the same type and shape.
func inferUnary(set typeSet) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		if err := accept(n, 0, set); err != nil {
			return err
		}
		likeInput(n, 0, 0, n.Input(0).DType)
		return nil
	}
}

// likeInput gives output o the shape of input i.
func likeInput(n *graph.Node, o, i int, dtype tensor.DType) {
	x := n.Input(i)
	if !x.Ranked {
		setType(n, o, dtype)
		return
	}
	set(n, o, dtype, x.Shape)
}

// inferIdentity passes content and affine form on.
func inferIdentity(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	likeInput(n, 0, 0, x.DType)
	setContent(n, 0, x.Content)
	setAffine(n, 0, x.Affine)
	return nil
}

// inferCast keeps content and affine form between integer types; a narrowing that overflows loses the content in setContent.
func inferCast(g *graph.Graph, n *graph.Node) error {
	to, err := typeAttribute(n, "to")
	if err != nil {
		return err
	}
	return castTo(n, to)
}

// inferCastLike: to the type of input 1.
func inferCastLike(g *graph.Graph, n *graph.Node) error { return castTo(n, n.Input(1).DType) }

func castTo(n *graph.Node, to tensor.DType) error {
	x := n.Input(0)
	if isComplex(to) != isComplex(x.DType) {
		return fmt.Errorf("no cast from %v to %v", x.DType, to)
	}
	likeInput(n, 0, 0, to)
	setContent(n, 0, x.Content)
	if to == tensor.Int64 || to == x.DType {
		setAffine(n, 0, x.Affine)
	}
	return nil
}

func isComplex(d tensor.DType) bool { return d == tensor.Complex64 || d == tensor.Complex128 }

// inferElementwise broadcasts all inputs, which must have one type of the set, and returns false where a rank is unknown.
func inferElementwise(g *graph.Graph, n *graph.Node, types typeSet, result func(in tensor.DType) tensor.DType) (bool, error) {
	for i := range n.Inputs {
		if err := accept(n, i, types); err != nil {
			return false, err
		}
		if err := sameType(n, 0, i); err != nil {
			return false, err
		}
	}
	return broadcastOutput(g, n, result(n.Input(0).DType))
}

// broadcastOutput gives output 0 the shape that all inputs broadcast to. It returns false where a rank is unknown.
func broadcastOutput(g *graph.Graph, n *graph.Node, dtype tensor.DType) (bool, error) {
	setType(n, 0, dtype)
	shapes := make([][]graph.Dim, 0, len(n.Inputs))
	for _, v := range n.Inputs {
		switch {
		case v == nil:
		case !v.Ranked:
			return false, nil
		default:
			shapes = append(shapes, v.Shape)
		}
	}
	shape, err := broadcast(g, shapes...)
	if err != nil {
		return false, err
	}
	set(n, 0, dtype, shape)
	return true, nil
}

func sameAsInput(d tensor.DType) tensor.DType { return d }
func alwaysBool(tensor.DType) tensor.DType    { return tensor.Bool }

// inferBroadcast: any number of inputs of one type, an output of the same type.
func inferBroadcast(set typeSet) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		_, err := inferElementwise(g, n, set, sameAsInput)
		return err
	}
}

// inferCompare: two inputs of one type, an output of booleans.
func inferCompare(set typeSet) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		_, err := inferElementwise(g, n, set, alwaysBool)
		return err
	}
}

// inferPow: the exponent may have another type.
func inferPow(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, numeric); err != nil {
			return err
		}
	}
	_, err := broadcastOutput(g, n, n.Input(0).DType)
	return err
}

// inferArithmetic also computes content, element by element with combine, and the affine form with affine; either may be nil.
func inferArithmetic(set typeSet, combine func(a, b graph.Dim) (graph.Dim, bool), affine affineFunc) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		known, err := inferElementwise(g, n, set, sameAsInput)
		if err != nil || !known || !indexing(n.Input(0).DType) {
			return err
		}
		mapContent(n, func(elements []graph.Dim) (graph.Dim, bool) {
			result, ok := elements[0], true
			for _, e := range elements[1:] {
				if result, ok = combine(result, e); !ok || result.Size() > dimLimit {
					return result, false
				}
			}
			return result, true
		})
		if affine != nil && len(n.Inputs) == 2 {
			combineAffine(n, affine)
		}
		return nil
	}
}

func addDims(a, b graph.Dim) (graph.Dim, bool) { return a.Add(b), true }
func subDims(a, b graph.Dim) (graph.Dim, bool) { return a.Sub(b), true }
func mulDims(a, b graph.Dim) (graph.Dim, bool) { return a.Mul(b), true }
func minDims(a, b graph.Dim) (graph.Dim, bool) { return a.Min(b), true }
func maxDims(a, b graph.Dim) (graph.Dim, bool) { return a.Max(b), true }

// divDims truncates towards zero, as ONNX does; it agrees with Dim.Div where nothing is negative.
func divDims(a, b graph.Dim) (graph.Dim, bool) {
	x, knownA := a.Known()
	y, knownB := b.Known()
	switch {
	case knownB && y == 0:
		return a, false
	case knownA && knownB:
		return graph.Int(x / y), true
	}
	return a.Div(b), a.NonNegative() && b.NonNegative()
}

// modDims is known for non-negative numbers, where both definitions of the operator agree.
func modDims(a, b graph.Dim) (graph.Dim, bool) {
	if b.Is(0) || !a.NonNegative() || !b.NonNegative() {
		return a, false
	}
	return a.Sub(a.Div(b).Mul(b)), true
}

// inferNeg negates content and affine form.
func inferNeg(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, numeric); err != nil {
		return err
	}
	x := n.Input(0)
	likeInput(n, 0, 0, x.DType)
	mapContent(n, func(e []graph.Dim) (graph.Dim, bool) { return e[0].Mul(graph.Int(-1)), true })
	if x.Affine != nil {
		setAffine(n, 0, scaledAffine(x.Affine, graph.Int(-1)))
	}
	return nil
}

// inferClip: bounds are scalars of the input's type.
func inferClip(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, numeric); err != nil {
			return err
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
		if v := n.Input(i); i > 0 && v != nil && v.Ranked && !v.ElementCount().Is(1) {
			return fmt.Errorf("input %d (%v) must have one element", i, v)
		}
	}
	likeInput(n, 0, 0, n.Input(0).DType)
	return nil
}

// inferPRelu: the slope broadcasts to the input, not the other way.
func inferPRelu(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, numeric); err != nil {
			return err
		}
	}
	if err := sameType(n, 0, 1); err != nil {
		return err
	}
	if x, slope := n.Input(0), n.Input(1); x.Ranked && slope.Ranked {
		if _, err := broadcast(g, x.Shape, slope.Shape); err != nil || len(slope.Shape) > len(x.Shape) {
			return fmt.Errorf("slope %v does not broadcast to %v", slope, x)
		}
	}
	likeInput(n, 0, 0, n.Input(0).DType)
	return nil
}

// inferWhere chooses content where the condition is decided by dimensions.
func inferWhere(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, boolean); err != nil {
		return err
	}
	if err := sameType(n, 1, 2); err != nil {
		return err
	}
	known, err := broadcastOutput(g, n, n.Input(1).DType)
	if err != nil || !known {
		return err
	}
	condition := decide(n.Input(0), decideDepth)
	out := n.Output(0)
	shape, known := out.KnownShape()
	if count, _ := out.ElementCount().Known(); !known || count > graph.ContentLimit || condition == nil {
		return nil
	}
	strides := make([][]int64, 3)
	for i, v := range n.Inputs {
		in, ok := v.KnownShape()
		if !ok || i > 0 && v.Content == nil {
			return nil
		}
		strides[i] = broadcastStrides(in, shape)
	}
	content := make([]graph.Dim, 0, graph.ContentLimit)
	complete := true
	forEach(shape, strides, func(at []int64) {
		yes, no := n.Input(1).Content[at[1]], n.Input(2).Content[at[2]]
		switch {
		case condition[at[0]] == decidedTrue || yes.Equal(no):
			content = append(content, yes)
		case condition[at[0]] == decidedFalse:
			content = append(content, no)
		default:
			complete = false
		}
	})
	if complete {
		setContent(n, 0, content)
	}
	return nil
}

// inferTest: one input, an output of booleans.
func inferTest(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, floating); err != nil {
		return err
	}
	likeInput(n, 0, 0, tensor.Bool)
	return nil
}
