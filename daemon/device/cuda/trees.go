//go:build cuda

package cuda

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/trees"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

func selectTreeClassifier(s *selection) (*chosen, error) {
	e, err := s.TreeClassifier()
	if err != nil {
		return nil, err
	}
	return s.trees(e, 1, 0)
}

func selectTreeRegressor(s *selection) (*chosen, error) { return s.trees(s.TreeRegressor(), 0, absent) }

// trees runs an ensemble whose scores and labels are the given outputs.
func (s *selection) trees(e *trees.Ensemble, scores, labels int) (*chosen, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	p, err := packAttributes(s, unsafe.SliceData(e.NodeValues), "trees", func() (*kernel.Trees, []byte, error) {
		model, err := kernel.PackTrees(e)
		if err != nil {
			return nil, nil, err
		}
		return model, model.Packed, nil
	})
	if err != nil {
		return nil, err
	}
	rows, features := s.Rows()
	call := kernel.TreesCall{
		Rows: int64(rows), Features: int64(features), Packed: p.tables, Processors: int64(s.device.driver.Attributes().Multiprocessors),
	}
	return s.plannedScorer("trees", scores, labels, func(x, scores, labels step.Operand) ([]kernel.Launch, error) {
		c := call
		c.X, c.Scores, c.Labels = x, scores, labels
		return p.model.Plan(c)
	})
}
