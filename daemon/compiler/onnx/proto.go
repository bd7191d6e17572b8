package onnx

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// The following mirror the ONNX messages as far as they are used.

type modelProto struct {
	metadata  Metadata
	graph     graphProto
	hasGraph  bool
	functions []functionProto
}

type graphProto struct {
	name            string
	nodes           []nodeProto
	initializers    []tensorProto
	inputs, outputs []valueInfo
}

type nodeProto struct {
	name, domain, op, overload string
	inputs, outputs            []string
	attributes                 []attributeProto
	offset                     int
}

// attributeProto holds a value of a kind that graph.Attributes lists, or unsupported.
type attributeProto struct {
	name  string
	value any
	ref   string // the attribute of the enclosing function whose value is meant
}

// unsupported is the value of an attribute of a kind that the graph cannot hold; harmless until something reads it.
type unsupported struct{ kind string }

const kindGraph = "graph"

type functionProto struct {
	name, domain, overload string
	inputs, outputs        []string
	defaults               []attributeProto
	nodes                  []nodeProto
	opsets                 map[string]int
}

func parseModelProto(m message) (*modelProto, error) {
	model := &modelProto{metadata: Metadata{Opsets: map[string]int{}, Properties: map[string]string{}}}
	info := &model.metadata
	err := m.each(func(f field) (err error) {
		switch f.number {
		case 1:
			info.IRVersion, err = f.integer("ir_version")
		case 2:
			info.ProducerName, err = f.text("producer_name")
		case 3:
			info.ProducerVersion, err = f.text("producer_version")
		case 4:
			info.Domain, err = f.text("domain")
		case 5:
			info.ModelVersion, err = f.integer("model_version")
		case 6:
			info.Description, err = f.text("doc_string")
		case 7:
			var sub message
			if sub, err = f.message("graph"); err == nil {
				model.hasGraph = true
				model.graph, err = parseGraphProto(sub)
			}
		case 8:
			err = parseOpset(f, info.Opsets)
		case 14:
			var sub message
			if sub, err = f.message("metadata_props"); err == nil {
				var key, value string
				key, value, err = parseEntry(sub)
				info.Properties[key] = value
			}
		case 25:
			var sub message
			if sub, err = f.message("function"); err == nil {
				var function functionProto
				function, err = parseFunctionProto(sub)
				model.functions = append(model.functions, function)
			}
		}
		return err
	})
	if err == nil && !model.hasGraph {
		err = fmt.Errorf("the file holds no graph: it is no ONNX model, or truncated")
	}
	return model, err
}

// parseOpset adds an OperatorSetIdProto. Some writers list one domain twice; the higher version holds.
func parseOpset(f field, opsets map[string]int) error {
	m, err := f.message("opset_import")
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	err = m.each(func(f field) (err error) {
		switch f.number {
		case 1:
			domain, err = f.name("opset domain")
		case 2:
			version, err = f.integer("opset version")
		}
		return err
	})
	if err != nil {
		return err
	}
	if version < 1 || version > 1<<16 {
		return fmt.Errorf("byte %d: operator set version %d of domain %q is out of range", f.offset, version, domain)
	}
	domain = canonicalDomain(domain)
	opsets[domain] = max(opsets[domain], int(version))
	return nil
}

func canonicalDomain(domain string) string {
	if domain == "ai.onnx" {
		return graph.DomainONNX
	}
	return domain
}

func parseGraphProto(m message) (g graphProto, err error) {
	err = m.each(func(f field) (err error) {
		sub := message{f.data, f.offset, f.budget}
		switch f.number {
		case 1, 5, 11, 12, 15:
			if sub, err = f.message("graph field"); err != nil {
				return err
			}
		}
		switch f.number {
		case 1:
			var n nodeProto
			n, err = parseNodeProto(sub)
			g.nodes = append(g.nodes, n)
		case 2:
			g.name, err = f.name("graph name")
		case 5:
			var t tensorProto
			t, err = parseTensorProto(sub)
			g.initializers = append(g.initializers, t)
		case 11:
			var v valueInfo
			v, err = parseValueInfo(sub)
			g.inputs = append(g.inputs, v)
		case 12:
			var v valueInfo
			v, err = parseValueInfo(sub)
			g.outputs = append(g.outputs, v)
		case 15:
			err = fmt.Errorf("byte %d: sparse initializers are not supported", f.offset)
		}
		return err
	})
	return g, err
}

func parseNodeProto(m message) (nodeProto, error) {
	n := nodeProto{offset: m.offset}
	err := m.each(func(f field) (err error) {
		var text string
		switch f.number {
		case 1:
			text, err = f.name("node input")
			n.inputs = append(n.inputs, text)
		case 2:
			text, err = f.name("node output")
			n.outputs = append(n.outputs, text)
		case 3:
			n.name, err = f.name("node name")
		case 4:
			n.op, err = f.name("node op_type")
		case 5:
			var sub message
			if sub, err = f.message("node attribute"); err == nil {
				var a attributeProto
				a, err = parseAttribute(sub)
				n.attributes = append(n.attributes, a)
			}
		case 7:
			n.domain, err = f.name("node domain")
			n.domain = canonicalDomain(n.domain)
		case 8:
			n.overload, err = f.name("node overload")
		}
		return err
	})
	if err != nil {
		return n, fmt.Errorf("node %q (%s) at byte %d: %w", n.name, n.op, n.offset, err)
	}
	return n, nil
}

func parseFunctionProto(m message) (functionProto, error) {
	function := functionProto{opsets: map[string]int{}}
	err := m.each(func(f field) (err error) {
		var text string
		sub := message{f.data, f.offset, f.budget}
		switch f.number {
		case 1:
			function.name, err = f.name("function name")
		case 4:
			text, err = f.name("function input")
			function.inputs = append(function.inputs, text)
		case 5:
			text, err = f.name("function output")
			function.outputs = append(function.outputs, text)
		case 7:
			if sub, err = f.message("function node"); err == nil {
				var n nodeProto
				n, err = parseNodeProto(sub)
				function.nodes = append(function.nodes, n)
			}
		case 9:
			err = parseOpset(f, function.opsets)
		case 10:
			function.domain, err = f.name("function domain")
			function.domain = canonicalDomain(function.domain)
		case 11:
			if sub, err = f.message("function attribute"); err == nil {
				var a attributeProto
				a, err = parseAttribute(sub)
				function.defaults = append(function.defaults, a)
			}
		case 13:
			function.overload, err = f.name("function overload")
		}
		return err
	})
	if err != nil {
		return function, fmt.Errorf("function %q: %w", function.name, err)
	}
	return function, nil
}
