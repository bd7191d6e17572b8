package oip

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// decoderCases are bodies of which each may follow each.
var decoderCases = []struct {
	header, binary string
	whole          bool // JSON alone
}{
	{header: `{"id":"a","inputs":[{"name":"x","datatype":"UINT8","shape":[4],"parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}`, binary: "abcd"},
	{header: `{"id":"a","inputs":[{"name":"x","datatype":"UINT8","shape":[4],"parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}`, binary: "wxyz"},
	{header: `{"id":"b","inputs":[{"name":"x","datatype":"UINT8","shape":[4],"parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}`, binary: "abcd"},
	{header: `{"id":"a","inputs":[{"name":"x","datatype":"UINT8","shape":[4],"parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}`, binary: "abc"},
	{header: `{"id":"a","inputs":[{"name":"x","datatype":"UINT8","shape":[4],"parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}`, binary: "abcde"},
	{header: `{"inputs":[{"name":"x","datatype":"UINT8","shape":[1],"data":[7]},{"name":"y","datatype":"UINT8","shape":[1],"parameters":{"binary_data_size":1}}],` +
		`"outputs":[{"name":"z"}]}`, binary: "q"},
	{header: `{"inputs":[{"name":"x","datatype":"UINT8","shape":[0],"parameters":{"binary_data_size":0}}],"parameters":{"timeout":5,"priority":1}}`},
	{header: `{"inputs":[{"name":"x","datatype":"UINT8","shape":[1],"data":[7]}]}`, whole: true},
	{header: `{"inputs":[`, binary: "abcd"},
	{header: ``, binary: "abcd"},
}

// TestDecoderForgetsNothing decodes every body after every other, and twice, with a decoder that is used again and with a fresh request.
func TestDecoderForgetsNothing(t *testing.T) {
	var d Decoder
	decode := func(i int) {
		c := decoderCases[i]
		body, length := []byte(c.header+c.binary), len(c.header)
		if c.whole {
			length = -1
		}
		var fresh Request
		want, got := fresh.Decode(body, length), d.Decode(body, length)
		if (want == nil) != (got == nil) || want != nil && want.Error() != got.Error() {
			t.Fatalf("case %d: error %v, want %v", i, got, want)
		}
		if want == nil {
			compareRequests(t, i, &d.Request, &fresh)
		}
		d.Recycle(len(c.header))
		for _, in := range d.Inputs {
			if in.Binary != nil {
				t.Fatalf("case %d: the body is held after Recycle", i)
			}
		}
	}
	for i := range decoderCases {
		for j := range decoderCases {
			decode(i)
			decode(i)
			decode(j)
			d.SetRaw([]byte("raw"), tensor.Uint8, []int64{1}, []byte{1})
			d.Recycle(0)
			decode(j)
			decode(i)
		}
	}
}

func compareRequests(t *testing.T, i int, got, want *Request) {
	t.Helper()
	if !bytes.Equal(got.ID, want.ID) || got.BinaryOutputs != want.BinaryOutputs || got.Timeout != want.Timeout || got.Priority != want.Priority ||
		len(got.Inputs) != len(want.Inputs) || len(got.Outputs) != len(want.Outputs) {
		t.Fatalf("case %d: %+v, want %+v", i, got, want)
	}
	for k := range want.Inputs {
		a, b := got.Inputs[k], want.Inputs[k]
		if string(a.Name) != string(b.Name) || a.DType != b.DType || !reflect.DeepEqual(a.Shape, b.Shape) || !bytes.Equal(a.Binary, b.Binary) ||
			(a.JSON == nil) != (b.JSON == nil) {
			t.Fatalf("case %d: input %+v, want %+v", i, a, b)
		}
	}
	if len(want.Outputs) > 0 && !reflect.DeepEqual(got.Outputs, want.Outputs) {
		t.Fatalf("case %d: outputs %+v, want %+v", i, got.Outputs, want.Outputs)
	}
}

func TestDecoderAllocatesNothing(t *testing.T) {
	var d Decoder
	body, length := []byte(decoderCases[0].header+decoderCases[0].binary), len(decoderCases[0].header)
	if allocated := testing.AllocsPerRun(100, func() {
		if err := d.Decode(body, length); err != nil {
			t.Fatal(err)
		}
		d.Recycle(length)
	}); allocated != 0 {
		t.Errorf("%g allocations a request", allocated)
	}
}
