package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	older   = `{"kind":"models","processor":"p","flags":"avx2","date":"2026-01-01","case":"mlp","class":"tiny","threads":1,"shapes":"1x4","ratio":9}` + "\n"
	newer   = `{"kind":"models","processor":"p","flags":"avx2","date":"2026-01-02","case":"mlp","class":"tiny","threads":1,"shapes":"1x4","ratio":2}` + "\n"
	another = `{"kind":"models","processor":"p","flags":"avx2","date":"2026-01-02","case":"vit","class":"dense","threads":1,"shapes":"1x4","ratio":0.5}` + "\n"
	serve   = `{"kind":"serve","processor":"p","flags":"avx2","date":"2026-01-02","name":"a|b","value":1.25,"unit":"us","bar":"at most 8 us","met":true}` + "\n"
)

// TestReadmeShowsTheProcessorThatWasMeasuredLast of each kind; RESULTS.md shows all.
func TestReadmeShowsTheProcessorThatWasMeasuredLast(t *testing.T) {
	gpu := func(processor, date string) string {
		return `{"kind":"gpu","processor":"` + processor + `","flags":"driver 580","date":"` + date + `","name":"copy","value":3000,"unit":"GB/s"}` + "\n"
	}
	root := repository(t, serve, gpu("old GPU", "2026-01-01")+gpu("new GPU", "2026-01-03"))
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	results, readme := content(t, filepath.Join(root, "bench", "RESULTS.md")), content(t, filepath.Join(root, "README.md"))
	if !strings.Contains(results, "The GPU kit on old GPU") || !strings.Contains(results, "The GPU kit on new GPU") {
		t.Errorf("RESULTS.md lacks a GPU:\n%s", results)
	}
	if strings.Contains(readme, "old GPU") || !strings.Contains(readme, "The GPU kit on new GPU (`bench/gpu/verify`, 2026-01-03)") || !strings.Contains(readme, "a\\|b") {
		t.Errorf("README.md does not show the newest of each kind:\n%s", readme)
	}
}

// repository makes a root with results and a README.
func repository(t *testing.T, results ...string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "bench", "results"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, text := range results {
		write(t, filepath.Join(root, "bench", "results", string(rune('a'+i))+".jsonl"), text)
	}
	write(t, filepath.Join(root, "README.md"), "before\n"+blockBegin+"stale\n"+blockEnd+"\nafter\n")
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestNewestFigureWins whatever file it is in, and means are taken of what is left.
func TestNewestFigureWins(t *testing.T) {
	root := repository(t, newer+another, older+serve)
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	results, readme := content(t, filepath.Join(root, "bench", "RESULTS.md")), content(t, filepath.Join(root, "README.md"))
	for _, want := range []string{"| mlp | tiny | 1x4 |", "| 2.00 |", "geometric mean, all: 1.00 of 2", "worst: vit, 0.50", `| a\|b | 1.25 us | at most 8 us | yes |`} {
		if !strings.Contains(results, want) {
			t.Errorf("RESULTS.md lacks %q:\n%s", want, results)
		}
	}
	if strings.Contains(results, "9.00") {
		t.Errorf("RESULTS.md shows an old figure:\n%s", results)
	}
	if want := "| 1 | 0.50 | 2.00 | | 1.00 | 0.50 (vit) |"; !strings.Contains(readme, want) || !strings.HasPrefix(readme, "before\n") || !strings.HasSuffix(readme, "\nafter\n") {
		t.Errorf("README.md lacks %q or lost its text:\n%s", want, readme)
	}
}

// TestCheckFindsStaleFiles and accepts fresh ones.
func TestCheckFindsStaleFiles(t *testing.T) {
	root := repository(t, older)
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Errorf("fresh files: %v", err)
	}
	write(t, filepath.Join(root, "bench", "results", "b.jsonl"), newer)
	err := run(root, true)
	if err == nil || strings.Count(err.Error(), "is stale") != 2 {
		t.Errorf("stale files: %v, want both named", err)
	}
}

// TestBadFiguresAreErrors with file and line.
func TestBadFiguresAreErrors(t *testing.T) {
	for _, line := range []string{
		"{", "{}", `{"kind":"x","processor":"p","date":"d"}`, `{"kind":"serve","processor":"p","date":"d"}`,
		`{"kind":"models","processor":"p","date":"d","case":"c","threads":1,"ratio":0}`,
	} {
		root := repository(t, older+line+"\n")
		if err := run(root, false); err == nil || !strings.Contains(err.Error(), "a.jsonl:2: ") {
			t.Errorf("%s gives %v, want an error that names the line", line, err)
		}
	}
	root := repository(t)
	write(t, filepath.Join(root, "README.md"), "no marks")
	if err := run(root, false); err == nil {
		t.Error("a README without marks is no error")
	}
}
