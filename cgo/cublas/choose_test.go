//go:build cuda

package cublas_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cublas"
)

var square = cublas.Matmul{M: 8, N: 8, K: 8, A: dense(8), B: dense(8), D: dense(8), Alpha: 1}

// TestTheFastestIsChosen uses that the fake library's first guess is its slower algorithm, by a millisecond, and the other one needs workspace.
func TestTheFastestIsChosen(t *testing.T) {
	needFake(t)
	_, handle := open(t, cublas.Options{})
	choice, err := handle.Choose(square, workspaceBytes)
	// On a busy host the faster one may be held up, but not each time.
	for square := square; err == nil && choice.Workspace == 0 && square.M < 20; square.M++ {
		choice, err = handle.Choose(square, workspaceBytes)
	}
	if err != nil {
		t.Fatal(err)
	}
	if choice.Candidates != 2 || choice.Workspace == 0 || choice.Time <= 0 || choice.Algorithm() != "algorithm 2, tile 1, stages 1, split 1" {
		t.Errorf("chosen: %+v (%s)", choice, choice.Algorithm())
	}
	calls := fake.Calls()
	scaled := choice.Matmul
	scaled.Alpha = 3
	again, err := handle.Choose(scaled, workspaceBytes)
	if err != nil || again.Algorithm() != choice.Algorithm() || again.Matmul.Alpha != 3 {
		t.Errorf("chosen again: %+v, %v", again, err)
	}
	if made := fake.Calls() - calls; made != 0 {
		t.Errorf("choosing again took %d calls", made)
	}
	small, err := handle.Choose(square, 0)
	if err != nil || small.Workspace != 0 || small.Candidates != 1 {
		t.Errorf("without workspace: %+v, %v", small, err)
	}
}

// TestChoosingWithoutMemory trusts the heuristics.
func TestChoosingWithoutMemory(t *testing.T) {
	needFake(t)
	_, handle := open(t, cublas.Options{Logger: slog.New(slog.DiscardHandler)})
	fake.SetMemory(100)
	defer fake.SetMemory(8 << 30)
	choice, err := handle.Choose(square, workspaceBytes)
	if err != nil || choice.Time != 0 || choice.Workspace != 0 {
		t.Errorf("chosen: %+v, %v", choice, err)
	}
}

// stored runs one process's life with a file: how many calls choosing took, and what was logged.
func stored(t *testing.T, file string) (calls int64, log string) {
	t.Helper()
	var text bytes.Buffer
	t.Run("start", func(t *testing.T) {
		_, handle := open(t, cublas.Options{File: file, Logger: slog.New(slog.NewTextHandler(&text, nil))})
		before := fake.Calls()
		if _, err := handle.Choose(square, workspaceBytes); err != nil {
			t.Fatal(err)
		}
		calls = fake.Calls() - before
	})
	return calls, text.String()
}

func TestChoicesAreStored(t *testing.T) {
	needFake(t)
	file := filepath.Join(t.TempDir(), "cublaslt.jsonl")
	first, log := stored(t, file)
	if log != "" {
		t.Errorf("logged: %s", log)
	}
	second, log := stored(t, file)
	if log != "" || second >= first/2 {
		t.Errorf("the first start took %d calls, the second %d; logged: %s", first, second, log)
	}
	data, err := os.ReadFile(file)
	if err != nil || bytes.Count(data, []byte("\n")) != 1 {
		t.Fatalf("stored: %s, %v", data, err)
	}
	text := string(data)
	for name, broken := range map[string]string{
		"cut off":          text[:len(text)/2],
		"not ours":         "hello\n",
		"another library":  strings.Replace(text, `"library":130100`, `"library":120000`, 1),
		"another device":   strings.Replace(text, "Fake GPU", "Other GPU", 1),
		"a bad algorithm":  strings.Replace(text, `"algorithm":"02`, `"algorithm":"77`, 1),
		"a short one":      strings.Replace(text, `"algorithm":"02`, `"algorithm":"0`, 1),
		"a broken line":    text + "{\n",
		"an empty product": "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if broken == text {
				t.Fatal("nothing was broken")
			}
			if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
				t.Fatal(err)
			}
			calls, log := stored(t, file)
			if calls < first/2 {
				t.Errorf("choosing took %d calls", calls)
			}
			if strings.Count(log, "\n") != 1 && name != "a short one" {
				t.Errorf("logged: %s", log)
			}
			if calls, log := stored(t, file); calls >= first/2 || log != "" {
				t.Errorf("afterwards choosing took %d calls; logged: %s", calls, log)
			}
		})
	}
}

func TestChoicesThatCannotBeStored(t *testing.T) {
	needFake(t)
	_, log := stored(t, filepath.Join(t.TempDir(), "missing", "cublaslt.jsonl"))
	if !strings.Contains(log, "not stored") {
		t.Errorf("logged: %s", log)
	}
}

// TestEveryCallFailsInTurn lets each call of library and driver fail while a product is chosen: the error is one, and nothing is left.
func TestEveryCallFailsInTurn(t *testing.T) {
	needFake(t)
	device, handle := open(t, cublas.Options{Logger: slog.New(slog.DiscardHandler)})
	before, usage := fake.Report(), device.Usage()
	m := square
	failures := 0
	for nth := int64(1); ; nth++ {
		m.M++ // one that has not been chosen
		fake.Fail("", nth, 2, false)
		_, err := handle.Choose(m, workspaceBytes)
		failed := fake.Failed()
		fake.Recover()
		if failed == "" {
			break
		}
		var e *cublas.Error
		if err != nil {
			failures++
			if strings.HasPrefix(failed, "cublas") && !errors.As(err, &e) {
				t.Errorf("%s fails: %v", failed, err)
			}
		}
		if report := fake.Report(); report != before || device.Usage() != usage {
			t.Fatalf("%s fails: %+v, %+v is left", failed, report, device.Usage())
		}
	}
	if failures == 0 {
		t.Error("no failure had an effect")
	}
}
