package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// wrkScript posts the body and prints the figures in full precision on one line.
const wrkScript = `
local file = io.open(%q, "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Inference-Header-Content-Length"] = %d
file:close()
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("FIGURES %%d %%d %%.1f %%.1f %%d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
`

// load is a tool that posts one body again and again.
type load struct{ script, path string }

func (b *bench) newLoad(model string, p payload) (load, error) {
	l := load{filepath.Join(b.scratch, "post.lua"), "/v2/models/" + model + "/infer"}
	body := filepath.Join(b.scratch, "body")
	if err := os.WriteFile(body, p.body, 0o644); err != nil {
		return l, err
	}
	return l, os.WriteFile(l.script, fmt.Appendf(nil, wrkScript, body, p.headerLength), 0o644)
}

// block is what one run of wrk saw, and what the server spent on it.
type block struct {
	perSecond, p50, p99 float64 // latencies in microseconds
	cpu                 float64 // the server's, in microseconds a request
	requests            int64
}

// run loads the server for the duration.
func (l load) run(s *server, connections int, duration time.Duration) (block, error) {
	before, err := s.cpu()
	if err != nil {
		return block{}, err
	}
	// wrk takes whole seconds, or ends early by a signal and then prints its figures too.
	command := exec.Command("wrk", "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(duration/time.Second)+1), "-s", l.script, "http://"+s.address+l.path)
	var output strings.Builder
	command.Stdout = &output
	if err := command.Start(); err != nil {
		return block{}, err
	}
	timer := time.AfterFunc(duration, func() { _ = command.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	if err := command.Wait(); err != nil {
		return block{}, fmt.Errorf("wrk: %w: %s", err, output.String())
	}
	after, err := s.cpu()
	if err != nil {
		return block{}, err
	}
	_, line, _ := strings.Cut(output.String(), "FIGURES")
	var r block
	var microseconds, failed int64
	if _, err := fmt.Sscan(line, &r.requests, &microseconds, &r.p50, &r.p99, &failed); err != nil {
		return r, fmt.Errorf("wrk printed %q: %w", output.String(), err)
	}
	if failed > 0 || r.requests == 0 {
		return r, fmt.Errorf("%d of %d requests failed", failed, r.requests)
	}
	r.perSecond = float64(r.requests) / float64(microseconds) * 1e6
	r.cpu = float64((after - before).Nanoseconds()) / 1e3 / float64(r.requests)
	return r, nil
}
