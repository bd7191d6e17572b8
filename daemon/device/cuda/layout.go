//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// layout divides a slot's pinned memory for one program: the host's arena, inputs, outputs, and where the device's status is copied to.
type layout struct {
	ports       []int64 // offsets of inputs, then of outputs
	status      int64
	pinnedBytes int64
}

func newLayout(p *program.Program) layout {
	var l layout
	at := aligned(p.ArenaBytes)
	take := func(bytes int64) int64 {
		start := at
		at += aligned(bytes)
		return start
	}
	for _, list := range [][]program.Port{p.Inputs, p.Outputs} {
		for _, port := range list {
			l.ports = append(l.ports, take(port.Bytes))
		}
	}
	l.status = take(program.StatusBytes)
	l.pinnedBytes = at
	return l
}

func aligned(bytes int64) int64 { return (bytes + memory.Alignment - 1) &^ (memory.Alignment - 1) }
