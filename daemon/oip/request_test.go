package oip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/tensor"
)

// input wraps an input's JSON into a request.
func input(members string) string { return `{"inputs":[{"name":"x",` + members + `}]}` }

func TestDecodeRefuses(t *testing.T) {
	const none = -1
	cases := []struct {
		name, json, binary string
		header             int // 0: the length of json
		want               string
	}{
		{"empty body", "", "", none, "malformed JSON"},
		{"text", "hello", "", none, "malformed JSON"},
		{"half a number", input(`"datatype":"FP32","shape":[1],"data":[-]`), "", none, "malformed JSON: cannot parse number"},
		{"trailing text", `{"inputs":[]} x`, "", none, "malformed JSON"},
		{"array", "[]", "", none, "the request is a JSON array, want a JSON object"},
		{"number", "1", "", none, "the request is 1, want a JSON object"},
		{"deep", strings.Repeat("[", 400) + strings.Repeat("]", 400), "", none, "depth"},
		{"header beyond the body", `{"inputs":[]}`, "", 14, "Inference-Header-Content-Length is 14, but the body has 13 bytes"},
		{"header too short", `{"inputs":[]}`, "", 5, "malformed JSON"},
		{"no inputs", `{}`, "", none, "the request has no 'inputs'"},
		{"null inputs", `{"inputs":null}`, "", none, "the request has no 'inputs'"},
		{"inputs object", `{"inputs":{}}`, "", none, "'inputs' is a JSON object, want an array"},
		{"input number", `{"inputs":[3]}`, "", none, "an input is 3, want a JSON object"},
		{"inputs twice", `{"inputs":[],"inputs":[]}`, "", none, "the request has the member 'inputs' twice"},
		{"inputs null and given", `{"inputs":null,"inputs":[]}`, "", none, "'inputs' twice"},
		{"escaped twice", `{"inputs":[],"inpu\u0074s":[]}`, "", none, "'inputs' twice"},
		{"too many inputs", `{"inputs":[` + strings.Repeat("{},", 1024) + `{}]}`, "", none, "1025 tensors, more than 1024"},
		{"too many values", `{"x":[` + strings.Repeat("0,", maxJSONValues) + `,0]}`, "", none, "send tensors of this size as binary data"},
		{"id number", `{"id":1,"inputs":[]}`, "", none, "'id' is a JSON number, want a string"},
		{"no name", `{"inputs":[{"datatype":"FP32","shape":[1],"data":[1]}]}`, "", none, "input 0 has no 'name'"},
		{"name number", `{"inputs":[{"name":3,"datatype":"FP32","shape":[1],"data":[1]}]}`, "", none, "input 0 has no 'name'"},
		{"no datatype", input(`"shape":[1],"data":[1]`), "", none, "'datatype' is missing"},
		{"unknown datatype", input(`"datatype":"FP8","shape":[1],"data":[1]`), "", none, `'datatype' is "FP8"`},
		{"complex", input(`"datatype":"","shape":[1],"data":[1]`), "", none, `'datatype' is ""`},
		{"no shape", input(`"datatype":"FP32","data":[1]`), "", none, "'shape' is missing"},
		{"shape number", input(`"datatype":"FP32","shape":1,"data":[1]`), "", none, "'shape' is 1"},
		{"negative dimension", input(`"datatype":"FP32","shape":[-1],"data":[1]`), "", none, "dimension -1"},
		{"fraction", input(`"datatype":"FP32","shape":[1.5],"data":[1]`), "", none, "dimension 1.5"},
		{"text dimension", input(`"datatype":"FP32","shape":["1"],"data":[1]`), "", none, `dimension "1"`},
		{"large dimension", input(`"datatype":"FP32","shape":[9223372036854775808],"data":[1]`), "", none, "dimension 9223372036854775808"},
		{"exponent dimension", input(`"datatype":"FP32","shape":[1e999999999],"data":[1]`), "", none, "dimension 1e999999999"},
		{"overflowing shape", input(`"datatype":"FP32","shape":[4294967296,4294967296],"data":[1]`), "", none, "64 bits"},
		{"overflowing bytes", input(`"datatype":"FP64","shape":[2305843009213693952],"data":[1]`), "", none, "64 bits"},
		{"no data", input(`"datatype":"FP32","shape":[1]`), "", none, "neither 'data' nor the parameter 'binary_data_size'"},
		{"null data", input(`"datatype":"FP32","shape":[1],"data":null`), "", none, "neither 'data' nor"},
		{"data and size", input(`"datatype":"FP32","shape":[1],"data":[1],"parameters":{"binary_data_size":4}`), "abcd", 0, "has both"},
		{"data twice", input(`"datatype":"FP32","shape":[1],"data":[1],"data":[2]`), "", none, "'data' twice"},
		{"size text", input(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":"4"}`), "abcd", 0, `'binary_data_size' is "4"`},
		{"size negative", input(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":-4}`), "abcd", 0, "'binary_data_size' is -4"},
		{"size twice", input(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4,"binary_data_size":0}`), "abcd", 0, "'binary_data_size' twice"},
		{"parameters number", input(`"datatype":"FP32","shape":[1],"parameters":4`), "abcd", 0, "an input's 'parameters' is 4"},
		{"bytes missing", input(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}`), "abc", 0, "only 3 bytes are left"},
		{"bytes missing without header", input(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}`), "", none, "only 0 bytes are left"},
		{"bytes left over", input(`"datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}`), "abcde", 0, "1 bytes of the body are left over"},
		{"bytes left over after JSON", input(`"datatype":"FP32","shape":[1],"data":[1]`), "a", 0, "1 bytes of the body are left over"},
		{"reserved parameter", `{"parameters":{"triton_x":1},"inputs":[]}`, "", none, `"triton_x": names that begin with triton_ are reserved`},
		{"sequence", `{"parameters":{"sequence_id":1},"inputs":[]}`, "", none, "sequences of requests are not supported"},
		{"parameters array", `{"parameters":[],"inputs":[]}`, "", none, "'parameters' is a JSON array"},
		{"binary output text", `{"parameters":{"binary_data_output":"yes"},"inputs":[]}`, "", none, `'binary_data_output' is "yes"`},
		{"timeout negative", `{"parameters":{"timeout":-1},"inputs":[]}`, "", none, "'timeout' is -1"},
		{"timeout huge", `{"parameters":{"timeout":1e300},"inputs":[]}`, "", none, "'timeout' is 1e300"},
		{"timeout beyond 64 bits", `{"parameters":{"timeout":18446744073709551616},"inputs":[]}`, "", none, "'timeout' is 18446744073709551616"},
		{"priority", `{"parameters":{"priority":1.5},"inputs":[]}`, "", none, "'priority' is 1.5"},
		{"output name", `{"inputs":[],"outputs":[{}]}`, "", none, "output 0 has no 'name'"},
		{"output text", `{"inputs":[],"outputs":["y"]}`, "", none, `an output is "y", want a JSON object`},
		{"outputs object", `{"inputs":[],"outputs":{}}`, "", none, "'outputs' is a JSON object"},
		{"binary_data", `{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":1}}]}`, "", none, "'binary_data' is 1"},
		{"classification", `{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":-1}}]}`, "", none, "'classification' is -1"},
	}
	for _, c := range cases {
		header := c.header
		if header == 0 {
			header = len(c.json)
		}
		var r Request
		err := r.Decode([]byte(c.json+c.binary), header)
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(refused.Message, c.want) {
			t.Errorf("%s: error %v, want a 400 with %q", c.name, err, c.want)
		} else if len(refused.Message) > 512 {
			t.Errorf("%s: a message of %d bytes", c.name, len(refused.Message))
		}
	}
}

func TestSharedMemoryIsUnsupported(t *testing.T) {
	for _, body := range []string{
		input(`"datatype":"FP32","shape":[1],"parameters":{"shared_memory_region":"r"}`),
		`{"inputs":[],"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]}`,
	} {
		var refused *Error
		if err := new(Request).Decode([]byte(body), -1); !errors.As(err, &refused) || refused.Status != 501 {
			t.Errorf("%s: %v, want a 501", body, err)
		}
	}
}

func TestDecode(t *testing.T) {
	json := `{"id":"a\"b","parameters":{"binary_data_output":true,"timeout":1500,"priority":2,"mine":7},"inputs":[` +
		`{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},` +
		`{"name":"y","datatype":"INT64","shape":[2,1],"data":[[1],[2]],"parameters":null},` +
		`{"name":"z","datatype":"UINT8","shape":[],"parameters":{"binary_data_size":1}}],` +
		`"outputs":[{"name":"o"},{"name":"p","parameters":{"binary_data":false,"classification":3}}]}`
	var r Request
	for range 2 { // the second time on a used request
		if err := r.Decode([]byte(json+"12345678!"), len(json)); err != nil {
			t.Fatal(err)
		}
		if string(r.ID) != `a"b` || !r.BinaryOutputs || r.Timeout != 1500*time.Microsecond || r.Priority != 2 || len(r.Inputs) != 3 || len(r.Outputs) != 2 {
			t.Fatalf("request %+v", r)
		}
		x, y, z := r.Inputs[0], r.Inputs[1], r.Inputs[2]
		if string(x.Name) != "x" || x.DType != tensor.Float32 || fmt.Sprint(x.Shape) != "[1 2]" || string(x.Binary) != "12345678" || x.JSON != nil {
			t.Errorf("x %+v", x)
		}
		if y.DType != tensor.Int64 || fmt.Sprint(y.Shape) != "[2 1]" || y.JSON == nil {
			t.Errorf("y %+v", y)
		}
		if string(z.Binary) != "!" || len(z.Shape) != 0 || z.Elements() != 1 {
			t.Errorf("z %+v", z)
		}
		if o, p := r.Outputs[0], r.Outputs[1]; string(o.Name) != "o" || !o.Binary || string(p.Name) != "p" || p.Binary || p.Classification != 3 {
			t.Errorf("outputs %+v", r.Outputs)
		}
		r.Recycle(len(json))
	}
	if err := r.Decode([]byte(`{"id":null,"parameters":null,"outputs":null,"inputs":[]}`), -1); err != nil || r.BinaryOutputs || r.Timeout != 0 || r.Priority != 0 || len(r.Outputs) != 0 || r.ID != nil {
		t.Errorf("nulls, after another request: %v %+v", err, r)
	}
	r.Recycle(maxPooledJSON + 1)
	r.SetRaw([]byte("x"), tensor.Uint8, []int64{3}, []byte("abc"))
	if !r.BinaryOutputs || len(r.Inputs) != 1 || string(r.Inputs[0].Binary) != "abc" {
		t.Errorf("raw %+v", r)
	}
}

func TestDatatypes(t *testing.T) {
	for d := tensor.Undefined; d <= tensor.BFloat16; d++ {
		if name := Datatype(d); name != "" && ParseDatatype([]byte(name)) != d {
			t.Errorf("%v is %q, which is %v", d, name, ParseDatatype([]byte(name)))
		}
	}
	if Datatype(-1) != "" || Datatype(1000) != "" || Datatype(tensor.Complex64) != "" || ParseDatatype(nil) != tensor.Undefined {
		t.Error("a type without a name has one")
	}
}

// TestPooledRequestAllocatesNothing holds for the form that clients in a hurry use: binary in, binary out.
func TestPooledRequestAllocatesNothing(t *testing.T) {
	json := `{"id":"7","inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"FP32","parameters":{"binary_data_size":64}},` +
		`{"name":"INPUT1","shape":[1,16],"datatype":"FP32","parameters":{"binary_data_size":64}}],` +
		`"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}}],"parameters":{"binary_data_output":true}}`
	body := append([]byte(json), make([]byte, 128)...)
	jsonOnly := []byte(input(`"datatype":"FP32","shape":[4],"data":[1.5,-2,3e5,0.1]`))
	var r Request
	staging, response := make([]byte, 64), []byte(nil)
	outputs := make([]Output, 1)
	work := func() {
		if err := r.Decode(body, len(json)); err != nil {
			t.Fatal(err)
		}
		for i := range r.Inputs {
			if err := r.Inputs[i].Copy(staging); err != nil {
				t.Fatal(err)
			}
		}
		outputs[0] = Output{Name: "OUTPUT0", DType: tensor.Float32, Shape: r.Inputs[0].Shape, Data: staging, Binary: true}
		response, _ = AppendResponse(response[:0], "model", "1", r.ID, outputs)
		r.Recycle(len(json))
		if err := r.Decode(jsonOnly, -1); err != nil {
			t.Fatal(err)
		}
		if err := r.Inputs[0].Copy(staging[:16]); err != nil {
			t.Fatal(err)
		}
		outputs[0] = Output{Name: "OUTPUT0", DType: tensor.Float32, Shape: r.Inputs[0].Shape, Data: staging[:16]}
		response, _ = AppendResponse(response[:0], "model", "1", r.ID, outputs)
		r.Recycle(len(jsonOnly))
	}
	work()
	if n := testing.AllocsPerRun(200, work); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
}
