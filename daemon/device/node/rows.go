package node

// Normalization is a layer normalization: which inputs, and which output for the sum, play which part; -1 is absent.
type Normalization struct {
	Rows, Width                   int64
	Epsilon                       float32
	X, Residual, Scale, Bias, Sum int
}

// LayerNormalization reads ONNX's LayerNormalization (X, scale, bias? -> Y) and op.FusedLayerNormalization (X, residual?, scale, bias? -> Y, sum?).
func (n Node) LayerNormalization(fused bool) (l Normalization, err error) {
	shape := n.Shape(0)
	l.Epsilon = n.Float("epsilon", 1e-5)
	axis := len(shape) - 1
	if fused {
		l.X, l.Residual, l.Scale, l.Bias, l.Sum = 0, 1, 2, 3, 1
	} else {
		if n.Output(1) != nil || n.Output(2) != nil {
			return l, NoKernel("mean or inverse deviation is asked for")
		}
		axis = NormalAxis(n.Int("axis", -1), len(shape))
		l.X, l.Residual, l.Scale, l.Bias, l.Sum = 0, -1, 1, 2, -1
	}
	l.Rows, l.Width = Product(shape[:axis]), Product(shape[axis:])
	for _, i := range []int{l.Scale, l.Bias} {
		if v := n.Input(i); v != nil && Product(n.Shape(i)) != l.Width {
			return l, NoKernel("scale or bias has shape %v, want %d elements", n.Shape(i), l.Width)
		}
	}
	return l, nil
}

// Axes returns the axes that a reduction reduces; none where it copies.
func (n Node) Axes() (axes []int, err error) {
	shape := n.Shape(0)
	switch given, known := n.ConstantInts(1); {
	case n.Op == "ArgMax" || n.Op == "ArgMin":
		return []int{NormalAxis(n.Int("axis", 0), len(shape))}, nil
	case known:
		for _, axis := range given {
			axes = append(axes, NormalAxis(axis, len(shape)))
		}
	case n.Input(1) != nil:
		return nil, NoKernel("the axes depend on data")
	}
	if len(axes) == 0 && n.Int("noop_with_empty_axes", 0) == 0 {
		for axis := range shape {
			axes = append(axes, axis)
		}
	}
	return axes, nil
}

// Gather is a gather along one axis, of rows of bytes.
type Gather struct{ Outer, Axis, Count, RowBytes, IndexBytes int64 }

// Gather reads ONNX's Gather.
func (n Node) Gather() Gather {
	shape := n.Shape(0)
	axis := NormalAxis(n.Int("axis", 0), len(shape))
	return Gather{
		Outer: Product(shape[:axis]), Axis: shape[axis], Count: Product(n.Shape(1)),
		RowBytes: Product(shape[axis+1:]) * n.elementSize(0), IndexBytes: n.elementSize(1),
	}
}
