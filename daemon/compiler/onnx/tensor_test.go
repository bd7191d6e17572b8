package onnx

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/daemon/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

func sampleTensors() map[string]*tensor.Tensor {
	return map[string]*tensor.Tensor{
		"float32":  tensor.FromSlice([]float32{1, -2.5, 3}, 3),
		"float64":  tensor.FromSlice([]float64{1, -2.5}, 1, 2),
		"int8":     tensor.FromSlice([]int8{-128, 127}, 2),
		"int64":    tensor.FromSlice([]int64{-1, 1 << 62}, 2),
		"uint64":   tensor.FromSlice([]uint64{1 << 63, 7}, 2),
		"bool":     tensor.FromSlice([]bool{true, false, true}, 3),
		"scalar":   tensor.FromSlice([]int32{42}),
		"empty":    tensor.New(tensor.Float32, 0, 4),
		"strings":  tensor.FromStrings([]string{"a", "", "ü\xff"}, 3),
		"float16":  {DType: tensor.Float16, Shape: []int64{2}, Data: []byte{0, 0x3c, 0, 0xc0}},
		"bfloat16": {DType: tensor.BFloat16, Shape: []int64{1}, Data: []byte{0x80, 0x3f}},
	}
}

func TestTensorRoundTrip(t *testing.T) {
	for name, want := range sampleTensors() {
		got, gotName, err := ParseTensor(AppendTensor(nil, name, want))
		if err != nil || gotName != name {
			t.Errorf("%s: name %q, %v", name, gotName, err)
			continue
		}
		if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) ||
			!slices.Equal(got.Strings, want.Strings) {
			t.Errorf("%s: got %v %v %v, want %v %v %v", name, got, got.Data, got.Strings, want, want.Data, want.Strings)
		}
	}
}

func TestTensorTypedFields(t *testing.T) {
	packed := func(values ...int64) (data []byte) {
		for _, value := range values {
			data = protowire.AppendVarint(data, uint64(value))
		}
		return data
	}
	floats := protowire.AppendFixed32(protowire.AppendFixed32(nil, 0x3f800000), 0xc0000000)
	doubles := protowire.AppendFixed64(nil, 0x3ff0000000000000)
	for name, test := range map[string]struct {
		proto []byte
		want  *tensor.Tensor
	}{
		"float_data":           {joined(varintField(1, 2), varintField(2, 1), bytesField(4, floats)), tensor.FromSlice([]float32{1, -2}, 2)},
		"double_data":          {joined(varintField(1, 1), varintField(2, 11), bytesField(10, doubles)), tensor.FromSlice([]float64{1}, 1)},
		"int32_data of int8":   {joined(varintField(1, 2), varintField(2, 3), bytesField(5, packed(-3, 4))), tensor.FromSlice([]int8{-3, 4}, 2)},
		"int32_data of uint16": {joined(varintField(1, 1), varintField(2, 4), varintField(5, 65535)), tensor.FromSlice([]uint16{65535}, 1)},
		"int32_data of bool":   {joined(varintField(1, 2), varintField(2, 9), bytesField(5, packed(1, 0))), tensor.FromSlice([]bool{true, false}, 2)},
		"int64_data unpacked":  {joined(varintField(1, 2), varintField(2, 7), varintField(7, 5), varintField(7, -5)), tensor.FromSlice([]int64{5, -5}, 2)},
		"uint64_data":          {joined(varintField(1, 1), varintField(2, 13), varintField(11, -1)), tensor.FromSlice([]uint64{1<<64 - 1}, 1)},
		"uint64_data of uint32": {joined(varintField(1, 1), varintField(2, 12), varintField(11, 1<<32-1)),
			tensor.FromSlice([]uint32{1<<32 - 1}, 1)},
		"int32_data of float16": {joined(varintField(1, 1), varintField(2, 10), varintField(5, 0x3c00)),
			&tensor.Tensor{DType: tensor.Float16, Shape: []int64{1}, Data: []byte{0, 0x3c}}},
		"raw bools other than 1": {joined(varintField(1, 2), varintField(2, 9), bytesField(9, []byte{0, 7})), tensor.FromSlice([]bool{false, true}, 2)},
	} {
		got, _, err := ParseTensor(test.proto)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, test.want)
		}
	}
}

func TestTensorErrors(t *testing.T) {
	many := joined(bytes.Repeat(varintField(1, 1), maxRank+1), varintField(2, 1))
	for name, test := range map[string]struct {
		proto []byte
		want  string
	}{
		"truncated":         {AppendTensor(nil, "x", tensor.New(tensor.Float32, 8))[:20], "truncated"},
		"no type":           {varintField(1, 1), "element type 0 is not supported"},
		"float8":            {varintField(2, 17), "element type 17 (float8e4m3fn) is not supported"},
		"huge type":         {varintField(2, 1<<40), "element type -1 is not supported"},
		"negative dim":      {joined(varintField(1, -1), varintField(2, 1)), "negative dimension"},
		"overflow":          {joined(varintField(1, 1<<40), varintField(1, 1<<40), varintField(2, 1)), "64 bits"},
		"overflowing bytes": {joined(varintField(1, 1<<61), varintField(2, 7)), "64 bits"},
		"rank":              {many, "rank"},
		"no elements":       {joined(varintField(1, 1<<40), varintField(2, 1)), "0 elements for float32[1099511627776]"},
		"short raw":         {joined(varintField(1, 3), varintField(2, 1), bytesField(9, "12345678")), "8 bytes of raw data for float32[3], want 12"},
		"raw string":        {joined(varintField(2, 8), bytesField(9, "x")), "string tensors cannot have raw data"},
		"both":              {joined(varintField(1, 1), varintField(2, 7), varintField(7, 1), bytesField(9, "12345678")), "both raw and typed"},
		"wrong field":       {joined(varintField(1, 1), varintField(2, 1), varintField(7, 1)), "field 7, want 4"},
		"out of range":      {joined(varintField(1, 1), varintField(2, 2), varintField(5, 256)), "element 0 is 256"},
		"odd floats":        {joined(varintField(1, 1), varintField(2, 1), bytesField(4, "123")), "no multiple of 4"},
		"external":          {joined(varintField(2, 1), varintField(14, 1)), "external data is not allowed"},
		"location":          {joined(varintField(2, 1), varintField(14, 9)), "data_location 9"},
		"wire type":         {bytesField(2, "1"), "wire type 2, want 0"},
		"group":             {[]byte{0x0b}, "malformed"},
		"name":              {bytesField(8, "\xff"), "not UTF-8"},
	} {
		if _, _, err := ParseTensor(test.proto); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

// TestTensorSharesMemory checks that aligned raw data is used where it lies, and other data is copied.
func TestTensorSharesMemory(t *testing.T) {
	proto := AppendTensor(nil, "", tensor.FromSlice([]int64{1, 2, 3, 4}, 4))
	buffer := tensor.New(tensor.Uint8, int64(len(proto)+16)).Data
	shared := 0
	for shift := range 8 {
		data := append(buffer[shift:shift], proto...)
		got, _, err := ParseTensor(data)
		if err != nil {
			t.Fatal(err)
		}
		if uintptr(unsafe.Pointer(&got.Data[0]))%8 != 0 {
			t.Errorf("shift %d: the elements are not aligned", shift)
		}
		if &got.Data[0] == &data[len(data)-32] {
			shared++
		}
		if !slices.Equal(tensor.Slice[int64](got), []int64{1, 2, 3, 4}) {
			t.Errorf("shift %d: got %v", shift, tensor.Slice[int64](got))
		}
	}
	if shared != 1 {
		t.Errorf("%d of 8 shifts share memory, want the aligned one", shared)
	}
}

func FuzzParseTensor(f *testing.F) {
	for name, sample := range sampleTensors() {
		f.Add(AppendTensor(nil, name, sample))
	}
	f.Add(joined(varintField(1, 2), varintField(2, 3), varintField(5, -3), varintField(5, 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, name, err := ParseTensor(data)
		if err != nil {
			return
		}
		again, _, err := ParseTensor(AppendTensor(nil, name, parsed))
		if err != nil || again.DType != parsed.DType || !slices.Equal(again.Shape, parsed.Shape) || !bytes.Equal(again.Data, parsed.Data) {
			t.Errorf("%v written and read is %v, %v", parsed, again, err)
		}
	})
}
