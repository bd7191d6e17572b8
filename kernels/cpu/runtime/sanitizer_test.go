package runtime

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSanitizers runs the pool's stress program under the thread, address and undefined behaviour sanitizers.
func TestSanitizers(t *testing.T) {
	for _, sanitizer := range []string{"thread", "address,undefined"} {
		t.Run(sanitizer, func(t *testing.T) {
			compile := func(output, source string, more ...string) error {
				arguments := []string{"-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-I.", "-fsanitize=" + sanitizer, "-fno-sanitize-recover=all", "-o", output, source}
				message, err := exec.Command("gcc", append(arguments, append(more, "-lpthread")...)...).CombinedOutput()
				if err != nil {
					t.Logf("gcc: %s", message)
				}
				return err
			}
			program := filepath.Join(t.TempDir(), "program")
			if err := compile(program, "testdata/empty.c"); err != nil {
				t.Skipf("gcc with -fsanitize=%s does not work here: %v", sanitizer, err)
			}
			if err := compile(program, "testdata/stress.c", "pool.c", "run.c"); err != nil {
				t.Fatal(err)
			}
			output, err := exec.Command(program).CombinedOutput()
			if err != nil || strings.TrimSpace(string(output)) != "0 wrong" {
				t.Errorf("%v: %s", err, output)
			}
		})
	}
}
