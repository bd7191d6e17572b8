package oip

import (
	"bytes"
	"errors"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// FuzzDecode: whatever arrives is refused with an *Error or decodes to inputs whose elements can be copied, and what was copied reads the
// same after a way through a response.
func FuzzDecode(f *testing.F) {
	binary := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}],"outputs":[{"name":"y"}]}`
	f.Add([]byte(binary+"12345678"), len(binary))
	strings := `{"id":"1","inputs":[{"name":"s","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":10}}]}`
	f.Add([]byte(strings+"\x02\x00\x00\x00ab\x00\x00\x00\x00"), len(strings))
	f.Add([]byte(`{"parameters":{"timeout":5,"binary_data_output":true},"inputs":[{"name":"x","datatype":"INT64","shape":[2,2],"data":[[1,2],[3,-4]]}]}`), -1)
	f.Add([]byte(`{"inputs":[{"name":"s","datatype":"BYTES","shape":[2],"data":["a","\u00e9\ud83d"]}]}`), -1)
	f.Add([]byte(`{"inputs":[{"name":"b","datatype":"BOOL","shape":[3],"data":[true,0,1]},{"name":"d","datatype":"FP64","shape":[1],"data":[1e-400]}]}`), -1)
	var r Request // reused, as a pool does
	f.Fuzz(func(t *testing.T, body []byte, header int) {
		defer r.Recycle(len(body))
		if err := r.Decode(body, header); err != nil {
			wantRefusal(t, err)
			return
		}
		for i := range r.Inputs {
			in := &r.Inputs[i]
			if in.Elements() > 1<<16 {
				continue // a handler refuses it before there is memory
			}
			output, err := copyInput(in)
			if err != nil {
				wantRefusal(t, err)
				continue
			}
			checkRoundTrip(t, output)
		}
	})
}

func wantRefusal(t *testing.T, err error) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) || refused.Status/100 != 4 && refused.Status != 501 {
		t.Fatalf("error %v is none for a client", err)
	}
}

// copyInput decodes the elements as a handler does.
func copyInput(in *Input) (Output, error) {
	output := Output{Name: string(in.Name), DType: in.DType, Shape: in.Shape, Binary: true}
	if in.DType == tensor.String {
		records, err := copyStrings(in)
		output.Data = tensor.StringRecords(records)
		return output, err
	}
	output.Data = make([]byte, in.Elements()*in.DType.Size())
	return output, in.Copy(output.Data)
}

// checkRoundTrip encodes a tensor in binary and decodes it again.
func checkRoundTrip(t *testing.T, output Output) {
	t.Helper()
	var encoded []byte
	encoded = output.appendBinary(encoded)
	if len(encoded) != output.binarySize() {
		t.Fatalf("%d bytes, announced %d", len(encoded), output.binarySize())
	}
	again, err := copyInput(&Input{Name: []byte(output.Name), DType: output.DType, Shape: output.Shape, Binary: encoded})
	if err != nil || !bytes.Equal(again.appendBinary(nil), encoded) {
		t.Fatalf("%v: %q becomes %q", err, encoded, again.Data)
	}
	if HasJSONForm(output.DType) {
		output.Binary = false
		AppendResponse(nil, "m", "1", nil, []Output{output})
	}
}
