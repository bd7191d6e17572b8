package oip

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// members holds the values of an object's members, in the order of the names that find was asked for; nil where they are missing or null.
type members [5]*fastjson.Value

// find finds the members with these names. It refuses a name that appears twice, of which other parsers take the first or the last. where
// names the object in errors. Other members are ignored, as the protocol demands.
func (m *members) find(v *fastjson.Value, where string, names ...string) error {
	object, err := v.Object()
	if err != nil {
		return badRequest("%s is %s, want a JSON object", where, text(v))
	}
	twice, seen := -1, [len(m)]bool{}
	object.Visit(func(key []byte, value *fastjson.Value) {
		at := slices.Index(names, string(key))
		if at < 0 {
			return
		}
		if seen[at] {
			twice = at
		}
		seen[at] = true
		if value.Type() != fastjson.TypeNull {
			m[at] = value
		}
	})
	if twice >= 0 {
		return badRequest("%s has the member '%s' twice", where, names[twice])
	}
	return nil
}

// array returns the elements of a JSON array of bounded length.
func array(v *fastjson.Value, name string) ([]*fastjson.Value, error) {
	if v == nil {
		return nil, badRequest("the request has no '%s'", name)
	}
	list, err := v.Array()
	if err != nil {
		return nil, badRequest("'%s' is a JSON %v, want an array", name, v.Type())
	}
	if len(list) > maxTensors {
		return nil, badRequest("'%s' lists %d tensors, more than %d", name, len(list), maxTensors)
	}
	return list, nil
}

// text shows a JSON value in an error, shortened.
func text(v *fastjson.Value) string {
	if v == nil {
		return "missing"
	}
	if t := v.Type(); t == fastjson.TypeArray || t == fastjson.TypeObject {
		return "a JSON " + t.String()
	}
	shown := v.String()
	if len(shown) > 64 {
		shown = strings.ToValidUTF8(shown[:64], "") + "..."
	}
	return shown
}

// explain shortens an error of the parser, which lists all the values around the wrong one.
func explain(err error) string {
	const prefix = "cannot parse "
	message := err.Error()
	for {
		_, inner, nested := strings.Cut(message, ": ")
		if !nested || !strings.HasPrefix(message, prefix) || !strings.HasPrefix(inner, prefix) {
			return strings.ToValidUTF8(message[:min(len(message), 256)], "")
		}
		message = inner
	}
}
