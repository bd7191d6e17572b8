package devicetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// Setup is a device under test with what it runs together with.
type Setup struct {
	// Devices are the one under test, then those that run what it has no kernel for; such steps are listed.
	Devices   []device.Device
	Evaluator device.Evaluator
	// Keep chooses cases; nil means all.
	Keep func(c *Case) bool
	// Type is Float16 or BFloat16 where the cases run in that type instead of float32; those that are not for it are left out. The last device
	// is then the reference.
	Type tensor.DType
}

// notCompiled are cases that the compiler refuses for the time being, with the reason.
var notCompiled = map[string]string{
	"test_range_float16_type_positive_delta":  "the length of a float16 range is not computed while compiling",
	"test_range_bfloat16_type_positive_delta": "the length of a bfloat16 range is not computed while compiling",
}

// NotCompiled says why the compiler refuses the case for the time being; empty where it does not.
func (c *Case) NotCompiled() string { return notCompiled[c.Name] }

// Run compiles each case for the device, runs it, and compares strictly. The setup's devices are closed at the end.
func Run(t *testing.T, setup Setup) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	defer setup.close()
	missing := make(map[string][]string) // reasons by operator
	unknown := make(map[string]int)      // cases by operator
	ran := 0
	for i := range cases {
		c := &cases[i]
		if setup.Keep != nil && !setup.Keep(c) {
			continue
		}
		if setup.Type != tensor.Undefined {
			if c = setup.narrow(c, setup.Type); c == nil {
				continue
			}
		}
		ran++
		if !c.Known() {
			unknown[c.QualifiedOp()]++
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if reason := c.NotCompiled(); reason != "" {
				t.Skip(reason)
			}
			got, slow, err := setup.Compute(c)
			var none *device.NoKernelError
			if errors.As(err, &none) && !setup.runsAll() {
				slow, err = none.Reason, nil
				got = c.Outputs
			}
			if slow != "" {
				missing[c.QualifiedOp()] = append(missing[c.QualifiedOp()], slow)
			}
			if err == nil {
				err = compare.Lists(got, c.Outputs, c.Tolerance)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	if ran == 0 {
		t.Error("no case was chosen")
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		t.Logf("not run: %d cases of %s, which the compiler does not know", unknown[name], name)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		reasons := missing[name]
		slices.Sort(reasons)
		t.Logf("no fast kernel in %d cases of %s: %s", len(reasons), name, strings.Join(slices.Compact(reasons), "; "))
	}
}

// runsAll reports whether the last device has every operator, so that no node may be without a kernel.
func (s *Setup) runsAll() bool { return s.Devices[len(s.Devices)-1].Info().Name == "reference" }

// Known reports whether the compiler has every operator that the importer makes of the case's one. A case that does not parse is tried.
func (c *Case) Known() bool {
	g, _, err := onnx.Parse(c.Model, onnx.Options{})
	if err != nil {
		return true
	}
	return !slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool {
		_, ok := op.Lookup(n.Domain, n.Op)
		return !ok
	})
}

func (s *Setup) close() {
	for _, d := range s.Devices {
		d.Close()
	}
}

// QualifiedOp is the operator with its domain in front where that is not ai.onnx.
func (c *Case) QualifiedOp() string {
	if c.Domain == "" {
		return c.Op
	}
	return c.Domain + "." + c.Op
}

// Compute compiles and runs the case. slow says why a step ran on the fallback.
func (s *Setup) Compute(c *Case) (outputs []*tensor.Tensor, slow string, err error) {
	model, err := compiler.Load(c.Model, compiler.Options{Devices: s.Devices, Evaluator: s.Evaluator, Observe: c.observe})
	if err != nil {
		return nil, "", fmt.Errorf("load: %w", err)
	}
	defer model.Close()
	shapes := make([][]int64, len(c.Inputs))
	for i, x := range c.Inputs {
		shapes[i] = x.Shape
	}
	p, err := model.Specialize(shapes)
	if err != nil {
		return nil, "", fmt.Errorf("specialize: %w", err)
	}
	defer p.Close()
	runner, err := compiler.NewRunner(p)
	if err != nil {
		return nil, "", err
	}
	defer runner.Close()
	outputs, err = runner.Run(c.Inputs)
	return outputs, slowReason(p), err
}

func slowReason(p *program.Program) string {
	var reasons []string
	for _, step := range p.Steps {
		if step.Slow != "" {
			reasons = append(reasons, step.Op+": "+step.Slow)
		}
	}
	return strings.Join(reasons, ", ")
}
