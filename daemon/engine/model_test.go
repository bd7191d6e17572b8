package engine

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// scaleModel returns an ONNX file with y = factor * x and z = x - x for float32 [batch, 16].
func scaleModel(factor float32) []byte {
	var graph []byte
	graph = message(graph, 1, node("Mul", []string{"x", "factor"}, "y"))
	graph = message(graph, 1, node("Sub", []string{"x", "x"}, "z"))
	graph = text(graph, 2, "scale")
	var constant []byte
	constant = protowire.AppendTag(constant, 2, protowire.VarintType) // data_type: float32
	constant = protowire.AppendVarint(constant, 1)
	constant = text(constant, 8, "factor")
	constant = message(constant, 9, binary.LittleEndian.AppendUint32(nil, math.Float32bits(factor)))
	graph = message(graph, 5, constant)
	graph = message(graph, 11, value("x"))
	graph = message(graph, 12, value("y"))
	graph = message(graph, 12, value("z"))
	model := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 8)
	model = message(model, 7, graph)
	opset := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 17)
	return message(model, 8, opset)
}

func message(to []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), content)
}

func text(to []byte, number protowire.Number, content string) []byte {
	return message(to, number, []byte(content))
}

func node(operator string, inputs []string, output string) []byte {
	var n []byte
	for _, input := range inputs {
		n = text(n, 1, input)
	}
	return text(text(n, 2, output), 4, operator)
}

// value describes a float32 [batch, 16].
func value(name string) []byte {
	batch := text(nil, 2, "batch")
	width := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 16)
	shape := message(message(nil, 1, batch), 1, width)
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	tensor = message(tensor, 2, shape)
	return message(text(nil, 1, name), 2, message(nil, 1, tensor))
}

// writeModel replaces a model file as a deployment does.
func writeModel(t testing.TB, root, name string, data []byte) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
