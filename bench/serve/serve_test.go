package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain is the echo server where the test binary was started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-echo" {
		flag.CommandLine = flag.NewFlagSet("echo", flag.ExitOnError)
		main()
		return
	}
	os.Exit(m.Run())
}

// TestMeasurements runs each measurement once, tiny, so that none rots. Figures are not judged.
func TestMeasurements(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts servers; not run with -short")
	}
	b := &bench{inferd: filepath.Join(t.TempDir(), "inferd"), cases: "../../../shared/models", samples: "../samples", lengths: brief}
	if output, err := exec.Command("go", "build", "-o", b.inferd, "../../daemon/inferd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	b.plain = b.inferd
	for _, m := range measurements {
		t.Run(m.name, func(t *testing.T) {
			if _, err := os.Stat(b.cases); err != nil && m.name != "overhead" && m.name != "startup" {
				t.Skipf("needs the models of %s, which are not here", b.cases)
			}
			b.scratch, b.figures = t.TempDir(), nil
			err := m.measure(b)
			if errors.Is(err, errNoWrk) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(b.figures) == 0 {
				t.Error("no figure")
			}
			for _, f := range b.figures {
				if f.Unit == "" && f.Name == "" || f.Bar == "" {
					t.Errorf("incomplete figure %+v", f)
				}
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	if got := spreadOf([]float64{5, 1, 3, 2, 4}); got != (spread{2, 3, 4}) {
		t.Errorf("quartiles %v", got)
	}
	if round(0.123456) != 0.1235 || round(123456) != 123500 || round(0) != 0 {
		t.Error("four digits are not kept")
	}
}
