package ring

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModel lets spin check ring.pml, and checks that it finds the faults that the model can be told to plant.
func TestModel(t *testing.T) {
	spin, err := exec.LookPath("spin")
	if err != nil {
		t.Skip("spin is not installed (Debian package spin): the ring's model was not checked")
	}
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed: the ring's model was not checked")
	}
	for _, c := range []struct {
		name    string
		defines []string
		errors  bool
	}{
		{"push and park", nil, false},
		{"two pushes each", []string{"-DPRODUCERS=2", "-DPUSHES=2"}, false},
		{"close", []string{"-DCLOSE"}, false},
		{"planted lost wake-up is found", []string{"-DPLANT"}, true},
		{"planted push after close is found", []string{"-DCLOSE", "-DPLANT_CLOSE"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := checkModel(t, spin, compiler, c.defines)
			if strings.Contains(report, "max search depth too small") || !strings.Contains(report, "errors: ") {
				t.Fatalf("the search was not exhaustive:\n%s", report)
			}
			if found := !strings.Contains(report, "errors: 0"); found != c.errors {
				t.Errorf("spin found an error: %v, want %v\n%s", found, c.errors, report)
			}
		})
	}
}

// checkModel runs spin -a, the C compiler and the verifier, and returns the verifier's report.
func checkModel(t *testing.T, spin, compiler string, defines []string) string {
	t.Helper()
	source, err := filepath.Abs("ring.pml")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	run := func(name string, arguments ...string) string {
		command := exec.Command(name, arguments...)
		command.Dir = folder
		command.Env = append(os.Environ(), "TMPDIR="+folder)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, arguments, err, output)
		}
		return string(output)
	}
	run(spin, append(append([]string{}, defines...), "-a", source)...)
	run(compiler, "-O1", "-w", "-DSAFETY", "-DMEMLIM=1024", "-o", "pan", "pan.c")
	return run(filepath.Join(folder, "pan"), "-m1000000")
}
