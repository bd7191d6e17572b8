package reference

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Device implements device.Device and device.Evaluator. It has no state.
type Device struct{}

// New returns the device.
func New() *Device { return &Device{} }

// Info implements device.Device.
func (*Device) Info() device.Info {
	return device.Info{Name: "reference", Kind: device.KindCPU, Description: "plain Go, one thread", Threads: 1}
}

// Fuses implements device.Device: fused operators exist for speed only.
func (*Device) Fuses(string) bool { return false }

// NewWeights implements device.Device.
func (*Device) NewWeights() device.Weights { return weights.New(weights.OnHost) }

// Close implements device.Device.
func (*Device) Close() {}

// Evaluate implements device.Evaluator.
func (*Device) Evaluate(n *graph.Node, inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return Evaluate(n, inputs)
}

// stepLimit bounds the elements of an output at run time. The operators here take several times their results in Go's memory, which no
// limit of the daemon counts.
const stepLimit = 1 << 26

// Select implements device.Device.
func (*Device) Select(n *graph.Node, _ device.Weights) (device.Kernel, error) {
	if _, ok := table[name{n.Domain, n.Op}]; !ok {
		return nil, &device.NoKernelError{Reason: fmt.Sprintf("the reference device does not know %s", n.QualifiedOp())}
	}
	k := &kernel{node: &graph.Node{Name: n.Name, Domain: n.Domain, Op: n.Op, Version: n.Version, Attributes: n.Attributes}}
	var err error
	if k.inputs, err = places(n.Inputs); err != nil {
		return nil, &device.NoKernelError{Reason: "input " + err.Error()}
	}
	if k.outputs, err = places(n.Outputs); err != nil {
		return nil, &device.NoKernelError{Reason: "output " + err.Error()}
	}
	for i, p := range k.outputs {
		if count, _ := tensor.Elements(p.shape); count > stepLimit {
			return nil, &device.NoKernelError{Reason: fmt.Sprintf("output %d has %d elements; the reference device computes at most %d at a time",
				i, count, int64(stepLimit))}
		}
	}
	// Evaluate looks at the number of outputs only. The kernel keeps no value of the graph, whose constants may be large.
	k.node.Outputs = make([]*graph.Value, len(n.Outputs))
	return k, nil
}

// place is an operand with the type and shape of what lies there; present is false for an absent optional value.
type place struct {
	present bool
	at      step.Operand
	dtype   tensor.DType
	shape   []int64
}

func places(values []*graph.Value) ([]place, error) {
	list := make([]place, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		shape, known := v.KnownShape()
		if !known {
			return nil, fmt.Errorf("%d (%v) has a shape that depends on data", i, v)
		}
		if _, err := tensor.ByteSize(v.DType, shape); err != nil {
			return nil, fmt.Errorf("%d (%v): %w", i, v, err)
		}
		list[i] = place{present: true, dtype: v.DType, shape: shape}
	}
	return list, nil
}

// kernel evaluates one node. Emit makes a copy with the operands filled in, which is the device's code.
type kernel struct {
	node            *graph.Node
	inputs, outputs []place
}

func (k *kernel) Name() string          { return "reference_" + k.node.QualifiedOp() }
func (k *kernel) WorkspaceBytes() int64 { return 0 }
func (k *kernel) InPlace(int) bool      { return false }

func (k *kernel) Emit(at device.Operands) (device.Code, error) {
	code := &kernel{node: k.node, inputs: make([]place, len(k.inputs)), outputs: make([]place, len(k.outputs))}
	for i, p := range k.inputs {
		var err error
		if p.present {
			p.at, err = at.Input(i)
		}
		if err != nil {
			return nil, err
		}
		code.inputs[i] = p
	}
	for i, p := range k.outputs {
		if p.present {
			p.at = at.Output(i)
		}
		code.outputs[i] = p
	}
	return code, nil
}

// Link implements device.Device.
func (*Device) Link(code []device.Code) (program.Segment, error) {
	s := &segment{}
	for i, c := range code {
		k, ok := c.(*kernel)
		if !ok {
			return nil, fmt.Errorf("code %d of %d is %T, which the reference device did not emit", i, len(code), c)
		}
		s.code = append(s.code, k)
	}
	return s, nil
}

var (
	_ device.Device    = (*Device)(nil)
	_ device.Evaluator = (*Device)(nil)
)
