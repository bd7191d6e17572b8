//go:build cuda

package cuda_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// fake is the driver of this process; nil where the tests run on a GPU.
var fake *fakedriver.Control

// printing is set where this test binary runs itself: a process loads one driver once, with one set of settings.
const printing = "INFERD_TEST_PRINT"

func TestMain(m *testing.M) {
	if what := os.Getenv(printing); what != "" {
		print(what)
		return
	}
	fake = fakedriver.UseInTests("DEVICES=2")
	os.Exit(m.Run())
}

// print is what the other process does.
func print(what string) {
	if what == "probe" {
		status := cuda.Probe()
		fmt.Printf("%d %v %s", status.Problem, status.Err() == nil, status.Reason)
		return
	}
	selector, _ := strings.CutPrefix(what, "find ")
	info, err := cuda.Find(selector)
	fmt.Printf("%d %s %v", info.Ordinal, info.UUID, err)
}

// inAnotherProcess returns what a process prints for which the fake driver has other settings.
func inAnotherProcess(t *testing.T, what string, settings ...string) string {
	t.Helper()
	needFake(t)
	environment, err := fakedriver.Environment(settings...)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, append(environment, printing+"="+what)...)
}

// run runs this binary with variables added to a clean environment.
func run(t *testing.T, variables ...string) string {
	t.Helper()
	command := exec.Command(os.Args[0])
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "INFERD_") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, variables...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return string(output)
}

// open opens the first device. When the test ends nothing may be left, on our books or the driver's.
func open(t *testing.T) *cuda.Device {
	t.Helper()
	d, err := cuda.Open("0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if usage := d.Usage(); usage != (cuda.Usage{}) && !d.Lost() {
			t.Errorf("%+v is left", usage)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if fake == nil {
			return
		}
		report := fake.Report()
		if d.Lost() {
			report.Abandoned = 0 // its context takes everything with it
		}
		if report != (fakedriver.Report{}) {
			t.Errorf("%+v is left in the driver", report)
		}
	})
	return d
}

func needFake(t *testing.T) {
	t.Helper()
	if fake == nil {
		t.Skip("the driver is a real one")
	}
}

// must fails the test where an error occurred.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// Codes of the driver.
const (
	outOfMemory    = 2
	illegalAddress = 700
	launchFailed   = 719
	unknown        = 999
)
