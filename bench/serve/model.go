package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protowire"
)

// addSubName is the smallest model that is still one: two inputs, their sum and their difference.
const addSubName = "add_sub"

// addSub returns its ONNX file: float32 [1,16].
func addSub() []byte {
	var graph []byte
	graph = field(graph, 1, node("Add", "SUM"))
	graph = field(graph, 1, node("Sub", "DIFFERENCE"))
	graph = field(graph, 2, []byte(addSubName))
	for _, name := range []string{"A", "B"} {
		graph = field(graph, 11, valueInfo(name))
	}
	for _, name := range []string{"SUM", "DIFFERENCE"} {
		graph = field(graph, 12, valueInfo(name))
	}
	model := field(number(nil, 1, 8), 7, graph)
	return field(model, 8, number(nil, 2, 17))
}

func field(to []byte, tag protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, tag, protowire.BytesType), content)
}

func number(to []byte, tag protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, tag, protowire.VarintType), value)
}

func node(operator, output string) []byte {
	n := field(field(nil, 1, []byte("A")), 1, []byte("B"))
	return field(field(n, 2, []byte(output)), 4, []byte(operator))
}

func valueInfo(name string) []byte {
	shape := field(field(nil, 1, number(nil, 1, 1)), 1, number(nil, 1, 16))
	tensor := field(number(nil, 1, 1), 2, shape)
	return field(field(nil, 1, []byte(name)), 2, field(nil, 1, tensor))
}

// layOut writes a model folder: add_sub, and copies of the named cases (folders with a model.onnx).
func layOut(folder, cases string, names ...string) error {
	for _, name := range names {
		content := addSub()
		if name != addSubName {
			var err error
			if content, err = os.ReadFile(filepath.Join(cases, name, "model.onnx")); err != nil {
				return err
			}
		}
		if err := replace(modelFile(folder, name), content); err != nil {
			return err
		}
	}
	return nil
}

func modelFile(folder, name string) string { return filepath.Join(folder, name, "1", "model.onnx") }

// replace puts a model file in place as a deployment does: written aside, then renamed.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	aside := filepath.Join(filepath.Dir(filepath.Dir(path)), ".new")
	if err := os.WriteFile(aside, content, 0o644); err != nil {
		return err
	}
	return os.Rename(aside, path)
}

// tensorHeader is an input of a request or of the model's metadata.
type tensorHeader struct {
	Name       string           `json:"name"`
	Datatype   string           `json:"datatype"`
	Shape      []int64          `json:"shape"`
	Parameters map[string]int64 `json:"parameters,omitempty"`
}

// payload is a request's body.
type payload struct {
	headerLength int
	body         []byte
}

// newPayload makes a binary request for the model from its metadata. Unknown dimensions take the given sizes in turn. Integers are 1, which is a
// valid token, mask and type in language models.
func newPayload(metadata []byte, sizes ...int64) (payload, error) {
	var model struct{ Inputs []tensorHeader }
	if err := json.Unmarshal(metadata, &model); err != nil {
		return payload{}, err
	}
	var data []byte
	for i := range model.Inputs {
		in := &model.Inputs[i]
		elements, unknown := int64(1), 0
		for axis, size := range in.Shape {
			if size < 0 {
				if unknown == len(sizes) {
					return payload{}, fmt.Errorf("input %s has shape %v, and %d sizes are given", in.Name, in.Shape, len(sizes))
				}
				in.Shape[axis] = sizes[unknown]
				unknown++
			}
			elements *= in.Shape[axis]
		}
		start := len(data)
		for e := range elements {
			switch in.Datatype {
			case "FP32":
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(math.Sin(float64(e)))))
			case "INT64":
				data = binary.LittleEndian.AppendUint64(data, 1)
			default:
				return payload{}, fmt.Errorf("input %s is %s, want FP32 or INT64", in.Name, in.Datatype)
			}
		}
		in.Parameters = map[string]int64{"binary_data_size": int64(len(data) - start)}
	}
	header, err := json.Marshal(map[string]any{"inputs": model.Inputs, "parameters": map[string]bool{"binary_data_output": true}})
	if err != nil {
		return payload{}, err
	}
	return payload{len(header), append(header, data...)}, nil
}
