package architecture

import (
	"go/parser"
	"path"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/inferd/inferd/"

// floors lists the rooms of daemon/ from the top down: a package imports only from floors below its own, or from the same room.
var floors = [][]string{
	{"daemon/inferd", "daemon/architecture", "daemon/device/devicetest/coverage"},
	{"daemon/httpserver", "daemon/grpcserver"},
	{"daemon/oip"},
	{"daemon/engine"},
	{"daemon/repository", "daemon/scheduler"},
	{"daemon/device/devicetest"},
	{"daemon/compiler"},
	{"daemon/compiler/onnx", "daemon/compiler/optimize"},
	{"daemon/device/cpu", "daemon/device/cuda", "daemon/device/reference"},
	{"daemon/device"},
	{"daemon/compiler/program", "daemon/compiler/op", "daemon/compiler/memplan"},
	{"daemon/compiler/graph"},
	{"daemon/tensor", "daemon/metrics", "daemon/config", "daemon/lifetime"},
}

// users says who alone may import a package besides itself and tests.
var users = map[string][]string{
	"daemon/device/cpu":        {"daemon/inferd", "daemon/device/devicetest/coverage"},
	"daemon/device/cuda":       {"daemon/inferd"},
	"daemon/device/reference":  {"daemon/inferd", "daemon/device/devicetest/coverage"},
	"daemon/device/devicetest": {"daemon/device/devicetest/coverage"},
}

// TestImportsPointDown proves the rule of ARCHITECTURE.md on the import statements themselves.
func TestImportsPointDown(t *testing.T) {
	for _, name := range sources(t, ".go") {
		test := strings.HasSuffix(name, "_test.go")
		_, file := parse(t, name, parser.ImportsOnly)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if target, ours := strings.CutPrefix(imported, module); ours {
				checkImport(t, name, path.Dir(name), target, test)
			}
		}
	}
}

func checkImport(t *testing.T, name, from, target string, test bool) {
	t.Helper()
	inDaemon := strings.HasPrefix(from, "daemon/")
	switch {
	case !inDaemon && strings.HasPrefix(target, "daemon/") && !strings.HasPrefix(from, "bench"):
		t.Errorf("%s imports %s: %s imports nothing of daemon/", name, target, strings.SplitN(from, "/", 2)[0])
	case test || !inDaemon || !strings.HasPrefix(target, "daemon/"):
		return
	}
	if fromFloor, toFloor := floor(from), floor(target); fromFloor < 0 || toFloor < 0 {
		t.Errorf("%s imports %s: one of them stands on no floor; add it to floors and ARCHITECTURE.md", name, target)
	} else if fromFloor > toFloor || fromFloor == toFloor && room(from) != room(target) {
		t.Errorf("%s imports %s: imports point down only", name, target)
	}
	if allowed, limited := users[room(target)]; limited && room(from) != room(target) && !contains(allowed, room(from)) && !contains(allowed, from) {
		t.Errorf("%s imports %s, which only %v may", name, target, allowed)
	}
}

// room is the longest floor entry that holds the package.
func room(pkg string) string {
	best := ""
	for _, list := range floors {
		for _, entry := range list {
			if (pkg == entry || strings.HasPrefix(pkg, entry+"/")) && len(entry) > len(best) {
				best = entry
			}
		}
	}
	return best
}

func floor(pkg string) int {
	for i, list := range floors {
		if contains(list, room(pkg)) {
			return i
		}
	}
	return -1
}

func contains(list []string, name string) bool {
	for _, entry := range list {
		if entry == name {
			return true
		}
	}
	return false
}
