package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The headers, from this folder.
const (
	ours = "../include"
	// installed is where `make kernels` puts NVIDIA's.
	installed = "../../../.cuda/nvidia/cu13/include"
)

// nvidia is the folder of NVIDIA's cuda.h: INFERD_NVIDIA_INCLUDE, else where the kernels' compiler is.
func nvidia(t *testing.T) string {
	t.Helper()
	folders := append(filepath.SplitList(os.Getenv("INFERD_NVIDIA_INCLUDE")), installed)
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "cuda.h")); err == nil {
			return folder
		}
	}
	t.Skip("NVIDIA's cuda.h is not here: make kernels installs it, or INFERD_NVIDIA_INCLUDE names its folder")
	return ""
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(ours, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var enumerator = regexp.MustCompile(`\b(CU(?:DA)?_[A-Z0-9_x]+) = (0x[0-9a-fA-F]+|\d+)`)

// TestConstants compares the values of all constants with NVIDIA's.
func TestConstants(t *testing.T) {
	folder := nvidia(t)
	theirs, err := os.ReadFile(filepath.Join(folder, "cuda.h"))
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	source.WriteString("#include <cuda.h>\n")
	compared := 0
	for _, match := range enumerator.FindAllStringSubmatch(read(t, "cuda_enums.h"), -1) {
		if !regexp.MustCompile(`\b` + match[1] + `\b`).Match(theirs) {
			t.Logf("%s is gone from NVIDIA's header", match[1])
			continue
		}
		compared++
		fmt.Fprintf(&source, "_Static_assert(%s == %s, \"%[1]s\");\n", match[1], match[2])
	}
	if compared < 200 {
		t.Errorf("only %d constants were compared", compared)
	}
	if output, err := compile(t, source.String(), folder, "-fsyntax-only"); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

var (
	structure = regexp.MustCompile(`(?s)typedef struct \w+ \{\n(.*?)\n\}[^;]*?(\w+);`)
	field     = regexp.MustCompile(`(?m)^\t(?:const )?[\w ]+? ?\**((?:\w+(?:\[[^\]]*\])?(?:, )?)+);`)
)

// TestLayouts compares sizes, and where the fields lie, of all structures whose fields are named as NVIDIA's are.
func TestLayouts(t *testing.T) {
	folder := nvidia(t)
	var source strings.Builder
	source.WriteString("#include <cuda.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void)\n{\n")
	compared := 0
	for _, match := range structure.FindAllStringSubmatch(read(t, "cuda.h"), -1) {
		name := match[2]
		if strings.Contains(match[0], "aligned(") {
			name = regexp.MustCompile(`\}.*?(\w+);$`).FindStringSubmatch(match[0])[1]
		}
		compared++
		fmt.Fprintf(&source, "\tprintf(\"%s %%zu\\n\", sizeof(%[1]s));\n", name)
		for _, names := range field.FindAllStringSubmatch(match[1], -1) {
			for _, one := range strings.Split(names[1], ", ") {
				one, _, _ = strings.Cut(one, "[")
				if one != "pad" && !strings.HasPrefix(one, "reserved") && one != "opaque" {
					fmt.Fprintf(&source, "\tprintf(\"%s.%s %%zu\\n\", offsetof(%[1]s, %[2]s));\n", name, one)
				}
			}
		}
	}
	source.WriteString("\treturn 0;\n}\n")
	if compared < 10 {
		t.Fatalf("only %d structures were found", compared)
	}
	mine, theirs := layouts(t, source.String(), ours), layouts(t, source.String(), folder)
	if lines := strings.Count(mine, "\n"); lines < 80 {
		t.Errorf("only %d places were compared", lines)
	}
	if mine != theirs {
		t.Errorf("ours:\n%s\nNVIDIA's:\n%s", mine, theirs)
	}
}

func layouts(t *testing.T, source, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "layouts")
	if output, err := compile(t, source, folder, "-w", "-o", program); err != nil {
		t.Fatalf("with %s: %v\n%s", folder, err, output)
	}
	printed, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(printed)
}

func compile(t *testing.T, source, folder string, flags ...string) ([]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "check.c")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return exec.Command("gcc", append(flags, "-I"+folder, file)...).CombinedOutput()
}

func TestTrampolinesAreCurrent(t *testing.T) {
	if err := run("..", true); err != nil {
		t.Error(err)
	}
}

func TestParsing(t *testing.T) {
	functions, err := parse("// c\n#define cuB cuB_v2\nCUresult cuB(int *, CUstream);\nCUresult cuA(void);\n")
	if err != nil || len(functions) != 2 || functions[0].symbol != "cuB_v2" || len(functions[0].types) != 2 || functions[1].types != nil {
		t.Fatalf("%+v, %v", functions, err)
	}
	text := generate(functions)
	for _, part := range []string{"{.symbol = \"cuB_v2\"}", "CUresult cuB(int *a, CUstream b)", "function(a, b)", "CUresult cuA(void)"} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if _, err := parse("int cuC(void);"); err == nil {
		t.Error("a line that is no declaration was accepted")
	}
}
