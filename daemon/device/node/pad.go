package node

// Pad is what ONNX's Pad adds before and after each axis, below zero where it takes away.
type Pad struct {
	Mode       string
	Begin, End []int64
}

// Pad reads ONNX's Pad.
func (n Node) Pad() (p Pad, err error) {
	rank := len(n.Shape(0))
	given, ok := n.ConstantInts(1)
	if !ok {
		return p, NoKernel("the pads depend on data")
	}
	axes, ok := n.ConstantInts(3)
	if !ok && n.Input(3) != nil {
		return p, NoKernel("the axes depend on data")
	}
	if !ok {
		for i := range rank {
			axes = append(axes, int64(i))
		}
	}
	p = Pad{Mode: n.Text("mode", "constant"), Begin: make([]int64, rank), End: make([]int64, rank)}
	for i, axis := range axes {
		at := NormalAxis(axis, rank)
		p.Begin[at], p.End[at] = given[i], given[len(axes)+i]
	}
	return p, nil
}
