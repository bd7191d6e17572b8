//go:build cuda

package cuda

import (
	"strings"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// blockCopy copies consecutive bytes with the driver's own copy.
type blockCopy struct {
	from, to step.Operand
	bytes    int64
}

func (c blockCopy) issue(_ *Device, q *cuda.Sequence, bases []uintptr) error {
	q.CopyOnDevice(addressOf(c.to, bases), addressOf(c.from, bases), c.bytes)
	return nil
}

func (c blockCopy) raises() bool { return false }

// sized names a kernel that looks at nothing but the size of input 0's elements. Strings lie on the host.
func (s *selection) sized(name string) (string, error) {
	dtype := s.Inputs[0].DType
	if dtype == tensor.String {
		return "", node.NoKernel("strings do not go to a GPU")
	}
	if t, ok := types[dtype]; ok {
		return name + "_" + t.String() + "_cuda", nil
	}
	return name + "_" + dtype.String() + "_cuda", nil
}

// selectCopy runs operators that only move elements, and Identity, Reshape and their kin where the bytes must move.
func selectCopy(s *selection) (*chosen, error) {
	name, err := s.sized(strings.ToLower(s.Op))
	if err != nil {
		return nil, err
	}
	copies, err := s.Copies()
	if err != nil {
		return nil, err
	}
	c := &chosen{name: name, emit: func(at device.Operands) ([]operation, error) {
		list, err := placeCopies(copies, at)
		if err != nil {
			return nil, err
		}
		if len(list) == 1 {
			if from, to, bytes, ok := list[0].Block(); ok {
				return []operation{blockCopy{from, to, bytes}}, nil
			}
		}
		launches, err := kernel.PlanCopies(list)
		if err != nil {
			return nil, err
		}
		return operationsOf(launches), nil
	}}
	_, err = c.emit(nowhere{s.Node.Node}) // a refusal is of use only now
	return c, err
}

// placeCopies gives copies their operands and leaves out those of nothing.
func placeCopies(copies []node.Copy, at device.Operands) (list []kernel.Copy, err error) {
	for _, c := range copies {
		if node.Product(c.Dims) == 0 {
			continue
		}
		x, err := at.Input(c.Input)
		if err != nil {
			return nil, err
		}
		list = append(list, kernel.Copy{
			Dims: c.Dims, Source: c.Source, Destination: c.Destination, SourceOffset: c.SourceOffset, DestinationOffset: c.DestinationOffset,
			ElementSize: c.ElementSize, X: x, Y: at.Output(c.Output),
		})
	}
	return list, nil
}

func selectGather(s *selection) (*chosen, error) {
	name, err := s.sized("gather")
	if err != nil {
		return nil, err
	}
	read := s.Gather()
	return s.plannedAs(name, func(at device.Operands) ([]kernel.Launch, error) {
		inputs, err := node.Places(at, 0, 1)
		if err != nil {
			return nil, err
		}
		return kernel.Gather{
			Outer: read.Outer, Axis: read.Axis, Count: read.Count, RowBytes: read.RowBytes, IndexBytes: read.IndexBytes,
			X: inputs[0], Indices: inputs[1], Y: at.Output(0), Faults: node.StatusOperand(program.StatusIndexOutOfRange),
		}.Plan()
	})
}

var padModes = map[string]kernel.PadMode{
	"constant": kernel.PadConstant, "edge": kernel.PadEdge, "reflect": kernel.PadReflect, "wrap": kernel.PadWrap,
}

func selectPad(s *selection) (*chosen, error) {
	name, err := s.sized("pad")
	if err != nil {
		return nil, err
	}
	read, err := s.Pad()
	if err != nil {
		return nil, err
	}
	plan := kernel.Pad{Mode: padModes[read.Mode], Shape: s.Shape(0), Begin: read.Begin, End: read.End, ElementSize: s.Inputs[0].DType.Size()}
	return s.plannedAs(name, func(at device.Operands) ([]kernel.Launch, error) {
		p := plan
		var err error
		if p.X, err = at.Input(0); err != nil {
			return nil, err
		}
		if s.Input(2) != nil && p.Mode == kernel.PadConstant {
			if p.Value, err = at.Input(2); err != nil {
				return nil, err
			}
		}
		p.Y = at.Output(0)
		return p.Plan()
	})
}
