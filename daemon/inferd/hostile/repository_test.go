package hostile

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// folder is a model folder with an engine over it. Closing it proves that nothing leaked.
type folder struct {
	t    *testing.T
	root string
	*engine.Engine
}

func newFolder(t *testing.T, change func(*engine.Options)) *folder {
	o := options(t)
	settings := engine.Options{Models: t.TempDir(), Units: []engine.UnitOptions{{Devices: o.Devices}}, Evaluator: o.Evaluator,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), KeptBytes: 1}
	if change != nil {
		change(&settings)
	}
	live, routines := memory.LiveBytes(), runtime.NumGoroutine()
	e, err := engine.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	f := &folder{t, settings.Models, e}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		e = nil
		f.Engine = nil
		noLeak(t, live, routines)
	})
	return f
}

// noLeak waits until memory and goroutines are what they were. Idle requests are freed by the garbage collector.
func noLeak(t *testing.T, live int64, routines int) {
	t.Helper()
	for range 100 {
		runtime.GC()
		if memory.LiveBytes() <= live && runtime.NumGoroutine() <= routines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d bytes of C memory and %d goroutines more than at the start\n%s", memory.LiveBytes()-live, runtime.NumGoroutine()-routines,
		stacks[:runtime.Stack(stacks, true)])
}

func (f *folder) path(name string) string { return filepath.Join(f.root, name) }

func (f *folder) write(name string, data []byte) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.path(name)), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(f.path(name), data, 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// must fails the test on an error of the file system.
func (f *folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// adder is x + the constant, for float32 [batch, 4]; the constant is large enough that its bytes matter.
func adder(constantValue float32) []byte {
	w := floats(1024, 4)
	for i := range tensor.Slice[float32](w) {
		tensor.Slice[float32](w)[i] = constantValue
	}
	return model(input("x", "batch", 4), output("y"), constant("w", w), constant("i", scalar(7)),
		node("Gather", list{"w", "i"}, list{"g"}), node("Add", list{"x", "g"}, list{"y"}))
}

// serves checks the answer of the model, which is 1 + the constant.
func (f *folder) serves(name string, want float32) {
	f.t.Helper()
	r, err := f.Acquire([]byte(name), 0)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer r.Release()
	staging, err := r.Input([]byte("x"), tensor.Float32, []int64{1, 4})
	if err != nil {
		f.t.Error(err)
		return
	}
	copy(staging, tensor.FromSlice([]float32{1, 1, 1, 1}, 4).Data)
	if err := r.Infer(nil); err != nil {
		f.t.Error(err)
		return
	}
	if got := r.Output(0).Data; !bytes.Equal(got, tensor.FromSlice([]float32{want, want, want, want}, 4).Data) {
		f.t.Errorf("model %q answers %v, want %v", name, got, want)
	}
}

// reason is what the index says about a model; its state comes first.
func (f *folder) reason(name string) string {
	for _, entry := range f.Index() {
		if entry.Name == name {
			return entry.State + " " + entry.Reason
		}
	}
	return "absent"
}

// TestHostileFolder puts what a folder can hold beside a good model, which serves throughout.
func TestHostileFolder(t *testing.T) {
	f := newFolder(t, nil)
	f.write("good/1/model.onnx", adder(2))
	f.write("empty/1/model.onnx", nil)
	f.write("noise/1/model.onnx", bytes.Repeat([]byte("noise"), 100))
	f.write("truncated/1/model.onnx", adder(2)[:1000])
	f.must(os.MkdirAll(f.path("folder/1/model.onnx"), 0o755))
	f.must(os.MkdirAll(f.path("loop/1"), 0o755))
	f.must(os.Symlink("model.onnx", f.path("loop/1/model.onnx")))
	f.must(os.Symlink(".", f.path("itself")))
	f.must(os.MkdirAll(f.path("outside/1"), 0o755))
	f.must(os.Symlink("/etc/passwd", f.path("outside/1/model.onnx")))
	f.must(os.MkdirAll(f.path("pipe/1"), 0o755))
	f.must(syscall.Mkfifo(f.path("pipe/1/model.onnx"), 0o644))
	f.must(syscall.Mkfifo(f.path("bare.onnx"), 0o644))
	f.write("pipeconfig/1/model.onnx", adder(2))
	f.must(syscall.Mkfifo(f.path("pipeconfig/config.pbtxt"), 0o644))
	f.write("zeroconfig/1/model.onnx", adder(2))
	f.must(os.Symlink("/dev/zero", f.path("zeroconfig/config.pbtxt")))
	f.write("noiseconfig/1/model.onnx", adder(2))
	f.write("noiseconfig/config.pbtxt", []byte("max_batch_size: {{{{"))
	f.write("hugeconfig/1/model.onnx", adder(2))
	f.write("hugeconfig/config.pbtxt", bytes.Repeat([]byte("#\n"), 1<<20))
	f.write("nulconfig/1/model.onnx", adder(2))
	f.write("nulconfig/config.pbtxt", []byte("max_batch_size: 4\n\x00garbage"))
	f.write("deepconfig/1/model.onnx", adder(2))
	f.write("deepconfig/config.pbtxt", []byte(strings.Repeat("a { ", 100000)))
	f.write("badversion/99999999999999999999/model.onnx", adder(2))
	f.write("unreadable/1/model.onnx", adder(2))
	f.must(os.Chmod(f.path("unreadable/1/model.onnx"), 0))
	f.write("large/1/model.onnx", nil)
	f.must(os.Truncate(f.path("large/1/model.onnx"), 1<<40))
	f.write("cyclic/1/model.onnx", model(input("x", "batch", 4), output("y"), node("Add", list{"x", "y"}, list{"y"})))
	started := time.Now()
	if err := f.Start(); err == nil {
		t.Error("no error names what failed")
	}
	if elapsed := time.Since(started); elapsed > maxTime {
		t.Errorf("started after %v", elapsed)
	}
	want := map[string]string{
		"good": "READY", "empty": "no graph", "noise": "onnx: byte", "truncated": "truncated", "folder": "not a regular file", "loop": "too many links",
		"outside": "leads out of the model folder", "pipe": "not a regular file", "bare": "absent", "pipeconfig": "config.pbtxt is not a regular file",
		"zeroconfig": "config.pbtxt is not a regular file", "noiseconfig": "config.pbtxt: line 1", "hugeconfig": "config.pbtxt has more than",
		"nulconfig": "line 2", "deepconfig": "nested deeper", "badversion": "no versions", "large": "1099511627776 bytes", "cyclic": "cycle", "itself": "",
	}
	if os.Getuid() != 0 {
		want["unreadable"] = "permission denied"
	}
	for name, text := range want {
		if reason := f.reason(name); !strings.Contains(reason, text) || name != "good" && strings.HasPrefix(reason, "READY") || len(reason) > 4096 {
			t.Errorf("%s: %q, want %q", name, reason, text)
		}
	}
	f.serves("good", 3)
	for _, name := range []string{"../good", "good/../good", "good\x00", "", ".", "..", "/etc", "good/1", strings.Repeat("n", 1000), "\xff"} {
		if err := f.Load(name); engine.KindOf(err) != engine.InvalidArgument {
			t.Errorf("load of %q: %v", name, err)
		}
		if err := f.Unload(name); engine.KindOf(err) != engine.InvalidArgument {
			t.Errorf("unload of %q: %v", name, err)
		}
		if _, err := f.Acquire([]byte(name), 0); engine.KindOf(err) != engine.NotFound || len(err.Error()) > 1000 {
			t.Errorf("request to %q: %v", name, err)
		}
	}
	f.serves("good", 3)
}

// TestReplaced damages a model's files while it serves.
func TestReplaced(t *testing.T) {
	f := newFolder(t, nil)
	const file = "m/1/model.onnx"
	f.write(file, adder(2))
	f.must(f.Start())
	f.serves("m", 3)
	damages := []struct {
		name, text string
		damage     func()
	}{
		{"overwritten in place", "READY the reload failed", func() { f.write(file, bytes.Repeat([]byte{0xff}, len(adder(2)))) }},
		{"truncated", "READY the reload failed", func() { f.must(os.Truncate(f.path(file), 100)) }},
		{"emptied", "READY the reload failed", func() { f.must(os.Truncate(f.path(file), 0)) }},
		{"a broken graph", "w", func() {
			f.write(file, model(input("x", "batch", 4), output("y"), node("Add", list{"x", "w"}, list{"y"})))
		}},
		{"config of garbage", "config.pbtxt: line 1", func() { f.write("m/config.pbtxt", []byte("}{")) }},
	}
	for _, d := range damages {
		d.damage()
		f.serves("m", 3)
		if err := f.Rescan(); err == nil {
			t.Errorf("%s: the rescan reports nothing", d.name)
		}
		if reason := f.reason("m"); !strings.Contains(reason, d.text) || !strings.HasPrefix(reason, "READY") {
			t.Errorf("%s: the index says %q", d.name, reason)
		}
		f.serves("m", 3)
	}
	f.must(os.Remove(f.path("m/config.pbtxt")))
	f.write(file, adder(4))
	if err := f.Load("m"); err != nil {
		t.Error(err)
	}
	f.serves("m", 5)
	f.must(os.RemoveAll(f.path("m")))
	f.serves("m", 5)
	f.must(f.Rescan())
	if reason := f.reason("m"); reason != "absent" {
		t.Errorf("a model that is gone: %q", reason)
	}
	if _, err := f.Acquire([]byte("m"), 0); engine.KindOf(err) != engine.NotFound {
		t.Errorf("a model that is gone: %v", err)
	}
	f.must(os.RemoveAll(f.root))
	if err := f.Rescan(); err == nil || !strings.Contains(err.Error(), "model folder") {
		t.Errorf("the whole folder is gone: %v", err)
	}
}

// TestExternalData names weights where a model must not look.
func TestExternalData(t *testing.T) {
	weights := func(entries ...string) []byte {
		content := joined(integer(1, 4), integer(2, 1), field(8, "w"), integer(14, 1))
		for i := 0; i < len(entries); i += 2 {
			content = append(content, field(13, field(1, entries[i]), field(2, entries[i+1]))...)
		}
		return model(input("x", "batch", 4), output("y"), field(5, content), node("Add", list{"x", "w"}, list{"y"}))
	}
	f := newFolder(t, nil)
	f.write("secret", make([]byte, 64))
	cases := []struct {
		name, text string
		data       []byte
	}{
		{"inside", "READY", weights("location", "w.bin", "offset", "16")},
		{"absolute", "/etc/passwd", weights("location", "/etc/passwd")},
		{"above", "../../secret", weights("location", "../../secret")},
		{"linked", "link", weights("location", "link")},
		{"pipe", "not a regular file", weights("location", "pipe")},
		{"folder", "not a regular file", weights("location", ".")},
		{"missing", "none.bin", weights("location", "none.bin")},
		{"nul", "invalid", weights("location", "w.bin\x00")},
		{"beyond", "lie beyond", weights("location", "w.bin", "offset", "60")},
		{"far", "lie beyond", weights("location", "w.bin", "offset", "9223372036854775807")},
		{"farther", "no count of bytes", weights("location", "w.bin", "offset", "99999999999999999999")},
		{"negative", "no count of bytes", weights("location", "w.bin", "offset", "-16")},
		{"length", "the shape needs 16", weights("location", "w.bin", "length", "9223372036854775807")},
		{"nowhere", `tensor "w"`, weights()},
	}
	for _, c := range cases {
		f.write(c.name+"/1/model.onnx", c.data)
		f.write(c.name+"/1/w.bin", make([]byte, 64))
		f.must(os.Symlink("../../secret", f.path(c.name+"/1/link")))
		f.must(syscall.Mkfifo(f.path(c.name+"/1/pipe"), 0o644))
	}
	if err := f.Start(); err == nil {
		t.Error("no error names what failed")
	}
	for _, c := range cases {
		if reason := f.reason(c.name); !strings.Contains(reason, c.text) || c.name != "inside" && (strings.HasPrefix(reason, "READY") || !strings.Contains(reason, "model.onnx")) {
			t.Errorf("%s: %q, want %q", c.name, reason, c.text)
		}
	}
	f.serves("inside", 1)
}
