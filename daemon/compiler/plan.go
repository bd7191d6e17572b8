package compiler

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/memplan"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
)

// plan collects what has been decided about one program: a kernel for each node, and a place for each value.
type plan struct {
	graph     *graph.Graph
	stores    []device.Weights // one for each of the model's devices
	steps     []plannedStep
	stages    []stage
	transfers []transfer
	// host is the memory that all programs have, remote that of a device that works by itself.
	host, remote side
	// copies are Identity nodes that must move bytes: outputs that would otherwise share memory with something else.
	copies map[*graph.Node]bool
}

func newPlan(g *graph.Graph, stores []device.Weights) *plan {
	empty := func() side {
		return side{places: make(map[*graph.Value]*place), lives: make(map[*graph.Value]life)}
	}
	return &plan{graph: g, stores: stores, host: empty(), remote: empty()}
}

// plannedStep is one node with its kernel; views have no step.
type plannedStep struct {
	node      *graph.Node
	kernel    device.Kernel
	device    device.Device
	remote    bool // the device works by itself
	weights   device.Weights
	slow      string
	stage     int
	workspace *memplan.Block
}

// isView reports whether the node only renames its first input: same bytes, another shape.
func (p *plan) isView(n *graph.Node) bool {
	if n.Domain != graph.DomainONNX || p.copies[n] || n.Inputs[0].Constant != nil {
		return false
	}
	switch n.Op {
	case "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		return true
	}
	return false
}

// maxValueBytes bounds a single value, far above what any host holds, so that no sum of sizes overflows.
const maxValueBytes = 1 << 40

// maxEmptyRows bounds the product of the other dimensions where one is 0.
const maxEmptyRows = 1 << 26

// checkSize refuses a value whose shape is not known or that is too large to be placed.
func checkSize(v *graph.Value) error {
	shape, ok := v.KnownShape()
	if !ok {
		return fmt.Errorf("the shape of %v depends on data, which is not supported yet", v)
	}
	bytes, err := tensor.ByteSize(v.DType, shape)
	if err != nil {
		return fmt.Errorf("%q: %w", v.Name, err)
	}
	if bytes == 0 {
		// Kernels loop over rows without elements too.
		rows := int64(1)
		for _, dim := range shape {
			if rows *= max(dim, 1); dim > maxEmptyRows || rows > maxEmptyRows {
				return fmt.Errorf("%v has no elements but more than %d rows", v, maxEmptyRows)
			}
		}
	}
	if bytes > maxValueBytes {
		return fmt.Errorf("%v has %d bytes; at most %d are supported", v, bytes, int64(maxValueBytes))
	}
	return nil
}

// choose picks a kernel for every node that needs one.
func (m *Model) choose(p *plan) error {
	for _, v := range p.graph.Inputs {
		if err := checkSize(v); err != nil {
			return fmt.Errorf("input %w", err)
		}
	}
	for _, n := range p.graph.Nodes {
		if p.isView(n) {
			p.steps = append(p.steps, plannedStep{node: n})
			continue
		}
		chosen, err := m.chooseKernel(n, p.stores)
		var missing *device.NoKernelError
		if errors.As(err, &missing) && isNarrow(n) {
			var around []plannedStep
			if around, err = m.chooseWide(n, p.stores); err == nil {
				p.steps = append(p.steps, around...)
				continue
			}
		}
		if err != nil {
			return err
		}
		p.steps = append(p.steps, chosen)
	}
	return nil
}

// chooseKernel takes the first device that has a kernel for the node.
func (m *Model) chooseKernel(n *graph.Node, stores []device.Weights) (plannedStep, error) {
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		if err := checkSize(v); err != nil {
			return plannedStep{}, fmt.Errorf("%v: output %w", n, err)
		}
	}
	var reason string
	for i, d := range m.options.Devices {
		kernel, err := d.Select(n, stores[i])
		if err == nil {
			if bytes := kernel.WorkspaceBytes(); bytes < 0 || bytes > maxValueBytes {
				return plannedStep{}, fmt.Errorf("%v: %s needs %d bytes of scratch memory; at most %d are supported", n, kernel.Name(), bytes, int64(maxValueBytes))
			}
			_, remote := d.(device.Asynchronous)
			return plannedStep{node: n, kernel: kernel, device: d, remote: remote, weights: stores[i], slow: reason}, nil
		}
		var missing *device.NoKernelError
		if !errors.As(err, &missing) || i == len(m.options.Devices)-1 {
			return plannedStep{}, fmt.Errorf("%v: %w", n, err)
		}
		if reason != "" {
			reason += "; "
		}
		reason += missing.Reason
	}
	return plannedStep{}, fmt.Errorf("%v: there is no device", n)
}

// copyOutputs inserts a copy ahead of each output that has no memory of its own: an input, a constant, or one that another output owns.
func (p *plan) copyOutputs() error {
	p.copies = make(map[*graph.Node]bool)
	owned := make(map[*graph.Value]bool)
	for i, v := range p.graph.Outputs {
		owner := p.owner(v)
		if owner.Producer != nil && owner.Constant == nil && !owned[owner] {
			owned[owner] = true
			continue
		}
		copied := &graph.Value{Name: p.graph.OutputNames[i] + ".copy", DType: v.DType, Shape: v.Shape, Ranked: true}
		n := &graph.Node{Name: copied.Name, Op: "Identity", Version: 1, Inputs: []*graph.Value{v}, Outputs: []*graph.Value{copied}}
		copied.Producer = n
		p.copies[n] = true
		p.graph.Nodes = append(p.graph.Nodes, n)
		p.graph.Outputs[i] = copied
		owned[copied] = true
	}
	return p.graph.Verify()
}

func valueBytes(v *graph.Value) int64 {
	shape, _ := v.KnownShape()
	bytes, err := tensor.ByteSize(v.DType, shape)
	if err != nil {
		return 0 // checkSize has refused such values
	}
	return bytes
}
