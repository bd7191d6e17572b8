package cpu

import (
	"unsafe"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/trees"
)

// packedTrees is a compiled ensemble and its tables in C memory.
type packedTrees struct {
	model *trees.Model
	block *memory.Block
}

func selectTreeClassifier(s *selection) (*kernel, error) {
	e, err := s.TreeClassifier()
	if err != nil {
		return nil, err
	}
	return s.trees(e, 1, 0)
}

func selectTreeRegressor(s *selection) (*kernel, error) { return s.trees(s.TreeRegressor(), 0, -1) }

// trees runs an ensemble whose scores and labels are the given outputs.
func (s *selection) trees(e *trees.Ensemble, scores, labels int) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	identity := unsafe.SliceData(e.NodeValues)
	p, err := weights.PackShared(s.weights, identity, "trees", func() (packedTrees, weights.Form, error) {
		model, err := trees.Compile(e)
		if err != nil {
			return packedTrees{}, weights.Form{}, err
		}
		block, err := memory.Allocate(len(model.Packed))
		if err != nil {
			return packedTrees{}, weights.Form{}, err
		}
		copy(block.Bytes(), model.Packed)
		return packedTrees{model, block}, weights.Form{Bytes: int64(block.Size()), Free: block.Free}, nil
	})
	if err != nil {
		return nil, err
	}
	rows, features := s.Rows()
	if features < p.model.Features() {
		return nil, node.NoKernel("the rows have %d features, the trees test feature %d", features, p.model.Features()-1)
	}
	return &kernel{name: s.named("trees", tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		input, err := at.Input(0)
		if err != nil || rows == 0 {
			return nil, err
		}
		call := trees.Call{Rows: rows, Features: features, RowStride: features, X: input, Packed: step.Absolute(p.block.Pointer()), Scores: at.Output(scores)}
		if labels >= 0 {
			call.Labels = at.Output(labels)
		}
		return p.model.Plan(s.level, trees.Automatic, call)
	}}, nil
}
