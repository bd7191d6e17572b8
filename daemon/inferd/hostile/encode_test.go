package hostile

import (
	"math"

	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

// The following write ONNX messages; a message is the concatenation of its fields.

func integer(number int, value int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(number), protowire.VarintType), uint64(value))
}

func field[T ~string | ~[]byte](number int, parts ...T) []byte {
	var data []byte
	for _, part := range parts {
		data = append(data, part...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, protowire.Number(number), protowire.BytesType), data)
}

func joined(parts ...[]byte) (data []byte) {
	for _, part := range parts {
		data = append(data, part...)
	}
	return data
}

// list names values: the inputs or the outputs of a node.
type list []string

// node is a NodeProto in a graph.
func node(operator string, inputs, outputs list, attributes ...[]byte) []byte {
	return field(1, names(1, inputs), names(2, outputs), field(4, operator), joined(attributes...))
}

// in is a node of another domain.
func in(domain string, n []byte) []byte {
	content, _ := protowire.ConsumeBytes(n[1:])
	return field(1, content, field(7, domain))
}

func names(number int, list []string) (data []byte) {
	for _, name := range list {
		data = append(data, field(number, name)...)
	}
	return data
}

func attribute(name string, value any) []byte {
	switch value := value.(type) {
	case int:
		return field(5, field(1, name), integer(3, int64(value)), integer(20, 2))
	case float64:
		bits := protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(float32(value)))
		return field(5, field(1, name), bits, integer(20, 1))
	case string:
		return field(5, field(1, name), field(4, value), integer(20, 3))
	case *tensor.Tensor:
		return field(5, field(1, name), field(5, onnx.AppendTensor(nil, "", value)), integer(20, 4))
	case []float64:
		var packed []byte
		for _, x := range value {
			packed = protowire.AppendFixed32(packed, math.Float32bits(float32(x)))
		}
		return field(5, field(1, name), field(7, packed), integer(20, 6))
	case []int64:
		var packed []byte
		for _, x := range value {
			packed = protowire.AppendVarint(packed, uint64(x))
		}
		return field(5, field(1, name), field(8, packed), integer(20, 7))
	case []string:
		return field(5, field(1, name), names(9, value), integer(20, 8))
	}
	panic("no such attribute")
}

func ints(values ...int64) []int64 { return values }

// declared is a ValueInfoProto of a tensor in field number of a graph. A dimension is a size or a name.
func declared(number int, name string, dtype tensor.DType, dims ...any) []byte {
	var shape []byte
	for _, dim := range dims {
		switch dim := dim.(type) {
		case int:
			shape = append(shape, field(1, integer(1, int64(dim)))...)
		case string:
			shape = append(shape, field(1, field(2, dim))...)
		}
	}
	return field(number, field(1, name), field(2, field(1, integer(1, int64(dtype)), field(2, shape))))
}

func input(name string, dims ...any) []byte   { return declared(11, name, tensor.Float32, dims...) }
func indices(name string, dims ...any) []byte { return declared(11, name, tensor.Int64, dims...) }
func output(name string) []byte               { return field(12, field(1, name)) }

// constant is an initialiser.
func constant(name string, t *tensor.Tensor) []byte { return field(5, onnx.AppendTensor(nil, name, t)) }

func integers(values ...int64) *tensor.Tensor { return tensor.FromSlice(values, int64(len(values))) }

func floats(shape ...int64) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }

func opset(number int, domain string, version int64) []byte {
	return field(number, field(1, domain), integer(2, version))
}

// model is a file around the parts of its graph.
func model(parts ...[]byte) []byte { return modelWith(nil, parts...) }

// modelWith is a file with fields beside the graph, such as functions.
func modelWith(beside []byte, parts ...[]byte) []byte {
	return joined(integer(1, 10), opset(8, "", 20), opset(8, "ai.onnx.ml", 3), opset(8, "local", 1), beside, field(7, parts...))
}

// function is a FunctionProto of the domain local.
func function(name string, inputs, outputs list, nodes ...[]byte) []byte {
	var body []byte
	for _, n := range nodes {
		content, _ := protowire.ConsumeBytes(n[1:])
		body = append(body, field(7, content)...)
	}
	return field(25, field(1, name), names(4, inputs), names(5, outputs), body, field(10, "local"), opset(9, "", 20), opset(9, "local", 1))
}
