package repository

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fake is loaded from a file whose content becomes its text; "bad" cannot be loaded.
type fake struct {
	source  Source
	text    string
	retired atomic.Int64
}

func (f *fake) Retire() { f.retired.Add(1) }

func loadFake(source Source) (*fake, error) {
	data, err := os.ReadFile(source.Path)
	if err != nil {
		return nil, err
	}
	if string(data) == "bad" {
		return nil, errors.New("planted")
	}
	return &fake{source: source, text: string(data)}, nil
}

// write replaces a file as an editor would, with a new time of change.
func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func index(r *Repository[*fake]) string {
	var lines []string
	for _, e := range r.Index() {
		line := fmt.Sprintf("%s/%d %s", e.Name, e.Version, e.State)
		if e.Reason != "" {
			line += " (" + e.Reason + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func expect(t *testing.T, r *Repository[*fake], want ...string) {
	t.Helper()
	if got := index(r); got != strings.Join(want, "\n") {
		t.Errorf("index:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func lookup(t *testing.T, r *Repository[*fake], name string, number int64, want string) *fake {
	t.Helper()
	f, err := r.Lookup([]byte(name), number)
	if err != nil || f.text != want {
		t.Fatalf("lookup of %s/%d: %v, %v; want %q", name, number, f, err, want)
	}
	return f
}

func TestLayouts(t *testing.T) {
	root := t.TempDir()
	write(t, root, "a/1/model.onnx", "a1")
	write(t, root, "a/3/model.onnx", "a3")
	write(t, root, "a/03/model.onnx", "ignored")
	write(t, root, "a/x/model.onnx", "ignored")
	write(t, root, "a/9/other.onnx", "ignored")
	write(t, root, "bare.onnx", "bare")
	write(t, root, ".hidden/1/model.onnx", "ignored")
	write(t, root, "empty/readme", "ignored")
	write(t, root, "all/1/model.onnx", "all1")
	write(t, root, "all/2/model.onnx", "all2")
	write(t, root, "all/config.pbtxt", "version_policy { all { } }")
	r := New(root, loadFake)
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	expect(t, r, "a/1 UNAVAILABLE (unloaded)", "a/3 READY", "all/1 READY", "all/2 READY", "bare/1 READY", "empty/0 UNAVAILABLE (no versions)")
	lookup(t, r, "a", 0, "a3")
	lookup(t, r, "all", 0, "all2")
	lookup(t, r, "all", 1, "all1")
	f := lookup(t, r, "bare", 1, "bare")
	if f.source.Folder != "" || !f.source.Config.wants(1, 1) {
		t.Errorf("source %+v", f.source)
	}
	for _, c := range []struct {
		name   string
		number int64
		want   error
	}{{"none", 0, ErrNoModel}, {"a", 2, ErrNoVersion}, {"a", 1, ErrNotReady}, {"empty", 0, ErrNotReady}} {
		if _, err := r.Lookup([]byte(c.name), c.number); err != c.want {
			t.Errorf("lookup of %s/%d: %v, want %v", c.name, c.number, err, c.want)
		}
	}
	if len(r.Serving("")) != 4 || len(r.Serving("all")) != 2 {
		t.Errorf("serving %d and %d", len(r.Serving("")), len(r.Serving("all")))
	}
}

func TestReload(t *testing.T) {
	root := t.TempDir()
	write(t, root, "m/1/model.onnx", "one")
	r := New(root, loadFake)
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	first := lookup(t, r, "m", 0, "one")
	if err := r.Rescan(); err != nil || lookup(t, r, "m", 0, "one") != first {
		t.Error("an unchanged file was loaded again")
	}
	write(t, root, "m/1/model.onnx", "two")
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	second := lookup(t, r, "m", 0, "two")
	if first.retired.Load() != 1 {
		t.Error("the replaced version did not retire")
	}
	write(t, root, "m/1/model.onnx", "bad")
	if err := r.Rescan(); err == nil || !strings.Contains(err.Error(), `model "m" version 1`) {
		t.Errorf("error %v", err)
	}
	lookup(t, r, "m", 0, "two")
	expect(t, r, "m/1 READY (the reload failed, the former files go on serving: planted)")
	write(t, root, "m/2/model.onnx", "bad")
	write(t, root, "m/1/model.onnx", "two")
	if err := r.Rescan(); err == nil {
		t.Error("no error")
	}
	lookup(t, r, "m", 0, "two")
	expect(t, r, "m/1 READY", "m/2 UNAVAILABLE (planted)")
	if second.retired.Load() != 0 {
		t.Error("a version that goes on serving retired")
	}
	write(t, root, "m/config.pbtxt", "max_bach_size: 3")
	if err := r.Load("m"); err == nil || !strings.Contains(err.Error(), "max_bach_size") {
		t.Errorf("error %v", err)
	}
	lookup(t, r, "m", 0, "two")
	if err := os.RemoveAll(filepath.Join(root, "m")); err != nil {
		t.Fatal(err)
	}
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	expect(t, r, "")
	if second.retired.Load() != 1 {
		t.Error("a version without files did not retire")
	}
}

func TestLoadAndUnload(t *testing.T) {
	root := t.TempDir()
	write(t, root, "m.onnx", "one")
	r := New(root, loadFake)
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	f := lookup(t, r, "m", 0, "one")
	if err := errors.Join(r.Unload("m"), r.Rescan()); err != nil {
		t.Fatal(err)
	}
	expect(t, r, "m/1 UNAVAILABLE (unloaded)")
	if _, err := r.Lookup([]byte("m"), 0); err != ErrNotReady || f.retired.Load() != 1 {
		t.Errorf("%v, retired %d times", err, f.retired.Load())
	}
	if err := r.Load("m"); err != nil {
		t.Fatal(err)
	}
	f = lookup(t, r, "m", 0, "one")
	if err := r.Load("none"); !errors.Is(err, ErrNoModel) {
		t.Errorf("error %v", err)
	}
	if err := r.Unload("none"); !errors.Is(err, ErrNoModel) {
		t.Errorf("error %v", err)
	}
	for _, name := range []string{"", ".", "..", "../m", "a/b", "a\\b", "a\x00b", "a\nb", "a\u0085b", "\xff", ".m", strings.Repeat("m", 300)} {
		if err := r.Load(name); err == nil || errors.Is(err, ErrNoModel) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	r.Close()
	if f.retired.Load() != 1 || r.Load("m") == nil {
		t.Error("a closed repository goes on")
	}
}

func TestLinksOutOfTheFolderAreRefused(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	write(t, outside, "secret/1/model.onnx", "secret")
	write(t, outside, "bare.onnx", "secret")
	write(t, root, "real/1/model.onnx", "real")
	for link, target := range map[string]string{
		"folder": filepath.Join(outside, "secret"), "bare.onnx": filepath.Join(outside, "bare.onnx"), "inside": filepath.Join(root, "real"),
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := New(root, loadFake)
	if err := r.Rescan(); err == nil || strings.Count(err.Error(), "leads out of the model folder") != 2 {
		t.Errorf("error %v", err)
	}
	for _, name := range []string{"folder", "bare"} {
		if _, err := r.Lookup([]byte(name), 0); err == nil {
			t.Errorf("%s was loaded through a link", name)
		}
	}
	lookup(t, r, "inside", 0, "real")
}

// TestLookupsDuringReloads never sees a retired version as the present one for long, nor a gap.
func TestLookupsDuringReloads(t *testing.T) {
	root := t.TempDir()
	write(t, root, "m/1/model.onnx", "0")
	r := New(root, loadFake)
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := r.Lookup([]byte("m"), 0); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(10 * time.Microsecond)
			}
		})
	}
	for n := range 100 {
		write(t, root, "m/1/model.onnx", fmt.Sprint(n))
		if err := r.Rescan(); err != nil {
			t.Fatal(err)
		}
		lookup(t, r, "m", 0, fmt.Sprint(n))
	}
	close(stop)
	group.Wait()
}

func TestLookupAllocatesNothing(t *testing.T) {
	root := t.TempDir()
	write(t, root, "m.onnx", "one")
	r := New(root, loadFake)
	if err := r.Rescan(); err != nil {
		t.Fatal(err)
	}
	name := []byte("m")
	if got := testing.AllocsPerRun(100, func() {
		if _, err := r.Lookup(name, 0); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if !slices.Equal([]int64{1}, []int64{r.Serving("m")[0].source.Version}) {
		t.Error("version")
	}
}
