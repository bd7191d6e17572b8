//go:build cuda

package cuda

import (
	"slices"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// launch is a kernel launch as an operation.
type launch struct{ kernel.Launch }

func operationsOf(launches []kernel.Launch) []operation {
	list := make([]operation, len(launches))
	for i, l := range launches {
		list[i] = launch{l}
	}
	return list
}

func (l launch) issue(d *Device, q *cuda.Sequence, bases []uintptr) error {
	f, err := d.kernels.function(l.Module, l.Kernel)
	if err != nil {
		return err
	}
	q.Launch(f, l.Grid, l.Block, l.SharedBytes, l.Resolve(bases))
	return nil
}

func (l launch) raises() bool {
	return slices.ContainsFunc(l.Addresses, func(a kernel.Address) bool {
		return a.Operand.Base == step.BaseArena && a.Operand.Offset < program.StatusBytes
	})
}

// addressOf returns where an operand lies on the device; 0 where it is absent.
func addressOf(o step.Operand, bases []uintptr) cuda.Address {
	address := cuda.Address(o.Offset)
	if o.Base != step.BaseAbsolute {
		address += cuda.Address(bases[o.Base])
	}
	return address
}

// nowhere gives the operands that a node has places that keep every promise about alignment, for planning ahead.
type nowhere struct{ node *graph.Node }

func (n nowhere) Input(i int) (step.Operand, error) {
	if n.node.Input(i) == nil {
		return step.Operand{}, nil
	}
	return n.Output(i), nil
}

func (nowhere) Output(i int) step.Operand {
	return step.Operand{Base: step.BaseArena, Offset: program.StatusBytes + int64(i)<<32}
}

func (nowhere) Workspace() step.Operand { return nowhere{}.Output(1 << 10) }
