package onnx

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// maxFunctionDepth bounds calls within calls; a recursive function never ends.
const maxFunctionDepth = 32

// maxPrefix bounds the path of calls in the names of inlined nodes; beyond it only the number of the call tells them apart.
const maxPrefix = 256

// maxInlined bounds the bytes of tables in functions, counted at each call: every call has its own copy.
const maxInlined = 256 << 20

type functionKey struct{ domain, name, overload string }

func (im *importer) addFunctions(list []functionProto) error {
	im.functions = make(map[functionKey]*functionProto, len(list))
	for i := range list {
		f := &list[i]
		key := functionKey{f.domain, f.name, f.overload}
		if _, ok := im.functions[key]; ok || f.name == "" {
			return fmt.Errorf("function %q of domain %q has no name or is defined twice", f.name, f.domain)
		}
		if err := checkOpsets(f.opsets); err != nil {
			return fmt.Errorf("function %q: %w", f.name, err)
		}
		im.functions[key] = f
	}
	return nil
}

// inline adds the nodes of a function in place of the call.
func (im *importer) inline(call *nodeProto, f *functionProto, s *scope, inputs, outputs []*graph.Value, given graph.Attributes) error {
	if s.depth == maxFunctionDepth {
		return fmt.Errorf("functions call each other more than %d deep", maxFunctionDepth)
	}
	if len(inputs) > len(f.inputs) || len(outputs) > len(f.outputs) {
		return fmt.Errorf("%d inputs and %d outputs for a function of %d and %d", len(inputs), len(outputs), len(f.inputs), len(f.outputs))
	}
	attributes, err := im.attributes(f.defaults, &scope{})
	if err != nil {
		return err
	}
	for name, value := range given {
		attributes[name] = value
	}
	inner := &scope{
		values:     make(map[string]*graph.Value),
		defined:    make(map[string]bool),
		prefix:     im.callPrefix(s, call),
		depth:      s.depth + 1,
		opsets:     f.opsets,
		attributes: attributes,
	}
	for i, name := range f.inputs {
		if inner.defined[name] {
			return fmt.Errorf("function %q: input %q is declared twice", f.name, name)
		}
		inner.defined[name] = true // a left-out optional input is defined, and absent
		if i < len(inputs) {
			inner.values[name] = inputs[i]
		}
	}
	passed, err := inner.declareOutputs(f, outputs)
	if err != nil {
		return err
	}
	if err := im.addNodes(f.nodes, inner); err != nil {
		return fmt.Errorf("function %q: %w", f.name, err)
	}
	for i, out := range outputs {
		if out != nil && !inner.defined[f.outputs[i]] {
			return fmt.Errorf("function %q: no node produces output %q", f.name, f.outputs[i])
		}
	}
	for i, out := range passed {
		if err := im.forward(call, f, i, out, inner); err != nil {
			return err
		}
	}
	return nil
}

// callPrefix names a call, for the nodes that it adds.
func (im *importer) callPrefix(s *scope, call *nodeProto) string {
	if prefix := fmt.Sprintf("%s%s#%d/", s.prefix, call.name, im.nodes); len(prefix) <= maxPrefix {
		return prefix
	}
	return fmt.Sprintf("#%d/", im.nodes)
}

// countInlined counts the bytes of a table that a function's node holds.
func (im *importer) countInlined(s *scope, t *tensor.Tensor) error {
	if s.depth == 0 {
		return nil
	}
	size, err := tensor.ByteSize(t.DType, t.Shape)
	if err != nil {
		return err
	}
	if im.inlined += size; im.inlined > maxInlined {
		return fmt.Errorf("the tables of functions take more than %d bytes after inlining", maxInlined)
	}
	return nil
}

// declareOutputs makes the caller's values the ones that the function's nodes produce. It returns those that cannot be: outputs that are
// also inputs, or that are listed twice.
func (s *scope) declareOutputs(f *functionProto, outputs []*graph.Value) (map[int]*graph.Value, error) {
	passed := make(map[int]*graph.Value)
	for i, out := range outputs {
		if out == nil {
			continue
		}
		if name := f.outputs[i]; s.values[name] == nil && !s.defined[name] {
			s.values[name] = out
		} else {
			passed[i] = out
		}
	}
	return passed, nil
}

// forward connects output i of a call through an Identity node.
func (im *importer) forward(call *nodeProto, f *functionProto, i int, out *graph.Value, inner *scope) error {
	source := inner.values[f.outputs[i]]
	if source == nil {
		return fmt.Errorf("function %q: output %q has no value in this call", f.name, f.outputs[i])
	}
	return im.emit(&graph.Node{Name: inner.prefix + f.outputs[i], Op: "Identity", Version: maxONNXOpset,
		Attributes: graph.Attributes{}, Inputs: []*graph.Value{source}, Outputs: []*graph.Value{out}})
}
