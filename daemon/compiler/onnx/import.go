package onnx

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// importer builds a graph from a modelProto.
type importer struct {
	graph     *graph.Graph
	functions map[functionKey]*functionProto
	external  *externalData
	maxNodes  int
	nodes     int // seen so far, functions' included
	inlined   int64
	subgraphs map[string]string
}

// scope is where the names of a graph or of one function call mean something.
type scope struct {
	values     map[string]*graph.Value
	defined    map[string]bool
	prefix     string
	depth      int
	opsets     map[string]int
	attributes map[string]any // of the function call
}

func importGraph(model *modelProto, options Options, external *externalData) (*graph.Graph, error) {
	im := &importer{
		graph:     &graph.Graph{Name: model.graph.name},
		external:  external,
		maxNodes:  options.MaxNodes,
		subgraphs: make(map[string]string),
	}
	if im.maxNodes == 0 {
		im.maxNodes = DefaultMaxNodes
	}
	if err := im.addFunctions(model.functions); err != nil {
		return nil, err
	}
	s := &scope{values: make(map[string]*graph.Value), defined: make(map[string]bool), opsets: model.metadata.Opsets}
	if err := im.addInputs(&model.graph, s); err != nil {
		return nil, err
	}
	if err := im.addNodes(model.graph.nodes, s); err != nil {
		return nil, err
	}
	if err := im.addOutputs(&model.graph, s); err != nil {
		return nil, err
	}
	if err := im.rejectSubgraphs(); err != nil {
		return nil, err
	}
	if err := im.graph.Sort(); err != nil {
		return nil, err
	}
	return im.graph, im.graph.Verify()
}

// addInputs declares initialisers and inputs. An input that is also an initialiser is a constant: its default.
func (im *importer) addInputs(g *graphProto, s *scope) error {
	for _, proto := range g.initializers {
		if proto.name == "" || s.defined[proto.name] {
			return fmt.Errorf("initializer %q has no name or one that is taken", proto.name)
		}
		t, err := proto.decode(im.external)
		if err != nil {
			return err
		}
		s.defined[proto.name] = true
		s.values[proto.name] = graph.NewConstant(proto.name, t)
	}
	var declared []valueInfo
	for _, info := range g.inputs {
		if !s.defined[info.name] {
			declared = append(declared, info)
		}
	}
	inputs, err := declareInputs(declared)
	if err != nil {
		return err
	}
	for _, v := range inputs {
		if v.Name == "" || s.defined[v.Name] {
			return fmt.Errorf("input %q has no name or is declared twice", v.Name)
		}
		s.defined[v.Name] = true
		s.values[v.Name] = v
	}
	im.graph.Inputs = inputs
	return nil
}

func (im *importer) addOutputs(g *graphProto, s *scope) error {
	if len(g.outputs) == 0 {
		return fmt.Errorf("the graph has no outputs")
	}
	seen := make(map[string]bool, len(g.outputs))
	for _, info := range g.outputs {
		if !s.defined[info.name] {
			return fmt.Errorf("output %q is neither an input, an initializer nor the output of a node", info.name)
		}
		if seen[info.name] {
			return fmt.Errorf("output %q is declared twice", info.name)
		}
		seen[info.name] = true
		im.graph.Outputs = append(im.graph.Outputs, s.values[info.name])
		im.graph.OutputNames = append(im.graph.OutputNames, info.name)
	}
	return nil
}

// addNodes declares the outputs of all nodes, then links the nodes: files need not list them in order.
func (im *importer) addNodes(nodes []nodeProto, s *scope) error {
	for i := range nodes {
		n := &nodes[i]
		if im.nodes++; im.nodes > im.maxNodes {
			return fmt.Errorf("%s: more than %d nodes after inlining functions", describe(n), im.maxNodes)
		}
		for _, name := range n.outputs {
			if name == "" {
				continue
			}
			if s.defined[name] {
				return fmt.Errorf("%s: output %q is already defined", describe(n), name)
			}
			s.defined[name] = true
			if s.values[name] == nil { // the outputs of a function are declared by its caller
				s.values[name] = &graph.Value{Name: s.prefix + name}
			}
		}
		if n.domain == graph.DomainONNX && n.op == "Constant" {
			if err := im.addConstant(n, s); err != nil {
				return fmt.Errorf("%s: %w", describe(n), err)
			}
		}
	}
	for i := range nodes {
		n := &nodes[i]
		if n.domain == graph.DomainONNX && n.op == "Constant" {
			continue
		}
		if err := im.link(n, s); err != nil {
			return fmt.Errorf("%s: %w", describe(n), err)
		}
	}
	return nil
}

func describe(n *nodeProto) string {
	return fmt.Sprintf("node %q (%s) at byte %d", n.name, n.op, n.offset)
}

// link makes the graph node of a NodeProto, or inlines the function that it calls.
func (im *importer) link(n *nodeProto, s *scope) error {
	attributes, err := im.attributes(n.attributes, s)
	if err != nil {
		return err
	}
	inputs, err := s.lookup(n.inputs)
	if err != nil {
		return err
	}
	outputs, err := s.lookup(n.outputs)
	if err != nil {
		return err
	}
	if function, ok := im.functions[functionKey{n.domain, n.op, n.overload}]; ok {
		return im.inline(n, function, s, inputs, outputs, attributes)
	}
	version, ok := s.opsets[n.domain]
	if !ok {
		return fmt.Errorf("the model does not import the operator set %q", n.domain)
	}
	node := &graph.Node{Name: s.prefix + n.name, Domain: n.domain, Op: n.op, Version: version,
		Attributes: attributes, Inputs: inputs, Outputs: outputs}
	if n.name == "" {
		node.Name = im.unnamed(node)
	}
	carries, err := im.noteSubgraphs(node)
	if carries || err != nil {
		return err
	}
	return im.rewrite(node)
}

// unnamed makes a name from the first output.
func (im *importer) unnamed(n *graph.Node) string {
	for _, v := range n.Outputs {
		if v != nil {
			return v.Name
		}
	}
	return fmt.Sprintf("%s_%d", n.Op, im.nodes)
}

// lookup resolves names; the empty name is an absent optional value.
func (s *scope) lookup(names []string) ([]*graph.Value, error) {
	values := make([]*graph.Value, len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		if !s.defined[name] {
			return nil, fmt.Errorf("input %d (%q) is neither an input, an initializer nor the output of a node", i, name)
		}
		values[i] = s.values[name]
	}
	for len(values) > 0 && values[len(values)-1] == nil {
		values = values[:len(values)-1]
	}
	return values, nil
}

// emit appends a finished node.
func (im *importer) emit(n *graph.Node) error {
	for i, v := range n.Outputs {
		if v == nil {
			continue
		}
		if v.Producer != nil || v.Constant != nil {
			return fmt.Errorf("%v: output %d (%q) has another producer", n, i, v.Name)
		}
		v.Producer = n
	}
	im.graph.Nodes = append(im.graph.Nodes, n)
	return nil
}

// attributes decodes tensors and replaces references to the enclosing function's attributes.
func (im *importer) attributes(list []attributeProto, s *scope) (graph.Attributes, error) {
	attributes := make(graph.Attributes, len(list))
	for _, a := range list {
		if _, ok := attributes[a.name]; ok || a.name == "" {
			return nil, fmt.Errorf("attribute %q has no name or is given twice", a.name)
		}
		value := a.value
		if a.ref != "" {
			var ok bool
			if value, ok = s.attributes[a.ref]; !ok {
				continue // the caller left it out: the operator's default holds
			}
		}
		if proto, ok := value.(*tensorProto); ok {
			t, err := proto.decode(im.external)
			if err != nil {
				return nil, fmt.Errorf("attribute %q: %w", a.name, err)
			}
			if err := im.countInlined(s, t); err != nil {
				return nil, fmt.Errorf("attribute %q: %w", a.name, err)
			}
			value = t
		}
		attributes[a.name] = value
	}
	return attributes, nil
}

// addConstant turns a Constant node into a constant value.
func (im *importer) addConstant(n *nodeProto, s *scope) error {
	attributes, err := im.attributes(n.attributes, s)
	if err != nil {
		return err
	}
	if len(n.outputs) != 1 || n.outputs[0] == "" || len(n.inputs) != 0 || len(attributes) != 1 {
		return fmt.Errorf("%d inputs, %d outputs and %d values, want 0, 1 and 1", len(n.inputs), len(n.outputs), len(attributes))
	}
	for name, value := range attributes {
		t, err := constantTensor(name, value)
		if err != nil {
			return err
		}
		if err := im.countInlined(s, t); err != nil {
			return err
		}
		v := s.values[n.outputs[0]]
		*v = *graph.NewConstant(v.Name, t)
	}
	return nil
}

func constantTensor(name string, value any) (*tensor.Tensor, error) {
	switch value := value.(type) {
	case *tensor.Tensor:
		return value, nil
	case float32:
		return tensor.FromSlice([]float32{value}), nil
	case []float32:
		return tensor.FromSlice(value, int64(len(value))), nil
	case int64:
		return tensor.FromSlice([]int64{value}), nil
	case []int64:
		return tensor.FromSlice(value, int64(len(value))), nil
	case string:
		return tensor.FromStrings([]string{value}), nil
	case []string:
		return tensor.FromStrings(value, int64(len(value))), nil
	case unsupported:
		return nil, fmt.Errorf("attribute %q: a %s is not supported", name, value.kind)
	}
	return nil, fmt.Errorf("attribute %q has no usable value", name)
}

// noteSubgraphs remembers a node that carries graphs and reports whether it does. It fails on other attributes that a graph cannot hold.
func (im *importer) noteSubgraphs(n *graph.Node) (bool, error) {
	found := false
	for name, value := range n.Attributes {
		kind, ok := value.(unsupported)
		switch {
		case !ok:
		case kind.kind != kindGraph:
			return false, fmt.Errorf("attribute %q: a %s is not supported", name, kind.kind)
		default:
			found = true
			if _, seen := im.subgraphs[n.QualifiedOp()]; !seen {
				im.subgraphs[n.QualifiedOp()] = n.Name
			}
		}
	}
	return found, nil
}

func (im *importer) rejectSubgraphs() error {
	if len(im.subgraphs) == 0 {
		return nil
	}
	var list []string
	for _, op := range slices.Sorted(maps.Keys(im.subgraphs)) {
		list = append(list, fmt.Sprintf("%s (node %q)", op, im.subgraphs[op]))
	}
	return fmt.Errorf("operators with subgraphs are not supported yet: %s", strings.Join(list, ", "))
}
