package httpserver

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/inferd/inferd/daemon/tensor"
)

// port is an input or output: its dimensions, 0 where it is up to the request.
type port struct {
	name  string
	dtype tensor.DType
	dims  []uint64
}

// operator is a node with one output.
type operator struct {
	name, output string
	inputs       []string
}

// model returns an ONNX file. weights are float32 zeros by name.
func model(inputs, outputs []port, weights []port, operators ...operator) []byte {
	var graph []byte
	for _, o := range operators {
		var node []byte
		for _, input := range o.inputs {
			node = text(node, 1, input)
		}
		graph = message(graph, 1, text(text(node, 2, o.output), 4, o.name))
	}
	graph = text(graph, 2, "test")
	for _, w := range weights {
		constant, size := varint(nil, 2, uint64(w.dtype)), uint64(4)
		for _, dim := range w.dims {
			constant, size = varint(constant, 1, dim), size*dim
		}
		graph = message(graph, 5, message(text(constant, 8, w.name), 9, make([]byte, size)))
	}
	for _, p := range inputs {
		graph = message(graph, 11, p.encode())
	}
	for _, p := range outputs {
		graph = message(graph, 12, p.encode())
	}
	return message(message(varint(nil, 1, 8), 7, graph), 8, varint(nil, 2, 17))
}

func (p port) encode() []byte {
	var shape []byte
	for _, dim := range p.dims {
		if dim == 0 {
			shape = message(shape, 1, text(nil, 2, "batch"))
		} else {
			shape = message(shape, 1, varint(nil, 1, dim))
		}
	}
	return message(text(nil, 1, p.name), 2, message(nil, 1, message(varint(nil, 1, uint64(p.dtype)), 2, shape)))
}

func message(to []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, field, protowire.BytesType), content)
}

func text(to []byte, field protowire.Number, content string) []byte {
	return message(to, field, []byte(content))
}

func varint(to []byte, field protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), value)
}

// writeModels lays the test's models out in a folder.
func writeModels(t testing.TB, root string) {
	t.Helper()
	row := []uint64{0, 16}
	x, y := port{"x", tensor.Float32, row}, port{"y", tensor.Float32, row}
	write(t, root, "add_sub/1/model.onnx", model([]port{x, y}, []port{{"sum", tensor.Float32, row}, {"difference", tensor.Float32, row}}, nil,
		operator{"Add", "sum", []string{"x", "y"}}, operator{"Sub", "difference", []string{"x", "y"}}))
	write(t, root, "double/1/model.onnx", model([]port{x}, []port{y}, nil, operator{"Add", "y", []string{"x", "x"}}))
	write(t, root, "text/1/model.onnx", model([]port{{"s", tensor.String, []uint64{0}}}, []port{{"t", tensor.String, []uint64{0}}}, nil,
		operator{"Identity", "t", []string{"s"}}))
}

// writeHeavy adds a model for which start's change asks.
func writeHeavy(t testing.TB, root string) {
	t.Helper()
	// Up to a second on one core: long enough to hang up, to drain and to be overloaded meanwhile.
	large := []uint64{512, 1024}
	heavy := []operator{{"MatMul", "h0", []string{"x", "w"}}}
	for i := range 29 {
		heavy = append(heavy, operator{"MatMul", string(rune('A' + i)), []string{heavy[i].output, "w"}})
	}
	last := heavy[len(heavy)-1].output
	write(t, root, "heavy/1/model.onnx", model([]port{{"x", tensor.Float32, large}}, []port{{last, tensor.Float32, large}},
		[]port{{"w", tensor.Float32, []uint64{1024, 1024}}}, heavy...))
}

func write(t testing.TB, root, name string, data []byte) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
