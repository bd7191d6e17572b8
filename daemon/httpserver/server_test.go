package httpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/metrics"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// daemon is a server over a real engine with the models of writeModels.
type daemon struct {
	*testing.T
	engine  *engine.Engine
	server  *Server
	metrics *metrics.Metrics
	root    string
	address string
	client  *http.Client
}

func start(t *testing.T, change func(*engine.Options, *Options)) *daemon {
	t.Helper()
	root := t.TempDir()
	writeModels(t, root)
	level, err := isa.Current()
	if err != nil {
		t.Fatal(err)
	}
	processor, err := cpu.New(level, 1)
	if err != nil {
		t.Fatal(err)
	}
	quiet, measured, fallback := slog.New(slog.NewTextHandler(io.Discard, nil)), metrics.New("test"), reference.New()
	of := engine.Options{
		Models: root, Units: []engine.UnitOptions{{Devices: []device.Device{processor, fallback}}}, Evaluator: fallback, Logger: quiet,
		Attach: func(model string, _ int64) any { return measured.Model(model) },
	}
	o := Options{Metrics: measured, Version: "1.2.3", Logger: quiet, ReadTimeout: 2 * time.Second}
	if change != nil {
		change(&of, &o)
	}
	if o.Engine, err = engine.New(of); err != nil {
		t.Fatal(err)
	}
	if err := o.Engine.Start(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{T: t, engine: o.Engine, server: New(o), metrics: measured, root: root, address: listener.Addr().String(), client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(listener) }()
	t.Cleanup(func() {
		d.client.CloseIdleConnections()
		d.stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		processor.Close()
	})
	return d
}

// stop does what the daemon does at its end.
func (d *daemon) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	d.server.Drain()
	if err := d.engine.Close(ctx); err != nil && engine.KindOf(err) != engine.Unavailable { // closed twice
		d.Error(err)
	}
	if err := d.server.Shutdown(ctx); err != nil {
		d.Errorf("shutdown: %v", err)
	}
}

// reply is an answer as a client sees it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request; headers are pairs of name and value.
func (d *daemon) call(method, path string, body []byte, headers ...string) reply {
	d.Helper()
	r, err := d.try(method, path, body, headers...)
	if err != nil {
		d.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (d *daemon) try(method, path string, body []byte, headers ...string) (reply, error) {
	request, err := http.NewRequest(method, "http://"+d.address+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := d.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, content}, err
}

// wantError checks an error reply: status, type and {"error": "... part ..."}.
func (d *daemon) wantError(what string, r reply, status int, part string) {
	d.Helper()
	var body struct{ Error *string }
	if err := json.Unmarshal(r.body, &body); err != nil || body.Error == nil {
		d.Errorf("%s: status %d, no error in the body %q", what, r.status, r.body)
		return
	}
	if r.status != status || !strings.Contains(*body.Error, part) || r.header.Get("Content-Type") != "application/json" {
		d.Errorf("%s: status %d %q (%s), want %d with %q", what, r.status, *body.Error, r.header.Get("Content-Type"), status, part)
	}
	if retry := r.header.Get("Retry-After"); (status == 503) != (retry != "") && !strings.Contains(*body.Error, "timeout") {
		d.Errorf("%s: status %d with Retry-After %q", what, status, retry)
	}
}

func TestEndpoints(t *testing.T) {
	d := start(t, nil)
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/v2", "", `"name":"inferd","version":"1.2.3","extensions":["binary_tensor_data",`},
		{"GET", "/v2/", "", `"name":"inferd"`},
		{"GET", "/v2/health/live", "", `{"live":true}`},
		{"GET", "/v2/health/ready", "", `"ready":true`},
		{"HEAD", "/v2/health/ready", "", ""},
		{"GET", "/v2/models/add_sub", "", `{"name":"add_sub","versions":["1"],"platform":"onnx","inputs":[{"name":"x","datatype":"FP32","shape":[-1,16]},`},
		{"GET", "/v2/models/add_sub/versions/1", "", `{"name":"add_sub","versions":["1"]`},
		{"GET", "/v2/models/add_sub/ready", "", `{"name":"add_sub","ready":true}`},
		{"GET", "/v2/models/add_sub/versions/1/ready", "", `"ready":true`},
		{"GET", "/v2/models/text/config", "", `"data_type":"TYPE_STRING"`},
		{"GET", "/v2/models/add_sub/stats", "", `{"model_stats":[{"name":"add_sub","version":"1"`},
		{"GET", "/v2/models/add_sub/versions/1/stats", "", `"batch_stats":[{"batch_size":1,"compute_infer":{"count":1`},
		{"GET", "/v2/models/stats", "", `"name":"text"`},
		{"POST", "/v2/repository/index", "", `[{"name":"add_sub","version":"1","state":"READY"},`},
		{"POST", "/v2/repository/index", "{}", `[{"name":"add_sub"`},
		{"POST", "/v2/repository/main/index", "", `[{"name":"add_sub"`},
		{"POST", "/v2/repository/models/add_sub/load", `{"parameters":{}}`, ""},
		{"GET", "/v2/%6dodels/add_sub/ready", "", `"ready":true`},
		{"GET", "/v2/models/x/../add_sub/ready", "", `"ready":true`},
	} {
		r := d.call(c.method, c.path, []byte(c.body))
		if r.status != 200 || !strings.Contains(string(r.body), c.want) {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.path, r.status, r.body, c.want)
		}
		if len(r.body) > 0 && !json.Valid(r.body) {
			t.Errorf("%s %s: no JSON: %s", c.method, c.path, r.body)
		}
	}
}

func TestErrors(t *testing.T) {
	d := start(t, nil)
	const infer = "/v2/models/double/infer"
	row := "[" + strings.Repeat("1,", 15) + "1]"
	good := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,16],"data":` + row + `}]`
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/", "", 404, "no such endpoint: /"},
		{"GET", "/metrics", "", 404, "no such endpoint"},
		{"GET", "/v2/models", "", 404, "no such endpoint"},
		{"GET", "/v2/models/none", "", 404, `model "none" does not exist`},
		{"GET", "/v2/models/none/ready", "", 404, "does not exist"},
		{"GET", "/v2/models/none/config", "", 404, "does not exist"},
		{"GET", "/v2/models/none/stats", "", 404, "does not exist"},
		{"POST", "/v2/models/none/infer", good + "}", 404, "does not exist"},
		{"POST", "/v2/models/a%2Fb/infer", good + "}", 404, "no such endpoint"},
		{"POST", "/v2/models/..%2F..%2Fetc/infer", good + "}", 404, "no such endpoint"},
		{"POST", "/v2/models/%00%ff%22/infer", good + "}", 404, "does not exist"},
		{"POST", "/v2/models/" + strings.Repeat("m", 3000) + "/infer", good + "}", 404, "does not exist"},
		{"GET", "/v2/models/double/versions/2", "", 404, "no such version"},
		{"GET", "/v2/models/double/versions/0", "", 400, `version "0" is not a positive number`},
		{"GET", "/v2/models/double/versions/-1/ready", "", 400, "not a positive number"},
		{"POST", "/v2/models/double/versions/99999999999999999999/infer", good + "}", 400, "not a positive number"},
		{"GET", infer, "", 405, "want POST"},
		{"POST", "/v2/health/live", "", 405, "want GET"},
		{"DELETE", "/v2/models/double", "", 405, "want GET"},
		{"POST", infer, "", 400, "malformed JSON"},
		{"POST", infer, "{}", 400, "the request has no 'inputs'"},
		{"POST", infer, `{"inputs":[]}`, 400, `input "x" is missing`},
		{"POST", infer, strings.Replace(good, `"x"`, `"z"`, 1) + "}", 400, `has no input "z"`},
		{"POST", infer, strings.Replace(good, "FP32", "FP64", 1) + "}", 400, "is of type float64"},
		{"POST", infer, strings.Replace(good, "[1,16]", "[2,16]", 1) + "}", 400, "has 16 elements"},
		{"POST", infer, good + `,"outputs":[{"name":"w"}]}`, 400, `has no output "w"`},
		{"POST", infer, good + `,"outputs":[{"name":"y","parameters":{"classification":2}}]}`, 501, "classification"},
		{"POST", infer, good + `,"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]}`, 501, "shared memory"},
		{"POST", infer, good + `,"parameters":{"sequence_id":3}}`, 400, "sequences"},
		{"POST", "/v2/repository/models/none/load", "", 404, "does not exist"},
		{"POST", "/v2/repository/models/none/unload", "", 404, "does not exist"},
		{"POST", "/v2/repository/models/double/load", "{", 400, "malformed JSON"},
		{"POST", "/v2/repository/models/double/load", `{"parameters":{"config":"{}"}}`, 501, `"config" is not supported`},
		{"POST", "/v2/repository/models/double/drop", "", 404, "no such endpoint"},
	} {
		d.wantError(c.method+" "+c.path[:min(60, len(c.path))], d.call(c.method, c.path, []byte(c.body)), c.status, c.want)
	}
	d.wantError("encoding", d.call("POST", infer, []byte("x"), "Content-Encoding", "br"), 501, `"br" is not supported`)
	for _, header := range []string{"-1", "x", "99999999999999999999", "1e3"} {
		d.wantError("header "+header, d.call("POST", infer, []byte("x"), headerLengthName, header), 400, "want a non-negative integer")
	}
	d.wantError("header too long", d.call("POST", infer, []byte("x"), headerLengthName, "2"), 400, "but the body has 1 bytes")
	if families := d.modelLabels(); strings.Contains(families, "none") || !strings.Contains(families, "double") {
		t.Errorf("series for the models %s", families)
	}
}

// modelLabels lists the models that have metric series.
func (d *daemon) modelLabels() string {
	d.Helper()
	families, err := d.metrics.Registry.Gather()
	if err != nil {
		d.Fatal(err)
	}
	var list []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "model" {
					list = append(list, label.GetValue())
				}
			}
		}
	}
	return strings.Join(list, " ")
}
