package main

import (
	"bytes"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// TestRun shows that the table has a row for every operator.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, o := range op.Operators() {
		row := "| " + o.Name + " |"
		if o.Domain != graph.DomainONNX {
			row = "| " + o.Domain + "." + o.Name + " |"
		}
		if o.Domain != graph.DomainFused && !bytes.Contains(out.Bytes(), []byte(row)) {
			t.Errorf("no row for %s %s", o.Domain, o.Name)
		}
	}
}
