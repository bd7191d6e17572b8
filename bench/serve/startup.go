package main

import (
	"fmt"
	"strings"
)

// startup compares the product, which can use a GPU, with a build that cannot, on a host that has none: starts alternate.
func (b *bench) startup() error {
	if b.plain == "" {
		return fmt.Errorf("no build without GPUs to compare with: give -plain")
	}
	var differences, ours []float64
	for range b.lengths.pairs {
		product, err := b.startOnce(b.inferd)
		if err != nil {
			return err
		}
		plain, err := b.startOnce(b.plain)
		if err != nil {
			return err
		}
		differences, ours = append(differences, product-plain), append(ours, product)
	}
	difference := spreadOf(differences)
	b.atMost(5, "ms", "start: above a build without GPUs", difference.median, "per pair %v; exec to ready with the sample models %v ms", difference, spreadOf(ours))
	return b.warnings()
}

// startOnce returns the time from exec to ready in milliseconds.
func (b *bench) startOnce(binary string) (float64, error) {
	s, err := b.startBinary(binary, b.samples)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	return milliseconds(s.startTime), nil
}

// warnings counts what the log says about the GPU that is not there.
func (b *bench) warnings() error {
	s, err := b.startInferd(b.samples)
	if err != nil {
		return err
	}
	s.stop()
	lines := 0
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "GPU") || strings.Contains(strings.ToLower(line), "cuda") || strings.Contains(line, "level=WARN") {
			lines++
		}
	}
	b.atMost(1, "lines", "start: log lines about a missing GPU", float64(lines), "")
	return nil
}
