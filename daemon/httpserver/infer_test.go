package httpserver

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/inferd/inferd/daemon/engine"
)

// addSubBody is a binary request to add_sub for rows of x = value and y = 1, and the length of its JSON.
func addSubBody(rows int, value float32) (body []byte, header string) {
	size := rows * 64
	json := fmt.Sprintf(`{"id":"1","inputs":[{"name":"x","shape":[%d,16],"datatype":"FP32","parameters":{"binary_data_size":%d}},`+
		`{"name":"y","shape":[%d,16],"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, rows, size, rows, size)
	body = []byte(json)
	for _, x := range []float32{value, 1} {
		for range rows * 16 {
			body = binary.LittleEndian.AppendUint32(body, math.Float32bits(x))
		}
	}
	return body, strconv.Itoa(len(json))
}

// checkAddSub checks the reply to addSubBody, decompressed.
func checkAddSub(r reply, rows int, value float32) error {
	header, err := strconv.Atoi(r.header.Get(headerLengthName))
	if r.status != 200 || err != nil || header > len(r.body) {
		return fmt.Errorf("status %d, header length %q: %.200s", r.status, r.header.Get(headerLengthName), r.body)
	}
	data := r.body[header:]
	if len(data) != rows*128 {
		return fmt.Errorf("%d bytes of outputs, want %d", len(data), rows*128)
	}
	for i := 0; i < len(data); i += 4 {
		want := value + 1
		if i >= rows*64 {
			want = value - 1
		}
		if got := math.Float32frombits(binary.LittleEndian.Uint32(data[i:])); got != want {
			return fmt.Errorf("element %d is %g, want %g", i/4, got, want)
		}
	}
	return nil
}

func TestInfer(t *testing.T) {
	d := start(t, nil)
	body, header := addSubBody(3, 4)
	if err := checkAddSub(d.call("POST", "/v2/models/add_sub/infer", body, headerLengthName, header), 3, 4); err != nil {
		t.Error(err)
	}
	ones := strings.TrimSuffix(strings.Repeat("1,", 16), ",")
	r := d.call("POST", "/v2/models/double/versions/1/infer", []byte(`{"id":"i","inputs":[{"name":"x","datatype":"FP32","shape":[1,16],"data":[[`+ones+`]]}]}`))
	want := `{"id":"i","model_name":"double","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,16],"data":[` + strings.ReplaceAll(ones, "1", "2") + `]}]}`
	if r.status != 200 || string(r.body) != want || r.header.Get("Content-Type") != jsonType || r.header.Get(headerLengthName) != "" {
		t.Errorf("%d %s, want %s", r.status, r.body, want)
	}
	r = d.call("POST", "/v2/models/text/infer", []byte(`{"inputs":[{"name":"s","datatype":"BYTES","shape":[2],"data":["aé","\u0000b"]}]}`))
	if r.status != 200 || !strings.Contains(string(r.body), `"data":["aé","\u0000b"]`) {
		t.Errorf("text: %d %s", r.status, r.body)
	}
}

// TestSelectedOutputs: one output in binary beside one in JSON, in the order asked for.
func TestSelectedOutputs(t *testing.T) {
	d := start(t, nil)
	body, _ := addSubBody(1, 2)
	body = bytes.Replace(body, []byte(`"parameters":{"binary_data_output":true}}`),
		[]byte(`"outputs":[{"name":"difference","parameters":{"binary_data":true}},{"name":"sum"}]}`), 1)
	r := d.call("POST", "/v2/models/add_sub/infer", body, headerLengthName, strconv.Itoa(len(body)-128))
	threes := strings.TrimSuffix(strings.Repeat("3,", 16), ",")
	want := `"outputs":[{"name":"difference","datatype":"FP32","shape":[1,16],"parameters":{"binary_data_size":64}},{"name":"sum","datatype":"FP32","shape":[1,16],"data":[` + threes + `]}]}`
	if r.status != 200 || !bytes.Contains(r.body, []byte(want)) || len(r.body) < 64 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if got := math.Float32frombits(binary.LittleEndian.Uint32(r.body[len(r.body)-64:])); got != 1 {
		t.Errorf("difference %g, want 1", got)
	}
}

func TestRawRequests(t *testing.T) {
	d := start(t, nil)
	row := make([]byte, 64)
	binary.LittleEndian.PutUint32(row, math.Float32bits(1.5))
	r := d.call("POST", "/v2/models/double/infer", row, headerLengthName, "0")
	if n := len(r.body) - 64; r.status != 200 || n < 0 || math.Float32frombits(binary.LittleEndian.Uint32(r.body[n:])) != 3 {
		t.Errorf("double: %d %q", r.status, r.body)
	}
	r = d.call("POST", "/v2/models/text/infer", []byte("\x01hello"), headerLengthName, "0")
	if r.status != 200 || !bytes.HasSuffix(r.body, []byte("\x06\x00\x00\x00\x01hello")) {
		t.Errorf("text: %d %q", r.status, r.body)
	}
	d.wantError("two inputs", d.call("POST", "/v2/models/add_sub/infer", row, headerLengthName, "0"), 400, "a raw request can give only one")
	d.wantError("short row", d.call("POST", "/v2/models/double/infer", row[:60], headerLengthName, "0"), 400, "has 60 bytes")
	d.wantError("two rows", d.call("POST", "/v2/models/double/infer", append(row, row...), headerLengthName, "0"), 400, "has 128 bytes")
}

// codecs compress and decompress as clients do, with libraries other than the server's where there are some.
var codecs = map[string]struct {
	pack   func([]byte) []byte
	unpack func(io.Reader) (io.Reader, error)
}{
	"gzip": {func(b []byte) []byte {
		var to bytes.Buffer
		w := gzip.NewWriter(&to)
		w.Write(b)
		w.Close()
		return to.Bytes()
	}, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	"deflate": {func(b []byte) []byte {
		var to bytes.Buffer
		w := zlib.NewWriter(&to)
		w.Write(b)
		w.Close()
		return to.Bytes()
	}, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
	"zstd": {func(b []byte) []byte {
		w, _ := zstd.NewWriter(nil)
		return w.EncodeAll(b, nil)
	}, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
}

func TestCompression(t *testing.T) {
	const limit = 1 << 20
	d := start(t, func(_ *engine.Options, o *Options) { o.MaxRequestBytes = limit })
	body, header := addSubBody(100, 7)
	for name, c := range codecs {
		r := d.call("POST", "/v2/models/add_sub/infer", c.pack(body), headerLengthName, header, "Content-Encoding", name, "Accept-Encoding", name)
		if r.header.Get("Content-Encoding") != name || len(r.body) > 4000 {
			t.Errorf("%s: %d bytes, encoding %q", name, len(r.body), r.header.Get("Content-Encoding"))
			continue
		}
		plain, err := c.unpack(bytes.NewReader(r.body))
		if err == nil {
			r.body, err = io.ReadAll(plain)
		}
		if err == nil {
			err = checkAddSub(r, 100, 7)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bomb := c.pack(make([]byte, 16*limit))
		if len(bomb) > limit/8 {
			t.Fatalf("%s: the bomb has %d bytes", name, len(bomb))
		}
		d.wantError(name+" bomb", d.call("POST", "/v2/models/add_sub/infer", bomb, "Content-Encoding", name), 413, "larger than 1048576 bytes once decompressed")
		d.wantError(name+" garbage", d.call("POST", "/v2/models/add_sub/infer", []byte("garbage"), "Content-Encoding", name), 400, "the body is no valid "+name)
	}
	for accepted, want := range map[string]string{
		"": "", "br": "", "identity": "", "gzip;q=0": "", "gzip;q=0.5, identity": "", "gzip, deflate": "gzip", "gzip;q=0.1,deflate;q=0.9": "deflate",
		"GZIP": "gzip", "gzip;q=x": "", "zstd;q=0.5,gzip;q=0.5": "zstd",
	} {
		if r := d.call("POST", "/v2/models/add_sub/infer", body, headerLengthName, header, "Accept-Encoding", accepted); r.header.Get("Content-Encoding") != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accepted, r.header.Get("Content-Encoding"), want)
		}
	}
}
