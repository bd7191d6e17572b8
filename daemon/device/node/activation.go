package node

import "github.com/inferd/inferd/kernels/cpu/activation"

// Activation reads the attributes that package op calls Activation.
func (n Node) Activation() (activation.Activation, error) {
	name := n.Text("activation", "")
	if name == "" {
		return activation.Activation{}, nil
	}
	for kind := activation.None; kind < activation.Kinds; kind++ {
		if kind.String() == name {
			return activation.Activation{Kind: kind, P0: n.Float("activation_alpha", 0), P1: n.Float("activation_beta", 0)}, nil
		}
	}
	return activation.Activation{}, NoKernel("unknown fused activation %q", name)
}
