package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// heads says where the operand [B, H, S, D] of an attention's product comes from: part number part of parts that lie side by side in
// source, [B, S, parts*H*D].
type heads struct {
	source      *graph.Value
	part, parts int64
	shape       [4]graph.Dim // B, H, S, D
	scale       float32
}

// headsDepth bounds the walk from a product to the projection.
const headsDepth = 8

// headsOf follows an operand of a product back to the projection that it is a view of. Where transposed is set the operand is
// [B, H, D, S].
func (e *editor) headsOf(v *graph.Value, transposed bool) (heads, bool) {
	h := heads{scale: 1, parts: 1}
	for depth := 0; depth < headsDepth; depth++ {
		if rank(v) != 4 {
			return h, false
		}
		n := producer(v, "Mul", "Div", "Transpose", "Reshape", "Squeeze", "Gather")
		if n == nil {
			return h, false
		}
		switch n.Op {
		case "Mul", "Div":
			factor, rest, ok := e.scalarFactor(n)
			if !ok || !sameDims(rest.Shape, v.Shape) {
				return h, false
			}
			h.scale *= factor
			v = rest
			continue
		case "Transpose":
			perm, ok := permutation(n)
			switch {
			case !ok:
				return h, false
			case slices.Equal(perm, []int64{0, 1, 3, 2}):
				transposed = !transposed
				v = n.Input(0)
				continue
			case slices.Equal(perm, []int64{0, 2, 3, 1}):
				transposed = !transposed
			case !slices.Equal(perm, []int64{0, 2, 1, 3}):
				return h, false
			}
			d := n.Input(0).Shape // [B, S, H, D]
			h.shape = [4]graph.Dim{d[0], d[2], d[1], d[3]}
			return h, !transposed && h.fromSplit(n.Input(0))
		default:
			d := v.Shape
			h.shape = [4]graph.Dim{d[0], d[1], d[2], d[3]}
			return h, !transposed && h.fromStack(n, v)
		}
	}
	return h, false
}

// scalarFactor matches a multiplication or division by a constant number.
func (e *editor) scalarFactor(n *graph.Node) (factor float32, rest *graph.Value, ok bool) {
	if len(n.Inputs) != 2 {
		return 0, nil, false
	}
	if factor, ok = e.scalar(n.Inputs[1]); ok {
		if n.Op == "Div" {
			factor = 1 / factor
		}
		return factor, n.Inputs[0], true
	}
	factor, ok = e.scalar(n.Inputs[0])
	return factor, n.Inputs[1], ok && n.Op == "Mul"
}

// fromSplit finishes the walk at [B, S, H, D], which is a Reshape of the projection or of an equal share of a packed one.
func (h *heads) fromSplit(v *graph.Value) bool {
	reshape := producer(v, "Reshape")
	if reshape == nil || !isFloat(reshape.Input(0)) {
		return false
	}
	h.source = reshape.Input(0)
	split := producer(h.source, "Split")
	if split == nil || axisOf(split.Int("axis", 0), rank(split.Input(0))) != rank(h.source)-1 {
		return true
	}
	for i, out := range split.Outputs {
		if out == nil || !sameType(out, h.source) {
			return true // a part that is not one of equal ones: the split stays
		}
		if out == h.source {
			h.part = int64(i)
		}
	}
	h.parts, h.source = int64(len(split.Outputs)), split.Input(0)
	return true
}

// fromStack finishes the walk at part i of a packed projection that was reshaped to [B, S, P, H, D] and transposed to [P, B, H, S, D].
func (h *heads) fromStack(n *graph.Node, v *graph.Value) bool {
	stack := n.Input(0)
	if n.Op == "Gather" {
		index, ok := n.Input(1).KnownContent()
		if !ok || len(index) != 1 || rank(n.Input(1)) != 0 || n.Int("axis", 0) != 0 || index[0] < 0 {
			return false
		}
		h.part = index[0]
	} else {
		split := producer(stack, "Split")
		if split == nil || rank(stack) != 5 || !stack.Shape[0].Is(1) || !sameDims(stack.Shape[1:], v.Shape) {
			return false
		}
		if axisOf(split.Int("axis", 0), 5) != 0 {
			return false
		}
		for i, out := range split.Outputs {
			if out == nil || !sameType(out, stack) {
				return false
			}
			if out == stack {
				h.part = int64(i)
			}
		}
		stack = split.Input(0)
	}
	transpose := producer(stack, "Transpose")
	if transpose == nil || rank(stack) != 5 {
		return false
	}
	perm, ok := permutation(transpose)
	reshape := producer(transpose.Input(0), "Reshape")
	parts, known := stack.Shape[0].Known()
	if !ok || !slices.Equal(perm, []int64{2, 0, 3, 1, 4}) || reshape == nil || !isFloat(reshape.Input(0)) || !known || h.part >= parts {
		return false
	}
	h.parts, h.source = parts, reshape.Input(0)
	return true
}

// width returns H*D, H and D where both are known.
func (h *heads) width() (width, count, size int64, ok bool) {
	count, okCount := h.shape[1].Known()
	size, okSize := h.shape[3].Known()
	return count * size, count, size, okCount && okSize && count > 0 && size > 0
}

// fuseAttention finds softmax(scale * Q*K^T + mask) * V with the heads' reshapes and transposes around it.
func fuseAttention(e *editor, n *graph.Node) error {
	if !isONNX(n, "Transpose") || !e.target.Fuses(op.FusedAttention) || !isFloat(n.Output(0)) {
		return nil
	}
	perm, ok := permutation(n)
	product := producer(n.Input(0), "MatMul")
	if !ok || !slices.Equal(perm, []int64{0, 2, 1, 3}) || product == nil || !e.single(n.Input(0)) {
		return nil
	}
	scores, mask, scale, ok := e.scores(product.Inputs[0])
	if !ok {
		return nil
	}
	q, okQ := e.headsOf(scores.Inputs[0], false)
	k, okK := e.headsOf(scores.Inputs[1], true)
	v, okV := e.headsOf(product.Inputs[1], false)
	if !okQ || !okK || !okV || v.scale != 1 || !agree(&q, &k, &v) {
		return nil
	}
	for _, h := range []*heads{&q, &k, &v} {
		if _, _, _, ok := h.width(); !ok || !e.grounded(h.shape[:]) {
			return nil
		}
	}
	return e.emitAttention(n, [3]*heads{&q, &k, &v}, mask, scale*q.scale*k.scale)
}

// agree reports whether the three operands have the dimensions of one attention.
func agree(q, k, v *heads) bool {
	return q.shape[0].Equal(k.shape[0]) && q.shape[0].Equal(v.shape[0]) && q.shape[1].Equal(k.shape[1]) && q.shape[1].Equal(v.shape[1]) &&
		k.shape[2].Equal(v.shape[2]) && q.shape[3].Equal(k.shape[3])
}

// scores walks from the probabilities to the product Q*K^T, over softmax, mask and scale.
func (e *editor) scores(v *graph.Value) (product *graph.Node, mask *graph.Value, scale float32, ok bool) {
	softmax := producer(v, "Softmax")
	if softmax == nil || rank(v) != 4 || axisOf(softmax.Int("axis", -1), 4) != 3 || !e.single(v) {
		return nil, nil, 0, false
	}
	full := softmax.Input(0)
	x := full
	if add := producer(x, "Add"); add != nil && e.single(x) {
		for i, in := range add.Inputs {
			if producer(in, "Mul", "Div", "MatMul") != nil && e.single(in) && sameType(in, full) {
				x, mask = in, add.Inputs[1-i]
				if e.leadsToProduct(x) {
					break
				}
			}
		}
	}
	scale = 1
	if n := producer(x, "Mul", "Div"); n != nil && e.single(x) {
		factor, rest, ok := e.scalarFactor(n)
		if !ok {
			return nil, nil, 0, false
		}
		scale, x = factor, rest
	}
	product = producer(x, "MatMul")
	if mask != nil {
		if _, fits := broadcast(full.Shape, mask.Shape); !fits || !isFloat(mask) || len(mask.Shape) > 4 {
			return nil, nil, 0, false
		}
	}
	return product, mask, scale, product != nil && e.single(x) && sameType(x, full)
}

// leadsToProduct tells the scores from a mask that is itself computed by a multiplication.
func (e *editor) leadsToProduct(v *graph.Value) bool {
	if n := producer(v, "Mul", "Div"); n != nil {
		_, rest, ok := e.scalarFactor(n)
		return ok && producer(rest, "MatMul") != nil
	}
	return producer(v, "MatMul") != nil
}

// emitAttention puts the fused operator in the place of the Transpose n, whose output is [B, S, H, E].
func (e *editor) emitAttention(n *graph.Node, operands [3]*heads, mask *graph.Value, scale float32) error {
	q := operands[0]
	width, count, _, _ := q.width()
	attributes := graph.Attributes{"heads": count, "scale": scale}
	inputs := []*graph.Value{nil, nil, nil, mask}
	packed := true
	for i, h := range operands {
		size, _, _, _ := h.width()
		packed = packed && h.source == q.source && h.parts == 3 && h.part == int64(i) && size == width && h.shape[2].Equal(q.shape[2])
	}
	if packed {
		attributes["packed"] = int64(1)
		source, err := e.reshape(n, q.source, []graph.Dim{q.shape[0], q.shape[2], graph.Int(3 * width)})
		if err != nil {
			return err
		}
		inputs[0] = source
	} else {
		for i, h := range operands {
			operand, err := e.operand(n, h)
			if err != nil {
				return err
			}
			inputs[i] = operand
		}
	}
	result, err := e.insert(n, graph.DomainFused, op.FusedAttention, versionFused, attributes, trimmed(inputs...)...)
	if err != nil {
		return err
	}
	shaped := newNode(n, graph.DomainONNX, "Reshape", versionReshape, graph.Attributes{"allowzero": int64(1)}, result, shapeValue(n, n.Output(0).Shape))
	e.substitute(n, shaped, 1)
	return nil
}

// operand returns one of Q, K and V as [B, S, H*D].
func (e *editor) operand(n *graph.Node, h *heads) (*graph.Value, error) {
	width, _, _, _ := h.width()
	source, err := e.reshape(n, h.source, []graph.Dim{h.shape[0], h.shape[2], graph.Int(h.parts * width)})
	if err != nil || h.parts == 1 {
		return source, err
	}
	list := func(name string, x int64) *graph.Value { return integerConstant(n.Name+":"+name, x) }
	return e.insert(n, graph.DomainONNX, "Slice", versionSlice, nil, source,
		list("start", h.part*width), list("end", (h.part+1)*width), list("axis", 2))
}

// packAttention makes one Linear of the three that project the same input to Q, K and V.
func packAttention(e *editor, n *graph.Node) error {
	if !n.Is(graph.DomainFused, op.FusedAttention) || n.Int("packed", 0) == 1 || n.Input(2) == nil {
		return nil
	}
	var linear [3]*graph.Node
	for i := range linear {
		p := fusedProducer(n.Inputs[i], op.FusedLinear)
		if p == nil || !e.single(n.Inputs[i]) || !packable(p) {
			return nil
		}
		first := linear[0]
		if i > 0 && (p.Inputs[0] != first.Inputs[0] || !sameType(p.Inputs[1], first.Inputs[1]) ||
			p.Int("transpose_b", 0) != first.Int("transpose_b", 0) || p.Float("alpha", 1) != first.Float("alpha", 1)) {
			return nil
		}
		linear[i] = p
	}
	weights, bias, ok := e.sideBySide(linear)
	if !ok {
		return nil
	}
	qkv, err := e.insert(n, graph.DomainFused, op.FusedLinear, versionFused, linear[0].Attributes, linear[0].Inputs[0], weights, bias)
	if err != nil {
		return err
	}
	attributes := n.Attributes.With("packed", int64(1))
	e.substitute(n, newNode(n, n.Domain, n.Op, n.Version, attributes, qkv, nil, nil, n.Input(3)), 1)
	return nil
}

// packable reports whether a Linear does nothing but project.
func packable(p *graph.Node) bool {
	return p.Input(inputResidual) == nil && p.Text("activation", "") == "" && rank(p.Inputs[0]) == 3 && p.Inputs[1].Constant != nil
}

// sideBySide joins the weights and biases of three projections along their output columns.
func (e *editor) sideBySide(linear [3]*graph.Node) (weights, bias *graph.Value, ok bool) {
	shape := linear[0].Inputs[1].Constant.Shape
	rows, columns := shape[0], shape[1]
	transposed := linear[0].Int("transpose_b", 0) == 1
	if transposed {
		rows, columns = 1, shape[0]*shape[1]
	}
	joined := make([]float32, 0, 3*rows*columns)
	var parts [3][]float32
	for i, p := range linear {
		if parts[i], ok = e.floats(p.Inputs[1]); !ok {
			return nil, nil, false
		}
	}
	for row := range rows {
		for _, part := range parts {
			joined = append(joined, part[row*columns:(row+1)*columns]...)
		}
	}
	packed := []int64{shape[0], 3 * shape[1]}
	outputs := shape[1]
	if transposed {
		packed, outputs = []int64{3 * shape[0], shape[1]}, shape[0]
	}
	name := linear[0].Name + ":qkv"
	biases := make([]float32, 0, 3*outputs)
	any := false
	for _, p := range linear {
		if p.Input(inputBias) == nil {
			biases = append(biases, make([]float32, outputs)...)
			continue
		}
		part, ok := e.floats(p.Inputs[inputBias])
		if !ok || int64(len(part)) != outputs {
			return nil, nil, false
		}
		any = true
		biases = append(biases, part...)
	}
	if any {
		bias = constantFloats(name+":bias", biases, 3*outputs)
	}
	return constantFloats(name, joined, packed...), bias, true
}
