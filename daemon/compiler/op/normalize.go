package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// inferLayerNormalization: Y like X; mean and inverse deviation with the normalised axes 1.
func inferLayerNormalization(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, floating); err != nil {
			return err
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
	}
	x := n.Input(0)
	likeInput(n, 0, 0, x.DType)
	setType(n, 1, tensor.Float32)
	setType(n, 2, tensor.Float32)
	if !x.Ranked {
		return nil
	}
	axis, err := normalAxis(n.Int("axis", -1), len(x.Shape))
	if err != nil {
		return err
	}
	for i := 1; i < len(n.Inputs); i++ {
		if v := n.Input(i); v != nil && v.Ranked {
			if err := fitsInto(g, v, x.Shape[axis:]); err != nil {
				return err
			}
		}
	}
	statistics := append([]graph.Dim{}, x.Shape...)
	for i := axis; i < len(statistics); i++ {
		statistics[i] = graph.Int(1)
	}
	set(n, 1, tensor.Float32, statistics)
	set(n, 2, tensor.Float32, statistics)
	return nil
}

// inferPerChannel: X[N, C, ...] and parameters[C] -> Y like X.
func inferPerChannel(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	for i := range n.Inputs {
		if err := accept(n, i, floating); err != nil {
			return err
		}
	}
	likeInput(n, 0, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	if len(x.Shape) < 2 && n.Op != "BatchNormalization" || len(x.Shape) < 1 {
		return fmt.Errorf("input 0 (%v) has no channels", x)
	}
	channels := graph.Int(1)
	if len(x.Shape) > 1 {
		channels = x.Shape[1]
	}
	for i := 1; i < len(n.Inputs); i++ {
		v := n.Input(i)
		if v == nil || !v.Ranked {
			continue
		}
		if len(v.Shape) != 1 {
			return fmt.Errorf("input %d (%v) has rank %d, want 1", i, v, len(v.Shape))
		}
		if _, err := mergeDim(v.Shape[0], channels); err != nil {
			return fmt.Errorf("input %d (%v) does not fit the channels of %v", i, v, x)
		}
	}
	return nil
}

// inferGroupNormalization: channels divide into groups.
func inferGroupNormalization(g *graph.Graph, n *graph.Node) error {
	if err := inferPerChannel(g, n); err != nil {
		return err
	}
	groups := n.Int("num_groups", 0)
	if groups < 1 {
		return fmt.Errorf("attribute num_groups is %d", groups)
	}
	if x := n.Input(0); x.Ranked {
		if channels, known := x.Shape[1].Known(); known && channels%groups != 0 {
			return fmt.Errorf("%d channels do not divide into %d groups", channels, groups)
		}
	}
	return nil
}
