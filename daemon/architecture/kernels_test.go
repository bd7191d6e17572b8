package architecture

import (
	"regexp"
	"strings"
	"testing"
)

const maxMacroLines = 6

// TestKernelsAreNotMacros keeps logic out of function-like macros: a body is compiled per instruction set by including it, and what is shared lies in
// kernels/cpu/abi. What stays short is left: expressions for array bounds, declarations of variants, instances of an inline function.
func TestKernelsAreNotMacros(t *testing.T) {
	macro := regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)\((?:[^\n]*\\\n)*[^\n]*`)
	found := 0
	for _, name := range sources(t, ".c", ".h", ".cu") {
		text := read(t, name)
		if !strings.HasPrefix(name, "kernels/") || strings.HasPrefix(text, "// Code generated") {
			continue
		}
		for _, match := range macro.FindAllStringSubmatch(text, -1) {
			found++
			if lines := 1 + strings.Count(match[0], "\n"); lines > maxMacroLines {
				t.Errorf("%s: the macro %s has %d lines, more than %d: write an inline function with constant arguments", name, match[1], lines, maxMacroLines)
			}
		}
	}
	if found == 0 {
		t.Error("found no macro at all, not even those of kernels/cpu/abi/vector.h: the pattern is wrong")
	}
}
