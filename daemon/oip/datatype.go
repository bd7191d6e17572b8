package oip

import "github.com/inferd/inferd/daemon/tensor"

// datatypes are the protocol's names of element types, by tensor.DType.
var datatypes = [...]string{
	tensor.Float32: "FP32", tensor.Uint8: "UINT8", tensor.Int8: "INT8", tensor.Uint16: "UINT16", tensor.Int16: "INT16",
	tensor.Int32: "INT32", tensor.Int64: "INT64", tensor.String: "BYTES", tensor.Bool: "BOOL", tensor.Float16: "FP16",
	tensor.Float64: "FP64", tensor.Uint32: "UINT32", tensor.Uint64: "UINT64", tensor.BFloat16: "BF16",
}

// Datatype returns the protocol's name of the element type; empty where it has none.
func Datatype(d tensor.DType) string {
	if d >= 0 && int(d) < len(datatypes) {
		return datatypes[d]
	}
	return ""
}

// ParseDatatype returns the element type of a protocol name, or tensor.Undefined.
func ParseDatatype(name []byte) tensor.DType {
	for d, known := range datatypes {
		if known != "" && known == string(name) {
			return tensor.DType(d)
		}
	}
	return tensor.Undefined
}
