package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"
)

// company measures a small model's latency while a large one is saturated on the same processors.
func (b *bench) company() error {
	s, _, err := b.startModels("mlp", "vit_tiny")
	if err != nil {
		return err
	}
	defer s.stop()
	small, err := newPayloadFor(s, "mlp", 1)
	if err != nil {
		return err
	}
	large, err := newPayloadFor(s, "vit_tiny", 1)
	if err != nil {
		return err
	}
	const think = 2 * time.Millisecond
	measure := func() (latencies []time.Duration, p99s []float64, err error) {
		for range b.lengths.companyBlocks {
			ctx, cancel := context.WithTimeout(context.Background(), b.lengths.company/time.Duration(b.lengths.companyBlocks))
			o, err := closedLoop(ctx, s.address, inferRequest("mlp", small), 1, 0, think)
			cancel()
			if err != nil {
				return nil, nil, err
			}
			latencies, p99s = append(latencies, o.latencies...), append(p99s, milliseconds(quantile(o.latencies, 0.99)))
		}
		return latencies, p99s, nil
	}
	alone, _, err := measure()
	if err != nil {
		return err
	}
	saturate, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var company outcome
	var companyErr error
	group.Go(func() {
		company, companyErr = closedLoop(saturate, s.address, inferRequest("vit_tiny", large), 4, 0, 0)
	})
	time.Sleep(b.lengths.company / 10)
	crowded, p99s, err := measure()
	stop()
	group.Wait()
	if err != nil {
		return err
	}
	if companyErr != nil {
		return companyErr
	}
	b.atMost(10, "ms", "mlp's p99 while vit_tiny is saturated", spreadOf(p99s).median,
		"per block %v, of all %.3g, p50 %.3g, %d requests; alone p99 %.3g, p50 %.3g; vit_tiny %.3g/s", spreadOf(p99s),
		milliseconds(quantile(crowded, 0.99)), milliseconds(quantile(crowded, 0.5)), len(crowded),
		milliseconds(quantile(alone, 0.99)), milliseconds(quantile(alone, 0.5)), float64(len(company.latencies))/company.elapsed.Seconds())
	return nil
}

// reloads replaces a model again and again while it is asked.
func (b *bench) reloads() error {
	s, folder, err := b.startModels("mlp")
	if err != nil {
		return err
	}
	defer s.stop()
	body, err := newPayloadFor(s, "mlp", 1)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var group sync.WaitGroup
	var o outcome
	var loadErr error
	group.Go(func() { o, loadErr = closedLoop(ctx, s.address, inferRequest("mlp", body), 4, 0, 0) })
	var sizes []int64
	reload := func() error {
		if err := layOut(folder, b.cases, "mlp"); err != nil {
			return err
		}
		if _, err := exchange(s.address, "POST", "/v2/repository/models/mlp/load"); err != nil {
			return err
		}
		size, err := s.memory("VmRSS")
		sizes = append(sizes, size)
		return err
	}
	began := time.Now()
	for range b.lengths.reloads {
		if err = reload(); err != nil {
			break
		}
	}
	elapsed := time.Since(began)
	stop()
	group.Wait()
	if err != nil {
		return err
	}
	if loadErr != nil {
		return fmt.Errorf("a connection failed: %w", loadErr)
	}
	s.stop()
	if loads := bytes.Count(s.log.Bytes(), []byte("model loaded")); loads != b.lengths.reloads+1 {
		return fmt.Errorf("%d loads for %d reloads", loads-1, b.lengths.reloads)
	}
	failed := 0
	for status, count := range o.statuses {
		if status != 200 {
			failed += count
		}
	}
	b.atMost(0, "", "reloads: failed requests", float64(failed), "%d answered during %d reloads in %v; p99 %.3g ms", o.statuses[200], b.lengths.reloads, elapsed.Round(time.Millisecond),
		milliseconds(quantile(o.latencies, 0.99)))
	b.memoryFlat("reloads", sizes)
	return nil
}
