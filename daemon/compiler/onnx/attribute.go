package onnx

import (
	"fmt"
	"math"
)

// rawAttribute collects the fields of an AttributeProto before its kind is known: kind may come last.
type rawAttribute struct {
	attributeProto
	kind    int64
	float   float32
	integer int64
	text    string
	tensor  *tensorProto
	floats  []uint32
	ints    []int64
	texts   []string
	seen    map[int]bool // kinds for which a value was given
}

// Kinds of AttributeProto.AttributeType.
const (
	kindFloat, kindInt, kindString, kindTensor    = 1, 2, 3, 4
	kindFloats, kindInts, kindStrings, kindSparse = 6, 7, 8, 11
)

var attributeKinds = map[int64]string{5: kindGraph, 9: "tensor list", 10: kindGraph, kindSparse: "sparse tensor", 12: "sparse tensor list",
	13: "type", 14: "type list"}

func parseAttribute(m message) (attributeProto, error) {
	a := rawAttribute{seen: make(map[int]bool, 1)}
	err := m.each(a.field)
	if err == nil {
		a.value, err = a.resolve()
	}
	if err != nil {
		return a.attributeProto, fmt.Errorf("attribute %q at byte %d: %w", a.name, m.offset, err)
	}
	return a.attributeProto, nil
}

func (a *rawAttribute) field(f field) (err error) {
	switch f.number {
	case 1:
		a.name, err = f.name("attribute name")
	case 2:
		a.seen[kindFloat] = true
		a.float, err = f.float("attribute f")
	case 3:
		a.seen[kindInt] = true
		a.integer, err = f.integer("attribute i")
	case 4:
		a.seen[kindString] = true
		var data []byte
		data, err = f.bytes("attribute s")
		a.text = string(data)
	case 5:
		a.seen[kindTensor] = true
		var sub message
		if sub, err = f.message("attribute t"); err == nil {
			var t tensorProto
			t, err = parseTensorProto(sub)
			a.tensor = &t
		}
	case 6, 11:
		a.seen[5] = true
	case 7:
		a.seen[kindFloats] = true
		a.floats, err = f.fixed32s(a.floats, "attribute floats")
	case 8:
		a.seen[kindInts] = true
		a.ints, err = f.varints(a.ints, "attribute ints")
	case 9:
		a.seen[kindStrings] = true
		var data []byte
		data, err = f.bytes("attribute strings")
		a.texts = append(a.texts, string(data))
	case 20:
		a.kind, err = f.integer("attribute type")
	case 21:
		a.ref, err = f.name("attribute ref_attr_name")
	case 22, 23:
		a.seen[kindSparse] = true
	}
	return err
}

// resolve returns the Go value. Writers before IR version 2 leave the kind out: then the one field that is present tells.
func (a *rawAttribute) resolve() (any, error) {
	if a.ref != "" {
		return nil, nil
	}
	kind := a.kind
	if kind == 0 {
		if len(a.seen) != 1 {
			return nil, fmt.Errorf("no type and %d values", len(a.seen))
		}
		for only := range a.seen {
			kind = int64(only)
		}
	}
	switch kind {
	case kindFloat:
		return a.float, nil
	case kindInt:
		return a.integer, nil
	case kindString:
		return a.text, nil
	case kindTensor:
		if a.tensor == nil {
			return nil, fmt.Errorf("the tensor is missing")
		}
		return a.tensor, nil
	case kindFloats:
		floats := make([]float32, len(a.floats))
		for i, bits := range a.floats {
			floats[i] = math.Float32frombits(bits)
		}
		return floats, nil
	case kindInts:
		return append([]int64{}, a.ints...), nil
	case kindStrings:
		return append([]string{}, a.texts...), nil
	}
	if name, ok := attributeKinds[kind]; ok {
		return unsupported{name}, nil
	}
	return nil, fmt.Errorf("kind %d is unknown", kind)
}
