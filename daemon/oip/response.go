package oip

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"github.com/inferd/inferd/daemon/tensor"
)

// Output is a tensor of a response. Data holds the elements; for BYTES, records of tensor.StringSize.
type Output struct {
	Name   string
	DType  tensor.DType
	Shape  []int64
	Data   []byte
	Binary bool
}

// AppendResponse appends the response: JSON, then the binary tensors. It returns the length of the JSON, or -1 where no binary tensor has
// a byte, in which case the response is JSON alone.
func AppendResponse(body []byte, model, version string, id []byte, outputs []Output) (_ []byte, headerLength int) {
	start := len(body)
	body = append(body, '{')
	if len(id) > 0 {
		body = append(body, `"id":`...)
		body = AppendString(body, id)
		body = append(body, ',')
	}
	body = append(body, `"model_name":`...)
	body = AppendString(body, model)
	body = append(body, `,"model_version":`...)
	body = AppendString(body, version)
	body = append(body, `,"outputs":[`...)
	binaryBytes := 0
	for i := range outputs {
		if i > 0 {
			body = append(body, ',')
		}
		var size int
		body, size = outputs[i].appendHeader(body)
		binaryBytes += size
	}
	body = append(body, "]}"...)
	headerLength = len(body) - start
	if binaryBytes == 0 {
		return body, -1
	}
	for i := range outputs {
		if outputs[i].Binary {
			body = outputs[i].appendBinary(body)
		}
	}
	return body, headerLength
}

// appendHeader appends the output's JSON and returns the bytes that will follow in binary.
func (o *Output) appendHeader(body []byte) (_ []byte, binaryBytes int) {
	body = append(body, `{"name":`...)
	body = AppendString(body, o.Name)
	body = append(body, `,"datatype":"`...)
	body = append(body, Datatype(o.DType)...)
	body = append(body, `","shape":`...)
	body = appendShape(body, o.Shape)
	if o.Binary {
		binaryBytes = o.binarySize()
		body = append(body, `,"parameters":{"binary_data_size":`...)
		body = strconv.AppendInt(body, int64(binaryBytes), 10)
		return append(body, "}}"...), binaryBytes
	}
	body = append(body, `,"data":[`...)
	body = o.appendElements(body)
	return append(body, "]}"...), 0
}

// strings views the records of a BYTES output.
func (o *Output) strings() []string {
	return unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(o.Data))), len(o.Data)/tensor.StringSize)
}

func (o *Output) binarySize() int {
	if o.DType != tensor.String {
		return len(o.Data)
	}
	size := 0
	for _, element := range o.strings() {
		size += 4 + len(element)
	}
	return size
}

func (o *Output) appendBinary(body []byte) []byte {
	if o.DType != tensor.String {
		return append(body, o.Data...)
	}
	for _, element := range o.strings() {
		body = binary.LittleEndian.AppendUint32(body, uint32(len(element)))
		body = append(body, element...)
	}
	return body
}

// HasJSONForm reports whether tensors of the type can be written as JSON.
func HasJSONForm(d tensor.DType) bool { return d != tensor.Float16 && d != tensor.BFloat16 }

// appendElements appends the elements as a flat JSON array without brackets. NaN and infinities are written as Python's json module reads them.
func (o *Output) appendElements(body []byte) []byte {
	if o.DType == tensor.String {
		for _, element := range o.strings() {
			body = append(AppendString(body, element), ',')
		}
		return trimComma(body)
	}
	size := int(o.DType.Size())
	for data := o.Data; len(data) >= size; data = data[size:] {
		body = append(o.appendElement(body, data), ',')
	}
	return trimComma(body)
}

func trimComma(body []byte) []byte {
	if body[len(body)-1] == ',' {
		return body[:len(body)-1]
	}
	return body
}

func (o *Output) appendElement(body, data []byte) []byte {
	switch o.DType {
	case tensor.Bool:
		return strconv.AppendBool(body, data[0] != 0)
	case tensor.Uint8:
		return strconv.AppendUint(body, uint64(data[0]), 10)
	case tensor.Int8:
		return strconv.AppendInt(body, int64(int8(data[0])), 10)
	case tensor.Uint16:
		return strconv.AppendUint(body, uint64(binary.LittleEndian.Uint16(data)), 10)
	case tensor.Int16:
		return strconv.AppendInt(body, int64(int16(binary.LittleEndian.Uint16(data))), 10)
	case tensor.Uint32:
		return strconv.AppendUint(body, uint64(binary.LittleEndian.Uint32(data)), 10)
	case tensor.Int32:
		return strconv.AppendInt(body, int64(int32(binary.LittleEndian.Uint32(data))), 10)
	case tensor.Uint64:
		return strconv.AppendUint(body, binary.LittleEndian.Uint64(data), 10)
	case tensor.Int64:
		return strconv.AppendInt(body, int64(binary.LittleEndian.Uint64(data)), 10)
	case tensor.Float32:
		return appendFloat(body, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))), 32)
	default:
		return appendFloat(body, math.Float64frombits(binary.LittleEndian.Uint64(data)), 64)
	}
}

func appendFloat(body []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(body, "NaN"...)
	case math.IsInf(x, 1):
		return append(body, "Infinity"...)
	case math.IsInf(x, -1):
		return append(body, "-Infinity"...)
	}
	return strconv.AppendFloat(body, x, 'g', -1, bits)
}
