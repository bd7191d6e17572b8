package oip

import (
	"bytes"
	"fmt"
	"time"

	"github.com/valyala/fastjson"

	"github.com/inferd/inferd/daemon/tensor"
)

// maxPooledJSON is the JSON size beyond which a request's parser is dropped instead of kept: it holds a multiple of its input.
const maxPooledJSON = 1 << 20

// maxJSONValues bounds the values of a request's JSON, of which the parser makes a tree that takes a multiple of the text.
const maxJSONValues = 4 << 20

var comma = []byte{','}

// maxTensors bounds the inputs and the outputs that one request may list.
const maxTensors = 1024

// Request is a decoded inference request. Its slices alias the body and the parser, so it is valid until the next Decode and only as long as
// the body. The zero value is ready for use; reuse saves allocations.
type Request struct {
	ID      []byte
	Inputs  []Input
	Outputs []RequestedOutput // empty: every output of the model
	// BinaryOutputs is the request's parameter binary_data_output: the form of outputs that do not say otherwise.
	BinaryOutputs bool
	Timeout       time.Duration // 0: none
	Priority      uint64        // 0: the model's default; 1 is the highest

	parser fastjson.Parser
	shapes []int64  // backs the inputs' shapes
	digits [32]byte // the inputs' scratch
}

// Input is one input tensor as the client sent it.
type Input struct {
	Name   []byte
	DType  tensor.DType
	Shape  []int64
	Binary []byte          // the tensor's bytes where it came in binary; elements of BYTES have length prefixes
	JSON   *fastjson.Value // nested or flat array where it came as JSON; nil otherwise

	scratch []byte // for the digits of a number
}

// RequestedOutput is an output that the client asks for.
type RequestedOutput struct {
	Name           []byte
	Binary         bool
	Classification int // answer with the n largest classes instead of the tensor; 0: off
}

// Decode decodes a body whose first headerLength bytes are JSON and whose rest is binary tensors in the order of the inputs. headerLength -1
// means that the whole body is JSON. Every byte must be accounted for.
func (r *Request) Decode(body []byte, headerLength int) error {
	if headerLength < 0 {
		headerLength = len(body)
	}
	if headerLength > len(body) {
		return badRequest("Inference-Header-Content-Length is %d, but the body has %d bytes", headerLength, len(body))
	}
	r.reset()
	if values := bytes.Count(body[:headerLength], comma); values > maxJSONValues {
		return badRequest("the JSON has %d values, more than %d: send tensors of this size as binary data", values, maxJSONValues)
	}
	root, err := r.parser.ParseBytes(body[:headerLength])
	if err != nil {
		return badRequest("malformed JSON: %s", explain(err))
	}
	id, parameters, inputs, outputs, err := requestMembers(root)
	if err != nil {
		return err
	}
	if id != nil {
		if r.ID, err = id.StringBytes(); err != nil {
			return badRequest("'id' is a JSON %v, want a string", id.Type())
		}
	}
	if err := r.decodeParameters(parameters); err != nil {
		return err
	}
	if err := r.decodeInputs(inputs, body[headerLength:]); err != nil {
		return err
	}
	return r.decodeOutputs(outputs)
}

// requestMembers are the members of a request that have a meaning.
func requestMembers(root *fastjson.Value) (id, parameters, inputs, outputs *fastjson.Value, err error) {
	var m members
	if err := m.find(root, "the request", "id", "parameters", "inputs", "outputs"); err != nil {
		return nil, nil, nil, nil, err
	}
	return m[0], m[1], m[2], m[3], nil
}

// reset prepares for the next request.
func (r *Request) reset() {
	r.ID, r.Inputs, r.Outputs, r.shapes = nil, r.Inputs[:0], r.Outputs[:0], r.shapes[:0]
	r.BinaryOutputs, r.Timeout, r.Priority = false, 0, 0
}

// Recycle prepares the request for a pool after a body whose JSON part had size bytes.
func (r *Request) Recycle(size int) {
	if size > maxPooledJSON {
		*r = Request{}
		return
	}
	clear(r.Inputs)
	clear(r.Outputs)
	r.reset()
}

// SetRaw makes this a request of one input in binary whose outputs are all binary: the form without JSON.
func (r *Request) SetRaw(name []byte, dtype tensor.DType, shape []int64, data []byte) {
	r.reset()
	r.BinaryOutputs = true
	r.Inputs = append(r.Inputs, Input{Name: name, DType: dtype, Shape: shape, Binary: data})
}

func (r *Request) decodeParameters(parameters *fastjson.Value) (err error) {
	if parameters == nil {
		return nil
	}
	var m members
	if err := m.find(parameters, "'parameters'", "binary_data_output", "timeout", "priority"); err != nil {
		return err
	}
	if v := m[0]; v != nil {
		if r.BinaryOutputs, err = v.Bool(); err != nil {
			return badRequest("parameter 'binary_data_output' is %s, want a boolean", text(v))
		}
	}
	if v := m[1]; v != nil {
		microseconds, err := v.Uint64()
		if err != nil || microseconds > 1<<50 {
			return badRequest("parameter 'timeout' is %s, want a number of microseconds", text(v))
		}
		r.Timeout = time.Duration(microseconds) * time.Microsecond
	}
	if v := m[2]; v != nil {
		if r.Priority, err = v.Uint64(); err != nil {
			return badRequest("parameter 'priority' is %s, want a non-negative integer", text(v))
		}
	}
	return checkParameterNames(parameters.GetObject())
}

// checkParameterNames refuses parameters that would change the meaning of the request if they were ignored.
func checkParameterNames(object *fastjson.Object) error {
	refused, sequence := "", false
	object.Visit(func(key []byte, _ *fastjson.Value) {
		switch {
		case len(key) >= 7 && string(key[:7]) == "triton_":
			refused = string(key)
		case string(key) == "sequence_id", string(key) == "sequence_start", string(key) == "sequence_end":
			refused, sequence = string(key), true
		}
	})
	switch {
	case sequence:
		return badRequest("parameter %q: sequences of requests are not supported", refused)
	case refused != "":
		return badRequest("parameter %q: names that begin with triton_ are reserved", refused)
	}
	return nil
}

// decodeInputs decodes the inputs and shares out the binary part among them.
func (r *Request) decodeInputs(inputs *fastjson.Value, binary []byte) error {
	list, err := array(inputs, "inputs")
	if err != nil {
		return err
	}
	for i, v := range list {
		var m members
		if err := m.find(v, "an input", "name", "datatype", "shape", "data", "parameters"); err != nil {
			return err
		}
		input, err := r.decodeInput(i, m[0], m[1], m[2])
		if err != nil {
			return err
		}
		if binary, err = input.decodeSource(m[3], m[4], binary); err != nil {
			return err
		}
		r.Inputs = append(r.Inputs, input)
	}
	if len(binary) > 0 {
		return badRequest("%d bytes of the body are left over after the last input", len(binary))
	}
	return nil
}

// decodeInput decodes name, type and shape.
func (r *Request) decodeInput(i int, nameValue, datatype, shape *fastjson.Value) (Input, error) {
	name := nameValue.GetStringBytes()
	if len(name) == 0 {
		return Input{}, badRequest("input %d has no 'name'", i)
	}
	input := Input{Name: name, DType: ParseDatatype(datatype.GetStringBytes()), scratch: r.digits[:0]}
	if input.DType == tensor.Undefined {
		return Input{}, badRequest("input %q: 'datatype' is %s, want BOOL, UINT8 ... FP64 or BYTES", name, text(datatype))
	}
	if shape == nil || shape.Type() != fastjson.TypeArray {
		return Input{}, badRequest("input %q: 'shape' is %s, want an array of integers", name, text(shape))
	}
	first := len(r.shapes)
	for _, dim := range shape.GetArray() {
		size, err := dim.Int64()
		if err != nil || size < 0 {
			return Input{}, badRequest("input %q: 'shape' has the dimension %s, want a non-negative integer", name, text(dim))
		}
		r.shapes = append(r.shapes, size)
	}
	input.Shape = r.shapes[first:len(r.shapes):len(r.shapes)]
	if _, err := tensor.ByteSize(input.DType, input.Shape); err != nil {
		return Input{}, badRequest("input %q: %v", name, err)
	}
	return input, nil
}

// decodeSource finds where the input's elements are: JSON data, or the next bytes of the binary part.
func (in *Input) decodeSource(data, parameters *fastjson.Value, binary []byte) (rest []byte, err error) {
	var m members
	if parameters != nil {
		if err := m.find(parameters, "an input's 'parameters'", "binary_data_size", "shared_memory_region"); err != nil {
			return nil, err
		}
	}
	size, region := m[0], m[1]
	if region != nil {
		return nil, &Error{Status: 501, Message: fmt.Sprintf("input %q: shared memory is not supported", in.Name)}
	}
	in.JSON = data
	switch {
	case size == nil && in.JSON == nil:
		return nil, badRequest("input %q has neither 'data' nor the parameter 'binary_data_size'", in.Name)
	case size == nil:
		return binary, nil
	case in.JSON != nil:
		return nil, badRequest("input %q has both 'data' and the parameter 'binary_data_size'", in.Name)
	}
	count, err := size.Uint64()
	if err != nil {
		return nil, badRequest("input %q: parameter 'binary_data_size' is %s, want a non-negative integer", in.Name, text(size))
	}
	if count > uint64(len(binary)) {
		return nil, badRequest("input %q: 'binary_data_size' is %d, but only %d bytes are left in the body", in.Name, count, len(binary))
	}
	in.Binary = binary[:count:count]
	return binary[count:], nil
}

func (r *Request) decodeOutputs(outputs *fastjson.Value) error {
	if outputs == nil {
		return nil
	}
	list, err := array(outputs, "outputs")
	if err != nil {
		return err
	}
	for i, v := range list {
		var m members
		if err := m.find(v, "an output", "name", "parameters"); err != nil {
			return err
		}
		output := RequestedOutput{Name: m[0].GetStringBytes(), Binary: r.BinaryOutputs}
		if len(output.Name) == 0 {
			return badRequest("output %d has no 'name'", i)
		}
		if err := output.decodeParameters(m[1]); err != nil {
			return err
		}
		r.Outputs = append(r.Outputs, output)
	}
	return nil
}

func (o *RequestedOutput) decodeParameters(parameters *fastjson.Value) (err error) {
	if parameters == nil {
		return nil
	}
	var m members
	if err := m.find(parameters, "an output's 'parameters'", "binary_data", "classification", "shared_memory_region"); err != nil {
		return err
	}
	if m[2] != nil {
		return &Error{Status: 501, Message: fmt.Sprintf("output %q: shared memory is not supported", o.Name)}
	}
	if v := m[0]; v != nil {
		if o.Binary, err = v.Bool(); err != nil {
			return badRequest("output %q: parameter 'binary_data' is %s, want a boolean", o.Name, text(v))
		}
	}
	if v := m[1]; v != nil {
		if o.Classification, err = v.Int(); err != nil || o.Classification < 0 {
			return badRequest("output %q: parameter 'classification' is %s, want a non-negative integer", o.Name, text(v))
		}
	}
	return nil
}
