//go:build cuda

package cublas_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var enumerator = regexp.MustCompile(`\b((?:CUBLAS|CUDA_R_)[A-Z0-9_]*) = (\d+)`)

// TestDeclarations compares our declarations with NVIDIA's. It needs the headers of cuBLAS and of the CUDA runtime: the folders of cublasLt.h and of
// crt/host_defines.h, in INFERD_NVIDIA_INCLUDE with colons between them.
func TestDeclarations(t *testing.T) {
	folders := os.Getenv("INFERD_NVIDIA_INCLUDE")
	if folders == "" {
		t.Skip("INFERD_NVIDIA_INCLUDE does not name folders with NVIDIA's headers")
	}
	header, err := os.ReadFile("cublaslt.h")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	source.WriteString("#include <cublasLt.h>\n#include <stddef.h>\n")
	found := enumerator.FindAllStringSubmatch(string(header), -1)
	for _, match := range found {
		fmt.Fprintf(&source, "_Static_assert(%s == %s, \"%[1]s\");\n", match[1], match[2])
	}
	if len(found) < 40 {
		t.Errorf("only %d constants were found", len(found))
	}
	source.WriteString("_Static_assert(sizeof(cublasLtMatmulAlgo_t) == 64, \"algorithm\");\n" +
		"_Static_assert(sizeof(cublasLtMatmulHeuristicResult_t) == 96, \"result\");\n" +
		"_Static_assert(offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize) == 64, \"workspace\");\n" +
		"_Static_assert(offsetof(cublasLtMatmulHeuristicResult_t, state) == 72, \"state\");\n")
	for _, name := range []string{"GetVersion", "GetStatusName", "GetStatusString", "Create", "Destroy", "Matmul", "MatmulAlgoGetHeuristic", "MatmulAlgoCheck",
		"MatmulAlgoConfigGetAttribute", "MatmulDescCreate", "MatmulDescDestroy", "MatmulDescSetAttribute", "MatrixLayoutCreate", "MatrixLayoutDestroy",
		"MatrixLayoutSetAttribute", "MatmulPreferenceCreate", "MatmulPreferenceDestroy", "MatmulPreferenceSetAttribute"} {
		fmt.Fprintf(&source, "void *const symbol_%s = (void *)cublasLt%[1]s;\n", name)
	}
	file := filepath.Join(t.TempDir(), "check.c")
	if err := os.WriteFile(file, []byte(source.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"-fsyntax-only"}
	for _, folder := range filepath.SplitList(folders) {
		arguments = append(arguments, "-I"+folder)
	}
	if output, err := exec.Command("gcc", append(arguments, file)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
