package optimize

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// sharedConstantBytes is the size up to which equal constants count as one.
const sharedConstantBytes = 4096

// mergeCommon makes nodes that compute the same thing one node, and small constants of the same elements one constant.
func mergeCommon(s *state) (int, error) {
	m := &merger{values: make(map[*graph.Value]int), constants: make(map[string]*graph.Value), nodes: make(map[string]*graph.Node)}
	replacement := make(map[*graph.Value]*graph.Value)
	for _, n := range s.g.Nodes {
		for i, v := range n.Inputs {
			if v == nil {
				continue
			}
			if kept, ok := replacement[v]; ok {
				n.Inputs[i] = kept
			} else if kept := m.constant(v); kept != v {
				replacement[v] = kept
				n.Inputs[i] = kept
			}
		}
		key, ok := m.key(n)
		if !ok {
			continue
		}
		kept, ok := m.nodes[key]
		if !ok {
			m.nodes[key] = n
			continue
		}
		for i, v := range n.Outputs {
			if v != nil {
				replacement[v] = kept.Outputs[i]
			}
		}
	}
	if len(replacement) == 0 {
		return 0, nil
	}
	s.g.ReplaceAll(replacement)
	s.g.RemoveDead()
	return len(replacement), nil
}

// merger names values and nodes so that equal ones have equal names.
type merger struct {
	values    map[*graph.Value]int
	constants map[string]*graph.Value
	nodes     map[string]*graph.Node
	text      strings.Builder
}

// constant returns the first constant (or value of known content) with the same type and elements.
func (m *merger) constant(v *graph.Value) *graph.Value {
	t := v.Constant
	var key string
	switch {
	case t != nil && t.DType != tensor.String && len(t.Data) > 0 && len(t.Data) <= sharedConstantBytes:
		key = t.String() + string(t.Data)
	case t == nil && v.Producer == nil && v.Content != nil:
		key = fmt.Sprint(v.Type(), v.Content)
	default:
		return v
	}
	kept, ok := m.constants[key]
	if !ok {
		m.constants[key], kept = v, v
	}
	return kept
}

func (m *merger) number(v *graph.Value) int {
	if v == nil {
		return -1
	}
	number, ok := m.values[v]
	if !ok {
		number = len(m.values)
		m.values[v] = number
	}
	return number
}

// key names what the node computes. It reports false for nodes that must stay apart.
func (m *merger) key(n *graph.Node) (string, bool) {
	if slices.Contains(unfoldable, n.Op) || len(n.Outputs) == 0 {
		return "", false
	}
	m.text.Reset()
	m.text.WriteString(n.QualifiedOp())
	m.text.WriteByte(' ')
	m.text.WriteString(strconv.Itoa(n.Version))
	for _, v := range n.Inputs {
		m.text.WriteByte(' ')
		m.text.WriteString(strconv.Itoa(m.number(v)))
	}
	for _, v := range n.Outputs {
		if v == nil {
			m.text.WriteString(" absent")
		} else {
			m.text.WriteString(" present")
		}
	}
	names := make([]string, 0, len(n.Attributes))
	for name := range n.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !m.attribute(name, n.Attributes[name]) {
			return "", false
		}
	}
	return m.text.String(), true
}

// attribute adds an attribute to the key. It reports false where attributes of the kind are not compared.
func (m *merger) attribute(name string, value any) bool {
	m.text.WriteByte(' ')
	m.text.WriteString(name)
	m.text.WriteByte('=')
	switch value := value.(type) {
	case int64:
		m.text.WriteString(strconv.FormatInt(value, 10))
	case float32:
		m.text.WriteString(strconv.FormatUint(uint64(math.Float32bits(value)), 16))
	case string:
		m.text.WriteString(strconv.Quote(value))
	case []int64:
		if len(value) > sharedConstantBytes/8 {
			return false
		}
		for _, x := range value {
			m.text.WriteString(strconv.FormatInt(x, 10))
			m.text.WriteByte(',')
		}
	case *tensor.Tensor:
		if value.DType == tensor.String || len(value.Data) > sharedConstantBytes {
			return false
		}
		m.text.WriteString(strconv.Quote(value.String() + string(value.Data)))
	case op.Chain:
		fmt.Fprintf(&m.text, "%v", value)
	default:
		return false // subgraphs and long lists (trees): never worth merging
	}
	return true
}
