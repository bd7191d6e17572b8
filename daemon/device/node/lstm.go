package node

import "github.com/inferd/inferd/kernels/cpu/lstm"

// LSTM reads an LSTM's attributes and sizes; the weights, inputs 1 to 3 and 7, are left to the device.
func (n Node) LSTM() *lstm.LSTM {
	_, alpha := n.Attributes["activation_alpha"]
	_, beta := n.Attributes["activation_beta"]
	w := n.Shape(1)
	return &lstm.LSTM{
		Inputs: int(w[2]), Hidden: int(w[1] / 4), Direction: n.Text("direction", "forward"), Clip: n.Float("clip", 0), Activations: n.Texts("activations"),
		InputForget: n.Int("input_forget", 0) != 0, Layout: int(n.Int("layout", 0)), HasAlphaBeta: alpha || beta,
	}
}
