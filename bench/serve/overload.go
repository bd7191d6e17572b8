package main

import (
	"context"
	"time"
)

// credits of a model, as inferd serve has them by default.
const credits = 256

// overload offers twice what the server can do, on a fixed schedule.
func (b *bench) overload() error {
	s, _, err := b.startModels("minilm")
	if err != nil {
		return err
	}
	defer s.stop()
	body, err := newPayloadFor(s, "minilm", 1, 16, 1, 16, 1, 16)
	if err != nil {
		return err
	}
	request, segment := inferRequest("minilm", body), b.lengths.overload/time.Duration(b.lengths.segments)
	measure := func() (float64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), segment/2)
		defer cancel()
		o, err := closedLoop(ctx, s.address, request, 2*b.lengths.clients, 0, 0)
		return float64(o.statuses[200]) / o.elapsed.Seconds(), err
	}
	if _, err := measure(); err != nil { // compiles the programs
		return err
	}
	before, err := measure()
	if err != nil {
		return err
	}
	var goodputs, capacities, shares, bounds, p99s []float64
	var sizes []int64
	statuses := map[int]int{}
	for range b.lengths.segments {
		watch := s.watchMemory(segment / 8)
		o, err := openLoop(s.address, request, 2*before, segment, 2*credits)
		sizes = append(sizes, watch()...)
		if err != nil {
			return err
		}
		after, err := measure()
		if err != nil {
			return err
		}
		for status, count := range o.statuses {
			statuses[status] += count
		}
		goodput, capacity, p99 := float64(o.statuses[200])/o.elapsed.Seconds(), (before+after)/2, milliseconds(quantile(o.latencies, 0.99))
		goodputs, capacities, shares = append(goodputs, goodput), append(capacities, capacity), append(shares, 100*goodput/capacity)
		bounds, p99s = append(bounds, p99/(1000*credits/goodput)), append(p99s, p99)
		before = after
	}
	total, others := 0, 0
	for status, count := range statuses {
		total += count
		if status != 200 && status != 503 {
			others += count
		}
	}
	b.atMost(0, "", "overload: answers but 200 and 503", float64(others), "%d answers in %v at twice the capacity: %v", total, b.lengths.overload, statuses)
	b.atLeast(90, "%", "overload: goodput of the capacity", spreadOf(shares).median, "per segment %v; %v/s, capacity %v/s", spreadOf(shares), spreadOf(goodputs), spreadOf(capacities))
	b.atMost(1.25, "x", "overload: p99 of accepted / (credits/goodput)", spreadOf(bounds).median, "per segment %v; p99 %v ms", spreadOf(bounds), spreadOf(p99s))
	b.memoryFlat("overload", sizes)
	return nil
}

// memoryFlat compares the resident size at the end with that halfway, when every buffer and program that the load needs is there.
func (b *bench) memoryFlat(name string, sizes []int64) {
	quarter, half, last := sizes[len(sizes)/4], sizes[len(sizes)/2], sizes[len(sizes)-1]
	b.atMost(8, "MB", name+": growth of RSS in the second half", megabytes(last-half), "%.4g MB after a quarter, %.4g halfway, %.4g at the end",
		megabytes(quarter), megabytes(half), megabytes(last))
}

// watchMemory samples the resident size until the returned function is called.
func (s *server) watchMemory(every time.Duration) func() []int64 {
	end, result := make(chan struct{}), make(chan []int64)
	go func() {
		var sizes []int64
		for {
			if size, err := s.memory("VmRSS"); err == nil { // a server that died fails the load
				sizes = append(sizes, size)
			}
			select {
			case <-end:
				result <- sizes
				return
			case <-time.After(every):
			}
		}
	}()
	return func() []int64 {
		close(end)
		return <-result
	}
}
