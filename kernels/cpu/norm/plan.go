package norm

import (
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// tileNS is about what a tile should take on one thread.
const tileNS = 8000

// Norm describes the normalisation of Rows rows of Width contiguous elements.
type Norm struct {
	Rows, Width int64
	Epsilon     float64
	// RootMeanSquare leaves the mean where it is (RMSNormalization, SimplifiedLayerNormalization).
	RootMeanSquare bool
	// Channels, where above zero, is the length of scale and bias, row r taking element r % Channels: InstanceNormalization of [N, C, ...]
	// has N*C rows and C channels. Otherwise they have Width elements.
	Channels int64
}

// Plan returns the step; the caller sets the operands.
func (n Norm) Plan(level isa.Level) (step.Step, error) {
	if n.Rows < 0 || n.Width < 0 || n.Channels < 0 {
		return step.Step{}, fmt.Errorf("normalisation: negative size in %+v", n)
	}
	s := step.Step{Kernel: byLevel[level]}
	rowNS := 10 + float64(n.Width)*1.6/float64(level.Lanes())
	perTile := max(1, int64(tileNS/rowNS))
	s.Tiles = max(1, (n.Rows+perTile-1)/perTile)
	s.CostNS = 20 + int64(float64(n.Rows)*rowNS)
	s.Parameter[rowCount], s.Parameter[rowWidth], s.Parameter[rowsPerTile] = n.Rows, n.Width, perTile
	s.Parameter[channelCount] = n.Channels
	s.SetFloat(epsilonValue, n.Epsilon)
	if n.RootMeanSquare {
		s.Parameter[rootMeanSquare] = 1
	}
	return s, nil
}
