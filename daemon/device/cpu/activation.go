package cpu

import (
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/activation"
)

// fusedActivation reads the attributes that package op calls Activation.
func (s *selection) fusedActivation() (activation.Activation, error) {
	name := s.Text("activation", "")
	if name == "" {
		return activation.Activation{}, nil
	}
	for kind := activation.None; kind < activation.Kinds; kind++ {
		if kind.String() == name {
			return activation.Activation{Kind: kind, P0: s.Float("activation_alpha", 0), P1: s.Float("activation_beta", 0)}, nil
		}
	}
	return activation.Activation{}, node.NoKernel("unknown fused activation %q", name)
}
