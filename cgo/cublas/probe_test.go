//go:build cuda

package cublas_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// probing is set where this test binary runs itself to probe a library: a process loads one library once.
const probing = "INFERD_TEST_PROBE"

// TestPrintProbe is what the other process runs.
func TestPrintProbe(t *testing.T) {
	if os.Getenv(probing) == "" {
		t.Skip("only for TestProbe")
	}
	fmt.Printf("usable %v: %s\n", cublas.Probe().Usable(), cublas.Probe().Reason)
}

// probe returns what a process with the given environment finds.
func probe(t *testing.T, environment ...string) string {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestPrintProbe$")
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "INFERD_") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(append(command.Env, probing+"=1"), environment...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return string(output)
}

func TestProbe(t *testing.T) {
	needFake(t)
	libraries, err := fakedriver.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, library string
		parts         []string
	}{
		{"chosen", libraries.BLAS, []string{"usable true: \n"}},
		{"missing", "", []string{"usable false: cuBLASLt is not installed", "libcublasLt.so.13", "libcublas-13-0", "INFERD_CUBLASLT_LIBRARY"}},
		{"not there", "/nowhere/lib.so", []string{"usable false: the cuBLASLt that INFERD_CUBLASLT_LIBRARY names cannot be loaded", "/nowhere/lib.so"}},
		{"another library", libraries.Driver, []string{"usable false:", "is no cuBLASLt", "cublasLtGetVersion"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := probe(t, "INFERD_CUBLASLT_LIBRARY="+c.library)
			for _, part := range c.parts {
				if !strings.Contains(text, part) {
					t.Errorf("%q does not say %q", text, part)
				}
			}
		})
	}
	if status := cublas.Probe(); status.Release() != "13.1.0" || status.Library != libraries.BLAS || status.Err() != nil {
		t.Errorf("the fake library: %+v", status)
	}
}
