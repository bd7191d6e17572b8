package reference

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device/devicetest"
)

// TestTable shows that every operator that the compiler knows runs here, and that every operator here has cases.
func TestTable(t *testing.T) {
	for _, o := range op.Operators() {
		if _, ok := table[name{o.Domain, o.Name}]; !ok && o.Domain != graph.DomainFused {
			t.Errorf("no operator %q %s, which the compiler knows", o.Domain, o.Name)
		}
	}
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	tested := make(map[Operator]bool)
	for _, c := range cases {
		tested[Operator{c.Domain, c.Op}] = true
	}
	for _, o := range Operators() {
		if !tested[o] {
			t.Errorf("no case for operator %q %s", o.Domain, o.Name)
		}
	}
}
