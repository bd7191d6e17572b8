package main

import (
	"errors"
	"os/exec"
)

// errNoWrk says that a tool is missing, not that something is wrong.
var errNoWrk = errors.New("wrk is not installed (Debian package wrk)")

// overhead compares the smallest model with a bare echo of the same response: what inferd adds to HTTP.
func (b *bench) overhead() error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errNoWrk
	}
	inferd, _, err := b.startModels(addSubName)
	if err != nil {
		return err
	}
	defer inferd.stop()
	request, err := newPayloadFor(inferd, addSubName)
	if err != nil {
		return err
	}
	c, err := dial(inferd.address)
	if err != nil {
		return err
	}
	defer c.close()
	answer, err := c.send(inferRequest(addSubName, request), true)
	if err != nil {
		return err
	}
	echo, err := b.startEcho(answer)
	if err != nil {
		return err
	}
	defer echo.stop()
	l, err := b.newLoad(addSubName, request)
	if err != nil {
		return err
	}
	many, err := b.alternate(l, inferd, echo, 16)
	if err != nil {
		return err
	}
	one, err := b.alternate(l, inferd, echo, 1)
	if err != nil {
		return err
	}
	b.atLeast(60, "%", "throughput of the echo's, 16 connections", 100*many.throughput.median,
		"per block %v; requests/s %v beside %v", many.throughput, many.inferdPerSecond, many.echoPerSecond)
	b.atMost(2, "x", "processor time of the echo's, 16 connections", many.cpu.median, "per block %v; us %v beside %v", many.cpu, many.inferdCPU, many.echoCPU)
	b.atMost(8, "us", "p50 above the echo's, 1 connection", one.p50.median, "per block %v; us %v beside %v", one.p50, one.inferdP50, one.echoP50)
	b.atMost(2, "x", "processor time of the echo's, 1 connection", one.cpu.median, "per block %v; us %v beside %v", one.cpu, one.inferdCPU, one.echoCPU)
	b.atMost(0.1, "each", "heap objects a request", many.objects, "socket to socket, 16 connections")
	return nil
}

// newPayloadFor makes a request from the metadata that the server tells.
func newPayloadFor(s *server, model string, sizes ...int64) (payload, error) {
	metadata, err := exchange(s.address, "GET", "/v2/models/"+model)
	if err != nil {
		return payload{}, err
	}
	return newPayload(metadata, sizes...)
}

// comparison holds ratios and differences of neighbouring blocks.
type comparison struct {
	throughput, cpu, p50           spread
	inferdPerSecond, echoPerSecond spread
	inferdCPU, echoCPU             spread
	inferdP50, echoP50             spread
	objects                        float64
}

// alternate runs blocks on inferd and on the echo in turn.
func (b *bench) alternate(l load, inferd, echo *server, connections int) (comparison, error) {
	const allocated = "go_memstats_mallocs_total"
	var ours, theirs []block
	objects, requests := 0.0, int64(0)
	first, err := inferd.metric(allocated)
	if err != nil {
		return comparison{}, err
	}
	second, err := inferd.metric(allocated)
	if err != nil {
		return comparison{}, err
	}
	reading := second - first // what a look at the metrics allocates itself
	for i := range b.lengths.blocks + 1 {
		before, err := inferd.metric(allocated)
		if err != nil {
			return comparison{}, err
		}
		mine, err := l.run(inferd, connections, b.lengths.block)
		if err != nil {
			return comparison{}, err
		}
		after, err := inferd.metric(allocated)
		if err != nil {
			return comparison{}, err
		}
		its, err := l.run(echo, connections, b.lengths.block)
		if err != nil {
			return comparison{}, err
		}
		if i == 0 {
			continue // warm-up
		}
		ours, theirs = append(ours, mine), append(theirs, its)
		objects, requests = objects+after-before-reading, requests+mine.requests
	}
	pairs := func(combine func(mine, its block) float64) spread {
		var values []float64
		for i := range ours {
			values = append(values, combine(ours[i], theirs[i]))
		}
		return spreadOf(values)
	}
	return comparison{
		throughput:      pairs(func(mine, its block) float64 { return mine.perSecond / its.perSecond }),
		cpu:             pairs(func(mine, its block) float64 { return mine.cpu / its.cpu }),
		p50:             pairs(func(mine, its block) float64 { return mine.p50 - its.p50 }),
		inferdPerSecond: pairs(func(mine, _ block) float64 { return mine.perSecond }),
		echoPerSecond:   pairs(func(_, its block) float64 { return its.perSecond }),
		inferdCPU:       pairs(func(mine, _ block) float64 { return mine.cpu }),
		echoCPU:         pairs(func(_, its block) float64 { return its.cpu }),
		inferdP50:       pairs(func(mine, _ block) float64 { return mine.p50 }),
		echoP50:         pairs(func(_, its block) float64 { return its.p50 }),
		objects:         max(0, objects) / float64(requests),
	}, nil
}
