package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/inferd/inferd/daemon/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxRank bounds the rank of tensors and declared shapes; real models stay below ten.
const maxRank = 32

// tensorProto is a TensorProto whose elements are still encoded.
type tensorProto struct {
	name     string
	offset   int
	dtype    tensor.DType
	dims     []int64
	raw      *message
	typed    []field // fields float_data, int32_data, ..., in file order
	location int64   // 1 for external data
	external map[string]string
}

// ParseTensor decodes a TensorProto, as in the files input_0.pb of a model's test data. The tensor may share memory with data.
func ParseTensor(data []byte) (*tensor.Tensor, string, error) {
	proto, err := parseTensorProto(message{data: data})
	if err != nil {
		return nil, "", err
	}
	t, err := proto.decode(nil)
	return t, proto.name, err
}

func parseTensorProto(m message) (tensorProto, error) {
	t := tensorProto{offset: m.offset}
	err := m.each(func(f field) (err error) {
		var number int64
		switch f.number {
		case 1:
			if t.dims, err = f.varints(t.dims, "tensor dims"); len(t.dims) > maxRank {
				return fmt.Errorf("byte %d: a tensor of rank %d or more; at most %d is supported", f.offset, len(t.dims), maxRank)
			}
		case 2:
			number, err = f.integer("tensor data_type")
			t.dtype = tensor.DType(number)
			if number != int64(t.dtype) {
				t.dtype = -1
			}
		case 3:
			return fmt.Errorf("byte %d: segmented tensors are not supported", f.offset)
		case 4, 5, 6, 7, 10, 11:
			t.typed = append(t.typed, f)
		case 8:
			t.name, err = f.name("tensor name")
		case 9:
			var raw message
			raw, err = f.message("tensor raw_data")
			t.raw = &raw
		case 13:
			err = t.parseExternal(f)
		case 14:
			t.location, err = f.integer("tensor data_location")
		}
		return err
	})
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.name, err)
	}
	return t, nil
}

func (t *tensorProto) parseExternal(f field) error {
	m, err := f.message("tensor external_data")
	if err != nil {
		return err
	}
	key, value, err := parseEntry(m)
	if t.external == nil {
		t.external = make(map[string]string)
	}
	t.external[key] = value
	return err
}

// parseEntry decodes a StringStringEntryProto.
func parseEntry(m message) (key, value string, err error) {
	err = m.each(func(f field) (err error) {
		switch f.number {
		case 1:
			key, err = f.text("entry key")
		case 2:
			value, err = f.text("entry value")
		}
		return err
	})
	return key, value, err
}

// decode returns the tensor with its elements.
func (t tensorProto) decode(external *externalData) (*tensor.Tensor, error) {
	out, err := t.elements(external)
	if err != nil {
		return nil, fmt.Errorf("tensor %q at byte %d: %w", t.name, t.offset, err)
	}
	return out, nil
}

func (t tensorProto) elements(external *externalData) (*tensor.Tensor, error) {
	if !t.dtype.Valid() {
		return nil, fmt.Errorf("element type %s is not supported", tensor.TypeName(int64(t.dtype)))
	}
	size, err := tensor.ByteSize(t.dtype, t.dims)
	if err != nil {
		return nil, err
	}
	out := &tensor.Tensor{DType: t.dtype, Shape: append([]int64{}, t.dims...)}
	switch {
	case t.location == 1:
		if t.dtype == tensor.String {
			return nil, fmt.Errorf("string tensors cannot be external")
		}
		if external == nil {
			return nil, fmt.Errorf("external data is not allowed here")
		}
		out.Data, err = external.read(t.external, size)
	case t.location != 0:
		err = fmt.Errorf("data_location %d is unknown", t.location)
	case t.raw != nil && len(t.typed) > 0:
		err = fmt.Errorf("both raw and typed data are given")
	case t.raw != nil && t.dtype == tensor.String:
		err = fmt.Errorf("string tensors cannot have raw data")
	case t.raw != nil:
		if int64(len(t.raw.data)) != size {
			return nil, fmt.Errorf("%d bytes of raw data for %v, want %d", len(t.raw.data), out, size)
		}
		out.Data = aligned(t.raw.data, t.dtype)
	default:
		err = t.decodeTyped(out)
	}
	if err != nil {
		return nil, err
	}
	if t.dtype == tensor.Bool {
		out.Data = normalBools(out.Data)
	}
	return out, nil
}

// aligned returns data, or a copy of it where its address does not suit the element type.
func aligned(data []byte, dtype tensor.DType) []byte {
	if len(data) == 0 {
		return []byte{}
	}
	alignment := uintptr(min(dtype.Size(), 8))
	if uintptr(unsafe.Pointer(&data[0]))%alignment == 0 {
		return data
	}
	copied := tensor.New(tensor.Uint8, int64(len(data))).Data
	copy(copied, data)
	return copied
}

// normalBools returns data where every true is 1: Go and C may assume so.
func normalBools(data []byte) []byte {
	for i, x := range data {
		if x > 1 {
			copied := append([]byte{}, data...)
			for j := i; j < len(copied); j++ {
				copied[j] = min(copied[j], 1)
			}
			return copied
		}
	}
	return data
}

// typedField is the number of the field that holds elements of a type.
func typedField(dtype tensor.DType) protowire.Number {
	switch dtype {
	case tensor.Float32, tensor.Complex64:
		return 4
	case tensor.String:
		return 6
	case tensor.Int64:
		return 7
	case tensor.Float64, tensor.Complex128:
		return 10
	case tensor.Uint32, tensor.Uint64:
		return 11
	}
	return 5
}

// decodeTyped fills out from the typed fields.
func (t tensorProto) decodeTyped(out *tensor.Tensor) (err error) {
	number := typedField(t.dtype)
	var integers []int64
	var words []uint32
	var longs []uint64
	var texts []string
	for _, f := range t.typed {
		if f.number != number {
			return fmt.Errorf("byte %d: %v elements in field %d, want %d", f.offset, t.dtype, f.number, number)
		}
		switch number {
		case 4:
			words, err = f.fixed32s(words, "float_data")
		case 10:
			longs, err = f.fixed64s(longs, "double_data")
		case 6:
			var text []byte
			text, err = f.bytes("string_data")
			texts = append(texts, string(text))
		default:
			integers, err = f.varints(integers, "integer data")
		}
		if err != nil {
			return err
		}
	}
	count := int64(len(integers) + len(words) + len(longs) + len(texts))
	want := out.Elements()
	if t.dtype == tensor.Complex64 || t.dtype == tensor.Complex128 {
		want *= 2
	}
	if count != want {
		return fmt.Errorf("%d elements for %v, want %d", count, out, want)
	}
	if t.dtype == tensor.String {
		out.Strings = texts
		return nil
	}
	out.Data = tensor.New(t.dtype, out.Shape...).Data
	for i, bits := range words {
		binary.LittleEndian.PutUint32(out.Data[4*i:], bits)
	}
	for i, bits := range longs {
		binary.LittleEndian.PutUint64(out.Data[8*i:], bits)
	}
	return putIntegers(out, integers)
}

// putIntegers stores integers in the width of the element type.
func putIntegers(out *tensor.Tensor, values []int64) error {
	low, high := integerRange(out.DType)
	size := out.DType.Size()
	for i, x := range values {
		if x < low || x > high {
			return fmt.Errorf("element %d is %d, outside the range of %v", i, x, out.DType)
		}
		at := out.Data[int64(i)*size:]
		switch size {
		case 1:
			at[0] = byte(x)
		case 2:
			binary.LittleEndian.PutUint16(at, uint16(x))
		case 4:
			binary.LittleEndian.PutUint32(at, uint32(x))
		case 8:
			binary.LittleEndian.PutUint64(at, uint64(x))
		}
	}
	return nil
}

// integerRange bounds the integers that encode a type. Unsigned 64-bit ones arrive as their two's complement.
func integerRange(dtype tensor.DType) (low, high int64) {
	switch dtype {
	case tensor.Bool, tensor.Uint8:
		return 0, math.MaxUint8
	case tensor.Int8:
		return math.MinInt8, math.MaxInt8
	case tensor.Int16:
		return math.MinInt16, math.MaxInt16
	case tensor.Uint16, tensor.Float16, tensor.BFloat16:
		return 0, math.MaxUint16
	case tensor.Int32:
		return math.MinInt32, math.MaxInt32
	case tensor.Uint32:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}

// AppendTensor appends the TensorProto encoding of a tensor.
func AppendTensor(dst []byte, name string, t *tensor.Tensor) []byte {
	for _, dim := range t.Shape {
		dst = protowire.AppendTag(dst, 1, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(dim))
	}
	dst = protowire.AppendTag(dst, 2, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(t.DType))
	for _, text := range t.Strings {
		dst = protowire.AppendTag(dst, 6, protowire.BytesType)
		dst = protowire.AppendString(dst, text)
	}
	dst = protowire.AppendTag(dst, 8, protowire.BytesType)
	dst = protowire.AppendString(dst, name)
	if t.DType != tensor.String {
		dst = protowire.AppendTag(dst, 9, protowire.BytesType)
		dst = protowire.AppendBytes(dst, t.Data)
	}
	return dst
}
