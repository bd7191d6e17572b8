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
	most := 0
	for range b.lengths.pairs {
		product, lines, err := b.startOnce(b.inferd)
		if err != nil {
			return err
		}
		plain, _, err := b.startOnce(b.plain)
		if err != nil {
			return err
		}
		differences, ours, most = append(differences, product-plain), append(ours, product), max(most, lines)
	}
	difference := spreadOf(differences)
	b.atMost(5, "ms", "start: above a build without GPUs", difference.median, "per pair %v; exec to ready with the sample models %v ms", difference, spreadOf(ours))
	b.atMost(1, "lines", "start: log lines about a missing GPU", float64(most), "warnings of any kind count too")
	return nil
}

// startOnce returns the time from exec to ready in milliseconds, and how many lines of the log speak of the GPU that is not there, or warn.
func (b *bench) startOnce(binary string) (elapsed float64, lines int, err error) {
	s, err := b.startBinary(binary, b.samples)
	if err != nil {
		return 0, 0, err
	}
	s.stop()
	started, _, _ := strings.Cut(s.log.String(), `"msg":"draining"`) // what follows belongs to the stop, of which nobody is told any more
	for line := range strings.Lines(started) {
		if strings.Contains(line, "GPU") || strings.Contains(strings.ToLower(line), "cuda") || strings.Contains(line, `"level":"WARN"`) {
			lines++
		}
	}
	return milliseconds(s.startTime), lines, nil
}
