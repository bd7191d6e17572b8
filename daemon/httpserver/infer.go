package httpserver

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/metrics"
	"github.com/inferd/inferd/daemon/oip"
	"github.com/inferd/inferd/daemon/tensor"
)

const (
	headerLengthName = "Inference-Header-Content-Length"
	jsonType         = "application/json"
	binaryType       = "application/octet-stream"
)

var headerLengthBytes = []byte(headerLengthName)

// infer answers POST .../infer.
func (s *Server) infer(ctx *fasthttp.RequestCtx, r route) {
	began := s.engine.Now()
	version, err := number(r.version)
	if err == nil && s.draining.Load() {
		err = &engine.Error{Kind: engine.Unavailable, Message: "the server is shutting down", RetryAfter: time.Second}
	}
	if err != nil {
		s.failWith(ctx, err)
		return
	}
	request, err := s.engine.Acquire(r.model, version)
	if err != nil {
		s.failWith(ctx, err)
		return
	}
	defer request.Release()
	observer, _ := request.Version().Attached().(*metrics.Model)
	x := s.exchanges.get()
	defer s.exchanges.put(x)
	if err := s.inferOn(ctx, x, request, began, observer); err != nil {
		outcome := s.failWith(ctx, err)
		if observer != nil {
			observer.Failure(outcome)
		}
	}
}

// inferOn decodes the request into the engine's staging, waits for the answer and encodes it.
func (s *Server) inferOn(ctx *fasthttp.RequestCtx, x *exchange, request *engine.Request, began time.Duration, observer *metrics.Model) error {
	if err := request.Admit(); err != nil {
		return err
	}
	body, err := s.body(ctx)
	if err != nil {
		return err
	}
	jsonBytes, err := x.decode(ctx, body, request)
	defer x.request.Recycle(jsonBytes)
	if err != nil {
		return err
	}
	if err := x.fill(request); err != nil {
		return err
	}
	decoded := s.engine.Now()
	s.exchanges.waiting(x, ctx.Conn())
	err = request.Infer(x.cancel)
	x.done()
	if err != nil {
		return err
	}
	answered := s.engine.Now()
	if err := s.encode(ctx, x, request); err != nil {
		return err
	}
	if observer != nil {
		queue, compute, rows := request.Timings()
		observer.Success(decoded-began, queue, compute, s.engine.Now()-answered, rows)
	}
	return nil
}

// decode decodes the body, JSON with or without binary tensors, or raw. It returns the size of the JSON.
func (x *exchange) decode(ctx *fasthttp.RequestCtx, body []byte, request *engine.Request) (jsonBytes int, err error) {
	text := ctx.Request.Header.Peek(headerLengthName)
	if len(text) == 0 {
		return len(body), x.request.Decode(body, -1)
	}
	length, err := strconv.Atoi(string(text))
	if err != nil || length < 0 {
		return 0, &oip.Error{Status: fasthttp.StatusBadRequest, Message: fmt.Sprintf("%s is %q, want a non-negative integer", headerLengthName, text)}
	}
	if length == 0 {
		return 0, x.decodeRaw(body, request.Version())
	}
	return length, x.request.Decode(body, length)
}

// decodeRaw decodes a request without JSON: the body is the model's only input, whose shape follows from its size.
func (x *exchange) decodeRaw(body []byte, version *engine.Version) error {
	refuse := func(format string, args ...any) error {
		return &oip.Error{Status: fasthttp.StatusBadRequest, Message: "raw request: " + fmt.Sprintf(format, args...)}
	}
	inputs := version.Inputs()
	if len(inputs) != 1 {
		return refuse("the model has %d inputs, a raw request can give only one", len(inputs))
	}
	in := inputs[0]
	shape := append([]int64(nil), in.Shape...)
	if in.DType == tensor.String {
		for axis := range shape {
			if shape[axis] > 1 {
				return refuse("input %q has shape %v, a raw request gives one element", in.Name, in.Shape)
			}
			shape[axis] = 1
		}
		x.raw = append(binary.LittleEndian.AppendUint32(x.raw[:0], uint32(len(body))), body...)
		x.request.SetRaw([]byte(in.Name), in.DType, shape, x.raw)
		return nil
	}
	variable, known := -1, in.DType.Size()
	for axis, size := range shape {
		switch {
		case size >= 0:
			known *= size
		case axis == 0 && version.Batching().Batchable:
			shape[0] = 1
		case variable >= 0:
			return refuse("input %q has shape %v, of which only one dimension may be variable", in.Name, in.Shape)
		default:
			variable = axis
		}
	}
	if variable >= 0 {
		if known == 0 || int64(len(body))%known != 0 {
			return refuse("%d bytes do not fill input %q of type %v and shape %v", len(body), in.Name, in.DType, in.Shape)
		}
		shape[variable] = int64(len(body)) / known
	}
	x.request.SetRaw([]byte(in.Name), in.DType, shape, body)
	return nil
}

// fill copies the inputs into the engine's staging and passes on what else the request asks for.
func (x *exchange) fill(request *engine.Request) error {
	for i := range x.request.Inputs {
		in := &x.request.Inputs[i]
		if in.DType == tensor.String {
			if err := fillStrings(in, request); err != nil {
				return err
			}
			continue
		}
		staging, err := request.Input(in.Name, in.DType, in.Shape)
		if err != nil {
			return err
		}
		if err := in.Copy(staging); err != nil {
			return err
		}
	}
	for _, output := range x.request.Outputs {
		if output.Classification > 0 {
			return &oip.Error{Status: fasthttp.StatusNotImplemented, Message: fmt.Sprintf("output %q: the classification extension is not supported", output.Name)}
		}
		if err := request.SelectOutput(output.Name); err != nil {
			return err
		}
	}
	request.SetTimeout(x.request.Timeout)
	return nil
}

func fillStrings(in *oip.Input, request *engine.Request) error {
	size, err := in.StringBytes()
	if err != nil {
		return err
	}
	records, text, err := request.StringInput(in.Name, in.Shape, size)
	if err != nil {
		return err
	}
	return in.CopyStrings(records, text)
}

// encode appends the answer to the response's own buffer.
func (s *Server) encode(ctx *fasthttp.RequestCtx, x *exchange, request *engine.Request) error {
	for i := range request.Outputs() {
		out := request.Output(i)
		inBinary := x.request.BinaryOutputs
		if i < len(x.request.Outputs) {
			inBinary = x.request.Outputs[i].Binary
		}
		if !inBinary && !oip.HasJSONForm(out.DType) {
			return &oip.Error{Status: fasthttp.StatusBadRequest, Message: fmt.Sprintf("output %q is %s, which has no JSON form: ask for binary data", out.Name, oip.Datatype(out.DType))}
		}
		x.outputs = append(x.outputs, oip.Output{Name: out.Name, DType: out.DType, Shape: out.Shape, Data: out.Data, Binary: inBinary})
	}
	version := request.Version()
	body := ctx.Response.SwapBody(nil)
	body, headerLength := oip.AppendResponse(body[:0], version.Name(), version.NumberText(), x.request.ID, x.outputs)
	ctx.Response.SwapBody(body)
	if headerLength < 0 {
		ctx.Response.Header.SetContentType(jsonType)
	} else {
		ctx.Response.Header.SetContentType(binaryType)
		var digits [20]byte
		ctx.Response.Header.SetCanonical(headerLengthBytes, strconv.AppendInt(digits[:0], int64(headerLength), 10))
	}
	return s.compress(ctx)
}
