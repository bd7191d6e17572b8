package npy

import (
	"bytes"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// numpySaved is what numpy.save wrote for numpy.array([[1, 2, 3]], dtype='<i4').
const numpySaved = "\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3), }" +
	"                                                          \n\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00"

func TestParse(t *testing.T) {
	got, err := Parse([]byte(numpySaved))
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != "int32[1,3]" || tensor.Slice[int32](got)[2] != 3 {
		t.Errorf("got %v %v", got, got.Data)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, want := range []*tensor.Tensor{
		tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3), tensor.FromSlice([]float32{7}), tensor.FromSlice([]bool{true, false}, 2),
		tensor.New(tensor.Int64, 0, 4), tensor.New(tensor.Float16, 2, 2, 2),
	} {
		file, err := Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if (len(file)-len(want.Data))%alignment != 0 {
			t.Errorf("%v: data begins at %d", want, len(file)-len(want.Data))
		}
		got, err := Parse(file)
		if err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		if got.String() != want.String() || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("wrote %v, read %v", want, got)
		}
	}
	if _, err := Append(nil, tensor.FromStrings([]string{"a"}, 1)); err == nil {
		t.Error("strings were written")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(numpySaved))
	f.Add([]byte(magic + "\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		parsed, err := Parse(file)
		if err == nil && parsed.Elements()*parsed.DType.Size() != int64(len(parsed.Data)) {
			t.Errorf("%v has %d bytes", parsed, len(parsed.Data))
		}
	})
}
