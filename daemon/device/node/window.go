package node

// Window is what convolutions and pooling slide over an image; sizes are of height and width.
type Window struct {
	Size, Strides, Dilations [2]int
	PadTop, PadLeft          int
	PadBottom, PadRight      int
}

// Window reads the attributes, which package op has checked and completed.
func (n Node) Window() Window {
	pads := n.Ints("pads")
	if len(pads) != 4 {
		pads = make([]int64, 4)
	}
	return Window{
		Size: pair(n.Ints("kernel_shape")), Strides: pair(n.Ints("strides")), Dilations: pair(n.Ints("dilations")),
		PadTop: int(pads[0]), PadLeft: int(pads[1]), PadBottom: int(pads[2]), PadRight: int(pads[3]),
	}
}

// pair returns the two elements of a list, or ones where it is absent.
func pair(list []int64) [2]int {
	if len(list) != 2 {
		return [2]int{1, 1}
	}
	return [2]int{int(list[0]), int(list[1])}
}
