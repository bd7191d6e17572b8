package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// settle is how long a server that has just become ready is left alone before it counts as idle.
const settle = 3 * time.Second

// idle measures what a server with models takes while nobody asks.
func (b *bench) idle() error {
	s, _, err := b.startModels(b.lengths.models...)
	if err != nil {
		return err
	}
	defer s.stop()
	// A server that has served is idle in another way than one that never did: connections stay open.
	request, err := newPayloadFor(s, "mlp", 1)
	if err != nil {
		return err
	}
	c, err := dial(s.address)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.send(inferRequest("mlp", request), false); err != nil {
		return err
	}
	time.Sleep(min(settle, b.lengths.idle))
	before, err := s.cpu()
	if err != nil {
		return err
	}
	time.Sleep(b.lengths.idle)
	after, err := s.cpu()
	if err != nil {
		return err
	}
	b.atMost(0.2, "%", "idle: processor time of one core", 100*float64(after-before)/float64(b.lengths.idle),
		"%v in %v with %d models and an open connection", (after - before).Round(time.Microsecond), b.lengths.idle, len(b.lengths.models))
	return nil
}

// memory measures starts and footprints.
func (b *bench) memory() error {
	binary, err := os.Stat(b.inferd)
	if err != nil {
		return err
	}
	b.atMost(25, "MB", "binary", megabytes(binary.Size()), "")
	if err := b.idleMemory(); err != nil {
		return err
	}
	s, folder, err := b.startModels("minilm")
	if err != nil {
		return err
	}
	starts := []float64{milliseconds(s.startTime)}
	for range b.lengths.starts - 1 { // the first start warms the page cache; the last server is measured further
		s.stop()
		if s, err = b.startInferd(folder); err != nil {
			return err
		}
		starts = append(starts, milliseconds(s.startTime))
	}
	busy, err := s.cpu()
	if err != nil {
		return err
	}
	defer s.stop()
	start := spreadOf(starts[1:])
	b.atMost(400, "ms", "MiniLM: exec to ready", start.median, "%v, fastest %.4g; processor time of the last %.4g ms", start, slices.Min(starts), milliseconds(busy))
	return b.loadedMemory(s, folder)
}

func (b *bench) idleMemory() error {
	s, err := b.startInferd(b.samples)
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(min(settle, b.lengths.idle))
	resident, err := s.memory("VmRSS")
	if err != nil {
		return err
	}
	b.atMost(40, "MB", "idle daemon with the sample models: RSS", megabytes(resident), "")
	return nil
}

// loadedMemory is the resident size after many connections with large answers.
func (b *bench) loadedMemory(s *server, folder string) error {
	file, err := os.Stat(modelFile(folder, "minilm"))
	if err != nil {
		return err
	}
	idle, err := s.memory("VmRSS")
	if err != nil {
		return err
	}
	request, err := newPayloadFor(s, "minilm", 8, 32, 8, 32, 8, 32)
	if err != nil {
		return err
	}
	o, err := closedLoop(context.Background(), s.address, inferRequest("minilm", request), b.lengths.clients, b.lengths.requests, 0)
	if err != nil {
		return err
	}
	if want := b.lengths.clients * b.lengths.requests; o.statuses[200] != want {
		return fmt.Errorf("statuses %v, want %d times 200", o.statuses, want)
	}
	resident, err := s.memory("VmRSS")
	if err != nil {
		return err
	}
	peak, err := s.memory("VmHWM")
	if err != nil {
		return err
	}
	b.atMost(80, "MB", fmt.Sprintf("MiniLM 8x32 on %d connections: RSS - weights", b.lengths.clients), megabytes(resident-file.Size()),
		"RSS %.4g MB, peak %.4g, after the start %.4g; weights %.4g; %d requests",
		megabytes(resident), megabytes(peak), megabytes(idle), megabytes(file.Size()), o.statuses[200])
	return nil
}
