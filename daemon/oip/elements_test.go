package oip

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// decodeData decodes a request with one JSON input.
func decodeData(t *testing.T, datatype string, elements int, data string) *Input {
	t.Helper()
	var r Request
	body := input(`"datatype":"` + datatype + `","shape":[` + strconv.Itoa(elements) + `],"data":` + data)
	if err := r.Decode([]byte(body), -1); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return &r.Inputs[0]
}

func TestCopyJSON(t *testing.T) {
	f32 := func(list ...float32) (out []byte) {
		for _, x := range list {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
		return out
	}
	f64 := func(list ...float64) (out []byte) {
		for _, x := range list {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
		}
		return out
	}
	cases := []struct {
		datatype string
		elements int
		data     string
		want     []byte
		err      string
	}{
		{"FP32", 4, "[1,2,3,4]", f32(1, 2, 3, 4), ""},
		{"FP32", 4, "[[1,2],[3,4]]", f32(1, 2, 3, 4), ""},
		{"FP32", 4, "[[[1],[2,3]],4]", f32(1, 2, 3, 4), ""},
		{"FP32", 1, "7", f32(7), ""},
		{"FP32", 0, "[]", nil, ""},
		{"FP32", 4, "[1,2,3]", nil, "has 3 elements, its shape [4] announces 4"},
		{"FP32", 2, "[1,2,3]", nil, "has 3 elements, its shape [2] announces 2"},
		{"FP32", 1, "[1e38]", f32(1e38), ""},
		{"FP32", 1, "[1e39]", nil, "element 0 is 1e39, which is no FP32"},
		{"FP32", 1, "[1e999999999999]", nil, "which is no FP32"},
		{"FP32", 1, "[1e-999999999999]", f32(0), ""},
		{"FP32", 1, "[16777217.000000001]", f32(16777218), ""}, // rounded once, not to a double first
		{"FP32", 1, "[true]", nil, "element 0 is true, which is no FP32"},
		{"FP32", 1, `["1"]`, nil, `element 0 is "1", which is no FP32`},
		{"FP32", 1, "[1.2.3]", nil, "which is no FP32"},
		{"FP32", 1, "[1-]", nil, "which is no FP32"},
		{"FP32", 1, "[null]", nil, "'data' contains a JSON null"},
		{"FP32", 1, "[{}]", nil, "'data' contains a JSON object"},
		{"FP64", 2, "[0.1,9007199254740993]", f64(0.1, 9007199254740992), ""},
		{"FP64", 1, "[7.2057594037927933e+16]", f64(7.2057594037927933e+16), ""},
		{"FP64", 1, "[2.2250738585072011e-308]", f64(2.2250738585072011e-308), ""},
		{"FP64", 1, "[1e309]", nil, "which is no FP64"},
		{"BOOL", 4, "[true,false,1,0]", []byte{1, 0, 1, 0}, ""},
		{"BOOL", 1, "[2]", nil, "which is no BOOL"},
		{"BOOL", 1, `["true"]`, nil, "which is no BOOL"},
		{"UINT8", 2, "[0,255]", []byte{0, 255}, ""},
		{"UINT8", 1, "[256]", nil, "which is no UINT8"},
		{"UINT8", 1, "[-1]", nil, "which is no UINT8"},
		{"INT8", 2, "[-128,127]", []byte{0x80, 0x7f}, ""},
		{"INT8", 1, "[128]", nil, "which is no INT8"},
		{"INT8", 1, "[-129]", nil, "which is no INT8"},
		{"UINT16", 1, "[65535]", []byte{0xff, 0xff}, ""},
		{"UINT16", 1, "[65536]", nil, "which is no UINT16"},
		{"INT16", 1, "[-32768]", []byte{0, 0x80}, ""},
		{"INT16", 1, "[32768]", nil, "which is no INT16"},
		{"UINT32", 1, "[4294967295]", []byte{255, 255, 255, 255}, ""},
		{"UINT32", 1, "[4294967296]", nil, "which is no UINT32"},
		{"INT32", 1, "[-2147483648]", []byte{0, 0, 0, 0x80}, ""},
		{"INT32", 1, "[2147483648]", nil, "which is no INT32"},
		{"UINT64", 1, "[18446744073709551615]", bytes.Repeat([]byte{255}, 8), ""},
		{"UINT64", 1, "[18446744073709551616]", nil, "which is no UINT64"},
		{"INT64", 1, "[-9223372036854775808]", []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, ""},
		{"INT64", 1, "[9223372036854775808]", nil, "which is no INT64"},
		{"INT64", 1, "[1.0]", nil, "which is no INT64"},
		{"INT64", 1, "[1e3]", nil, "which is no INT64"},
		{"FP16", 1, "[1]", nil, "FP16 has no JSON form"},
		{"BF16", 1, "[1]", nil, "BF16 has no JSON form"},
	}
	for _, c := range cases {
		in := decodeData(t, c.datatype, c.elements, c.data)
		staging := make([]byte, int64(c.elements)*in.DType.Size())
		err := in.Copy(staging)
		switch {
		case c.err == "" && (err != nil || !bytes.Equal(staging, c.want)):
			t.Errorf("%s %s: % x, error %v, want % x", c.datatype, c.data, staging, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s %s: error %v, want %q", c.datatype, c.data, err, c.err)
		}
	}
}

func TestCopyBinary(t *testing.T) {
	in := Input{Name: []byte("x"), DType: tensor.Float16, Shape: []int64{2}, Binary: []byte("abcd")}
	staging := make([]byte, 4)
	if err := in.Copy(staging); err != nil || string(staging) != "abcd" {
		t.Errorf("%q %v", staging, err)
	}
	in.Binary = []byte("abc")
	if err := in.Copy(staging); err == nil || !strings.Contains(err.Error(), "has 3 bytes, its type FP16 and shape [2] announce 4") {
		t.Error(err)
	}
	in = Input{Name: []byte("x"), DType: tensor.Bool, Shape: []int64{3}, Binary: []byte{0, 1, 2}}
	if err := in.Copy(staging[:3]); err == nil || !strings.Contains(err.Error(), "element 2 is the byte 2") {
		t.Error(err)
	}
}

// copyStrings decodes the elements as a handler does.
func copyStrings(in *Input) ([]string, error) {
	size, err := in.StringBytes()
	if err != nil {
		return nil, err
	}
	records, text := make([]string, in.Elements()), make([]byte, size)
	return records, in.CopyStrings(records, text)
}

func TestCopyStrings(t *testing.T) {
	const framed = "\x02\x00\x00\x00ab\x00\x00\x00\x00\x03\x00\x00\x00\xff\x00c"
	cases := []struct {
		json, binary string
		elements     int
		want, err    string
	}{
		{"", framed, 3, "ab,,\xff\x00c", ""},
		{"", "", 0, "", ""},
		{"", framed, 2, "", "has 3 elements, its shape [2] announces 2"},
		{"", framed, 4, "", "has 3 elements, its shape [4] announces 4"},
		{"", framed[:3], 1, "", "element 0: 3 bytes are left, want a length of 4 bytes"},
		{"", framed[:5], 1, "", "element 0 has length 2, but 1 bytes are left"},
		{"", "\xff\xff\xff\xffa", 1, "", "element 0 has length 4294967295, but 1 bytes are left"},
		{`["ab","","\u00e9\n"]`, "", 3, "ab,,é\n", ""},
		{`[["a"],["b"]]`, "", 2, "a,b", ""},
		{`["a",1]`, "", 2, "", "'data' contains 1, want strings"},
		{`["a"]`, "", 2, "", "has 1 elements, its shape [2] announces 2"},
	}
	for _, c := range cases {
		in := &Input{Name: []byte("x"), DType: tensor.String, Shape: []int64{int64(c.elements)}, Binary: []byte(c.binary)}
		if c.json != "" {
			in = decodeData(t, "BYTES", c.elements, c.json)
		}
		got, err := copyStrings(in)
		switch {
		case c.err == "" && (err != nil || strings.Join(got, ",") != c.want):
			t.Errorf("%q%q: %q, error %v, want %q", c.json, c.binary, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q%q: error %v, want %q", c.json, c.binary, err, c.err)
		}
	}
}
