package oip

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

func floats(list ...float32) (data []byte) {
	for _, x := range list {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}

func TestAppendResponse(t *testing.T) {
	texts := []string{"a\"b", "", "\x01\xffé"}
	outputs := []Output{
		{Name: "f", DType: tensor.Float32, Shape: []int64{1, 2}, Data: floats(1.5, -0.1)},
		{Name: "s", DType: tensor.String, Shape: []int64{3}, Data: tensor.StringRecords(texts), Binary: true},
		{Name: "t", DType: tensor.String, Shape: []int64{3}, Data: tensor.StringRecords(texts)},
		{Name: "e", DType: tensor.Int64, Shape: []int64{0}},
		{Name: "i", DType: tensor.Int8, Shape: []int64{}, Data: []byte{0xff}, Binary: true},
	}
	body, header := AppendResponse([]byte("before"), "m", "3", []byte("id\n"), outputs)
	want := `{"id":"id\u000a","model_name":"m","model_version":"3","outputs":[` +
		`{"name":"f","datatype":"FP32","shape":[1,2],"data":[1.5,-0.1]},` +
		`{"name":"s","datatype":"BYTES","shape":[3],"parameters":{"binary_data_size":19}},` +
		`{"name":"t","datatype":"BYTES","shape":[3],"data":["a\"b","","\u0001` + "\uFFFDé" + `"]},` +
		`{"name":"e","datatype":"INT64","shape":[0],"data":[]},` +
		`{"name":"i","datatype":"INT8","shape":[],"parameters":{"binary_data_size":1}}]}`
	if header != len(want) {
		t.Errorf("header length %d, want %d", header, len(want))
	}
	if got := string(body); got != "before"+want+"\x03\x00\x00\x00a\"b\x00\x00\x00\x00\x04\x00\x00\x00\x01\xffé\xff" {
		t.Errorf("got  %q", got)
	}
	if !json.Valid(body[6 : 6+header]) {
		t.Error("no valid JSON")
	}
}

// TestEmptyBinaryOutputs: where no binary output has a byte there is no header length, but the size stays.
func TestEmptyBinaryOutputs(t *testing.T) {
	body, header := AppendResponse(nil, "m", "1", nil, []Output{{Name: "e", DType: tensor.Float32, Shape: []int64{0, 4}, Binary: true}})
	if header != -1 || string(body) != `{"model_name":"m","model_version":"1","outputs":[{"name":"e","datatype":"FP32","shape":[0,4],"parameters":{"binary_data_size":0}}]}` {
		t.Errorf("%d %s", header, body)
	}
}

func TestElementsOfEveryType(t *testing.T) {
	ones := []byte{255, 255, 255, 255, 255, 255, 255, 255}
	for d, want := range map[tensor.DType]string{
		tensor.Bool: "[true]", tensor.Uint8: "[255]", tensor.Int8: "[-1]", tensor.Uint16: "[65535]", tensor.Int16: "[-1]", tensor.Uint32: "[4294967295]",
		tensor.Int32: "[-1]", tensor.Uint64: "[18446744073709551615]", tensor.Int64: "[-1]", tensor.Float32: "[NaN]", tensor.Float64: "[NaN]",
	} {
		body, _ := AppendResponse(nil, "m", "1", nil, []Output{{Name: "x", DType: d, Shape: []int64{1}, Data: ones[:d.Size()]}})
		if !strings.Contains(string(body), `"data":`+want) || !HasJSONForm(d) {
			t.Errorf("%v: %s, want %s", d, body, want)
		}
	}
	if HasJSONForm(tensor.Float16) || HasJSONForm(tensor.BFloat16) {
		t.Error("16-bit floats have a JSON form")
	}
}

// TestPythonReadsFloats: NaN, infinities and extremes survive Python's json module.
func TestPythonReadsFloats(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to read the response")
	}
	data := floats(float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, math.SmallestNonzeroFloat32, 1e21, 0.1)
	body, _ := AppendResponse(nil, "m", "1", nil, []Output{{Name: "x", DType: tensor.Float32, Shape: []int64{7}, Data: data}})
	check := exec.Command(python, "-c", `import json, sys, struct
got = json.load(sys.stdin)["outputs"][0]["data"]
assert got[0] != got[0] and got[1] == float("inf") and got[2] == float("-inf"), got
want = struct.pack("<4f", 3.4028234663852886e38, 1e-45, 1e21, 0.1)
assert struct.pack("<4f", *got[3:]) == want, got`)
	check.Stdin = strings.NewReader(string(body))
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAppendError(t *testing.T) {
	body := AppendError(nil, "line\n\"quoted\" \\ \xff é \x00")
	var decoded struct{ Error string }
	if err := json.Unmarshal(body, &decoded); err != nil || decoded.Error != "line\n\"quoted\" \\ \uFFFD é \x00" {
		t.Errorf("%s: %q %v", body, decoded.Error, err)
	}
}
