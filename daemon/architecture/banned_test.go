package architecture

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// TestNoInitFunctions keeps registration explicit: tables list what exists, nothing happens by importing.
func TestNoInitFunctions(t *testing.T) {
	for _, name := range sources(t, ".go") {
		_, file := parse(t, name, 0)
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Name.Name == "init" && function.Recv == nil {
				t.Errorf("%s declares func init", name)
			}
		}
	}
}

// TestBannedText looks for what no source may hold.
func TestBannedText(t *testing.T) {
	banned := map[string]*regexp.Regexp{
		"fast-math changes results by context":      regexp.MustCompile(`-f` + `fast-math|-O` + `fast`),
		"a path of somebody's machine":              regexp.MustCompile(`/(work|root|home)` + `/[a-z]`),
		"unfinished work belongs into the tracker":  regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`),
		"logging goes through log/slog":             regexp.MustCompile(`(?m)^\s*"l` + `og"$`),
		"the name of a registry or a download host": regexp.MustCompile(`proxy\.golang\.org|pypi\.org|registry\.npmjs`),
	}
	for _, name := range sources(t, ".go", ".c", ".h", ".py", ".sh", ".md", "Makefile", ".ci/run", ".service") {
		if strings.HasPrefix(name, "daemon/architecture/") {
			continue
		}
		text := read(t, name)
		for why, pattern := range banned {
			if at := pattern.FindStringIndex(text); at != nil {
				line := 1 + strings.Count(text[:at[0]], "\n")
				t.Errorf("%s:%d: %q: %s", name, line, text[at[0]:at[1]], why)
			}
		}
	}
}
