package onnx

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// valueInfo is a declared input or output.
type valueInfo struct {
	name   string
	kind   string // tensor, or what else it is
	dtype  tensor.DType
	ranked bool
	dims   []declaredDim
}

// declaredDim is a dimension as the file declares it: a positive size, a name, or neither.
type declaredDim struct {
	size  int64
	param string
}

var typeKinds = map[int]string{1: "tensor", 4: "sequence", 5: "map", 7: "opaque value", 8: "sparse tensor", 9: "optional value"}

func parseValueInfo(m message) (valueInfo, error) {
	v := valueInfo{kind: "value without a type"}
	err := m.each(func(f field) (err error) {
		var sub message
		switch f.number {
		case 1:
			v.name, err = f.name("value name")
		case 2:
			if sub, err = f.message("value type"); err == nil {
				err = v.parseType(sub)
			}
		}
		return err
	})
	if err != nil {
		return v, fmt.Errorf("value %q: %w", v.name, err)
	}
	return v, nil
}

func (v *valueInfo) parseType(m message) error {
	return m.each(func(f field) error {
		kind, ok := typeKinds[int(f.number)]
		if !ok {
			return nil
		}
		v.kind = kind
		if f.number != 1 {
			return nil
		}
		sub, err := f.message("tensor type")
		if err != nil {
			return err
		}
		return sub.each(func(f field) (err error) {
			switch f.number {
			case 1:
				var number int64
				number, err = f.integer("elem_type")
				if v.dtype = tensor.DType(number); int64(v.dtype) != number || !v.dtype.Valid() {
					return fmt.Errorf("byte %d: element type %s is not supported", f.offset, tensor.TypeName(number))
				}
			case 2:
				if sub, err = f.message("shape"); err == nil {
					v.ranked = true
					err = v.parseShape(sub)
				}
			}
			return err
		})
	})
}

func (v *valueInfo) parseShape(m message) error {
	return m.each(func(f field) error {
		if f.number != 1 {
			return nil
		}
		sub, err := f.message("dimension")
		if err != nil {
			return err
		}
		if len(v.dims) == maxRank {
			return fmt.Errorf("byte %d: rank is above %d", f.offset, maxRank)
		}
		var dim declaredDim
		err = sub.each(func(f field) (err error) {
			switch f.number {
			case 1:
				dim.size, err = f.integer("dim_value")
			case 2:
				dim.param, err = f.text("dim_param")
			}
			return err
		})
		v.dims = append(v.dims, dim)
		return err
	})
}

// maxSymbol bounds the length of a dimension's name: expressions repeat it.
const maxSymbol = 256

// declareInputs makes the graph's inputs. Where no input names its axis 0 they share one symbol: converters of classical models leave
// the number of rows unnamed (0 or absent), and it is the same for all columns.
func declareInputs(declared []valueInfo) ([]*graph.Value, error) {
	rows := sharedRows(declared)
	var inputs []*graph.Value
	for i, d := range declared {
		if d.kind != "tensor" {
			return nil, fmt.Errorf("input %q is a %s; only tensors are supported", d.name, d.kind)
		}
		if d.dtype == tensor.Undefined {
			return nil, fmt.Errorf("input %q has no element type", d.name)
		}
		v := &graph.Value{Name: d.name, DType: d.dtype, Ranked: d.ranked}
		owner := symbolName(d.name)
		if len(owner) > maxSymbol {
			owner = fmt.Sprintf("{input %d}", i)
		}
		for axis, dim := range d.dims {
			switch {
			case dim.size > 0:
				v.Shape = append(v.Shape, graph.Int(dim.size))
			case len(dim.param) > maxSymbol:
				return nil, fmt.Errorf("input %q: the name of dimension %d has %d bytes; at most %d are supported", d.name, axis, len(dim.param), maxSymbol)
			case dim.param != "":
				v.Shape = append(v.Shape, graph.Symbol(symbolName(dim.param)))
			case axis == 0 && rows != "":
				v.Shape = append(v.Shape, graph.Symbol(rows))
			default: // also negative sizes, which some writers use for unknown
				v.Shape = append(v.Shape, graph.Symbol(fmt.Sprintf("%s.%d", owner, axis)))
			}
		}
		inputs = append(inputs, v)
	}
	return inputs, nil
}

// sharedRows returns the symbol for axis 0 of all inputs, or nothing where one of them names or fixes it.
func sharedRows(declared []valueInfo) string {
	name := "batch"
	taken := make(map[string]bool)
	for _, d := range declared {
		if len(d.dims) == 0 || d.dims[0].size > 0 || d.dims[0].param != "" {
			return ""
		}
		for _, dim := range d.dims {
			taken[dim.param] = true
		}
	}
	for taken[name] {
		name += "_"
	}
	return name
}

// symbolName keeps a name that cannot be mistaken for an expression over dimensions, and puts any other in braces.
func symbolName(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for _, c := range []byte(name) {
		plain = plain && (c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if plain && !graph.IsFreshSymbol(name) {
		return name
	}
	return "{" + name + "}"
}
