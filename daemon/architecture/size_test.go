package architecture

import (
	"go/ast"
	"strings"
	"testing"
)

const (
	maxFileLines     = 600
	maxFunctionLines = 80
)

// TestFilesAreShort bounds the length of every source file; generated ones are exempt.
func TestFilesAreShort(t *testing.T) {
	for _, name := range sources(t, ".go", ".c", ".h", ".cu", ".py", ".sh") {
		text := read(t, name)
		if strings.HasPrefix(text, "// Code generated") {
			continue
		}
		if lines := strings.Count(text, "\n"); lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d: split it by what changes together", name, lines, maxFileLines)
		}
	}
}

// TestFunctionsAreShort bounds the length of every Go function. Tests may list cases at length.
func TestFunctionsAreShort(t *testing.T) {
	for _, name := range sources(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files, file := parse(t, name, 0)
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := files.Position(function.End()).Line - files.Position(function.Pos()).Line; lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", name, function.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}
