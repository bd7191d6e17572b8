package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/pool"
	"github.com/inferd/inferd/kernels/cpu/step"
)

func selectMaxPool(s *selection) (*kernel, error) {
	if s.Output(1) != nil {
		return nil, node.NoKernel("the indices are asked for")
	}
	return s.pool("max_pool", pool.Maximum)
}

func selectAveragePool(s *selection) (*kernel, error) { return s.pool("average_pool", pool.Average) }

// pool slides a window over a tensor in channels-last layout.
func (s *selection) pool(name string, kind pool.Kind) (*kernel, error) {
	w := s.Window()
	window := pool.Window{
		Kind: kind, KernelHeight: w.Size[0], KernelWidth: w.Size[1], StrideHeight: w.Strides[0], StrideWidth: w.Strides[1],
		DilationHeight: w.Dilations[0], DilationWidth: w.Dilations[1], PadTop: w.PadTop, PadLeft: w.PadLeft, PadBottom: w.PadBottom, PadRight: w.PadRight,
		CountIncludePad: s.Int("count_include_pad", 0) != 0,
	}
	return s.pooling(name, func(level isa.Level, u pool.Use) (step.Step, error) { return pool.Plan(level, window, u) })
}

func selectGlobalAveragePool(s *selection) (*kernel, error) {
	return s.pooling("global_average_pool", pool.PlanGlobalAverage)
}

func (s *selection) pooling(name string, plan func(isa.Level, pool.Use) (step.Step, error)) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	x, y := s.Shape(0), s.OutputShape(0)
	use := pool.Use{
		Batch: int(x[0]), Height: int(x[1]), Width: int(x[2]), Channels: int(x[3]), OutputHeight: int(y[1]), OutputWidth: int(y[2]),
	}
	return &kernel{name: s.named(name, tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		var err error
		if use.Input, err = at.Input(0); err != nil || node.Product(y) == 0 {
			return nil, err
		}
		use.Output = at.Output(0)
		planned, err := plan(s.level, use)
		return []step.Step{planned}, err
	}}, nil
}
