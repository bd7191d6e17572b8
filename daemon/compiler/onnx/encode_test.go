package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The following write ONNX messages for tests; a message is the concatenation of its fields.

func varintField(number int, value int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(number), protowire.VarintType), uint64(value))
}

func bytesField[T ~string | ~[]byte](number int, parts ...T) []byte {
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

func texts(number int, list []string) (data []byte) {
	for _, text := range list {
		data = append(data, bytesField(number, text)...)
	}
	return data
}

// nodeField is a NodeProto in a graph.
func nodeField(op string, in, out []string, attributes ...[]byte) []byte {
	return bytesField(1, texts(1, in), texts(2, out), bytesField(4, op), joined(attributes...))
}

func intAttribute(name string, value int64) []byte {
	return bytesField(5, bytesField(1, name), varintField(3, value), varintField(20, kindInt))
}

func floatAttribute(name string, value float32) []byte {
	bits := protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(value))
	return bytesField(5, bytesField(1, name), bits, varintField(20, kindFloat))
}

func intsAttribute(name string, values ...int64) []byte {
	var packed []byte
	for _, value := range values {
		packed = protowire.AppendVarint(packed, uint64(value))
	}
	return bytesField(5, bytesField(1, name), bytesField(8, packed), varintField(20, kindInts))
}

func floatsAttribute(name string, values ...float32) []byte {
	var packed []byte
	for _, value := range values {
		packed = protowire.AppendFixed32(packed, math.Float32bits(value))
	}
	return bytesField(5, bytesField(1, name), bytesField(7, packed), varintField(20, kindFloats))
}

func textAttribute(name, value string) []byte {
	return bytesField(5, bytesField(1, name), bytesField(4, value), varintField(20, kindString))
}

func refAttribute(name, ref string) []byte {
	return bytesField(5, bytesField(1, name), bytesField(21, ref), varintField(20, kindInt))
}

func graphAttribute(name string) []byte {
	return bytesField(5, bytesField(1, name), bytesField(6, ""), varintField(20, 5))
}

// valueField is a ValueInfoProto of a tensor in field number of a graph. A dimension is a size, a name or nil.
func valueField(number int, name string, dtype int64, dims ...any) []byte {
	var shape []byte
	for _, dim := range dims {
		switch dim := dim.(type) {
		case int:
			shape = append(shape, bytesField(1, varintField(1, int64(dim)))...)
		case string:
			shape = append(shape, bytesField(1, bytesField(2, dim))...)
		default:
			shape = append(shape, bytesField(1, "")...)
		}
	}
	tensorType := bytesField(1, varintField(1, dtype), bytesField(2, shape))
	return bytesField(number, bytesField(1, name), bytesField(2, tensorType))
}

func input(name string, dims ...any) []byte { return valueField(11, name, 1, dims...) }
func output(name string) []byte             { return valueField(12, name, 1) }
func initializer(proto []byte) []byte       { return bytesField(5, proto) }
func graphField(parts ...[]byte) []byte     { return bytesField(7, parts...) }
func opset(domain string, v int64) []byte   { return opsetField(8, domain, v) }
func opsetField(n int, d string, v int64) []byte {
	return bytesField(n, bytesField(1, d), varintField(2, v))
}

// modelOf is a model of operator set 17 around the parts of its graph.
func modelOf(parts ...[]byte) []byte {
	return joined(varintField(1, 8), bytesField(2, "test"), opset("", 17), graphField(parts...))
}
