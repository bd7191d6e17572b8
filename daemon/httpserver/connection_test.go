package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/engine"
)

// dial opens a connection and sends text.
func (d *daemon) dial(text string) net.Conn {
	d.Helper()
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(text)); err != nil {
		d.Fatal(err)
	}
	return conn
}

// read reads one response.
func (d *daemon) read(conn net.Conn) reply {
	d.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		d.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		d.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		d.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, body.Bytes()}
}

// heavyHead is the head of a raw request to the model that takes long; heavyBytes is the size of its body.
const (
	heavyBytes = 512 * 1024 * 4
	heavyHead  = "POST /v2/models/heavy/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: 0\r\nContent-Length: 2097152\r\n\r\n"
)

// eventually waits until the condition holds.
func (d *daemon) eventually(what string, condition func() bool) {
	d.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("%s: not after 20 seconds", what)
		}
	}
}

func (d *daemon) inFlight(model string) int64 {
	var sum int64
	for _, v := range d.engine.Versions(model) {
		sum += v.Statistics().InFlight
	}
	return sum
}

func TestMalformedHTTP(t *testing.T) {
	d := start(t, nil)
	for name, request := range map[string]string{
		"no HTTP":          "hello\r\n\r\n",
		"content length":   "POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
		"chunk size":       "POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"header name":      "GET /v2 HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
		"two of length":    "POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"negative content": "POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
	} {
		d.wantError(name, d.read(d.dial(request)), 400, "")
	}
	d.wantError("long header", d.read(d.dial("GET /v2 HTTP/1.1\r\nHost: x\r\nLong: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")), 431, "header is too large")
	if r := d.call("GET", "/v2/health/live", nil); r.status != 200 {
		t.Errorf("afterwards: %d", r.status)
	}
}

func TestSlowClient(t *testing.T) {
	d := start(t, func(_ *engine.Options, o *Options) { o.ReadTimeout = 300 * time.Millisecond })
	for name, request := range map[string]string{
		"header": "POST /v2/models/double/infer HTTP/1.1\r\nHo",
		"body":   "POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 64\r\n\r\n{",
	} {
		d.wantError(name, d.read(d.dial(request)), 408, "did not arrive within")
	}
}

// TestTooLargeBody: a client that is still sending gets to read why it is refused.
func TestTooLargeBody(t *testing.T) {
	const limit = 1 << 20
	d := start(t, func(_ *engine.Options, o *Options) { o.MaxRequestBytes = limit })
	for range 5 {
		d.wantError("long body", d.call("POST", "/v2/models/double/infer", make([]byte, limit+limit/2)), 413, "larger than 1048576 bytes")
	}
	d.wantError("promised body", d.read(d.dial("POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")), 413, "larger than")
}

// TestHangUp: requests of clients that hung up are given up while they wait, and their credits come back.
func TestHangUp(t *testing.T) {
	d := start(t, func(of *engine.Options, _ *Options) {
		of.Credits = 4
		writeHeavy(t, of.Models)
	})
	body := string(make([]byte, heavyBytes))
	var connections []net.Conn
	for range 4 {
		connections = append(connections, d.dial(heavyHead+body))
	}
	d.eventually("requests in flight", func() bool { return d.inFlight("heavy") == 4 })
	d.wantError("overload", d.read(d.dial(heavyHead+body)), 503, "too many requests in flight")
	for _, conn := range connections {
		conn.Close()
	}
	d.eventually("credits come back", func() bool { return d.inFlight("heavy") == 0 })
	if st := d.engine.Versions("heavy")[0].Statistics(); st.Cancelled == 0 {
		t.Errorf("no request was cancelled: %+v", st)
	}
	d.eventually("staging comes back", func() bool { inUse, _ := d.engine.StagingBytes(); return inUse == 0 })
	body2, header := addSubBody(1, 1)
	if err := checkAddSub(d.call("POST", "/v2/models/add_sub/infer", body2, headerLengthName, header), 1, 1); err != nil {
		t.Error(err)
	}
}

// TestDrain: while the server drains, what is in flight is answered and what comes is refused; the end waits for no idle connection.
func TestDrain(t *testing.T) {
	d := start(t, func(of *engine.Options, _ *Options) { writeHeavy(t, of.Models) })
	conn := d.dial(heavyHead + string(make([]byte, heavyBytes)))
	idle := d.dial("")
	d.eventually("the request in flight", func() bool { return d.inFlight("heavy") == 1 })
	d.server.Drain()
	closed := make(chan error, 1)
	go func() { closed <- d.engine.Close(context.Background()) }()
	d.eventually("the drain", func() bool { return !d.engine.Ready() })
	body, header := addSubBody(1, 1)
	d.wantError("new request", d.call("POST", "/v2/models/add_sub/infer", body, headerLengthName, header), 503, "shutting down")
	if r := d.call("GET", "/v2/health/ready", nil); r.status != 400 || !strings.Contains(string(r.body), `"ready":false`) {
		t.Errorf("ready: %d %s", r.status, r.body)
	}
	if r := d.call("GET", "/v2/health/live", nil); r.status != 200 {
		t.Errorf("live: %d", r.status)
	}
	if r := d.read(conn); r.status != 200 {
		t.Errorf("request in flight: %d %.200s", r.status, r.body)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := d.server.Shutdown(context.Background()); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("shutdown took %v: %v", time.Since(began), err)
	}
	idle.Close()
}

// TestLoadAndUnloadUnderRequests: every answer is right or says that the model is not there, and a loaded model serves again.
func TestLoadAndUnloadUnderRequests(t *testing.T) {
	d := start(t, nil)
	var stop atomic.Bool
	var answered, refused atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, 8)
	for i := range 4 {
		group.Go(func() {
			for n := 0; !stop.Load(); n++ {
				value := float32(i*100 + n%50)
				body, header := addSubBody(2, value)
				r, err := d.try("POST", "/v2/models/add_sub/infer", body, headerLengthName, header)
				switch {
				case err == nil && r.status == 200:
					answered.Add(1)
					err = checkAddSub(r, 2, value)
				case err == nil && r.status == 503:
					refused.Add(1)
				case err == nil:
					err = fmt.Errorf("status %d: %s", r.status, r.body)
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	for range 10 {
		for _, verb := range []string{"unload", "load"} {
			if r := d.call("POST", "/v2/repository/models/add_sub/"+verb, nil); r.status != 200 {
				t.Fatalf("%s: %d %s", verb, r.status, r.body)
			}
			before := answered.Load() + refused.Load()
			d.eventually("requests after "+verb, func() bool { return answered.Load()+refused.Load() > before+4 || len(failures) > 0 })
		}
	}
	stop.Store(true)
	group.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if answered.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d answered, %d refused: want some of both", answered.Load(), refused.Load())
	}
}
