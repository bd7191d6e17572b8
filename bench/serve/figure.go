package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// figure is one number, the bar that it should reach, and how it came about.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Bar    string  `json:"bar"`
	Met    bool    `json:"met"`
	Detail string  `json:"detail"`
}

// atMost prints and keeps a figure that should not be above the bar.
func (b *bench) atMost(bar float64, unit, name string, value float64, detail string, args ...any) {
	b.add(figure{name, round(value), unit, fmt.Sprintf("at most %g", bar), value <= bar, fmt.Sprintf(detail, args...)})
}

// atLeast prints and keeps a figure that should not be below the bar.
func (b *bench) atLeast(bar float64, unit, name string, value float64, detail string, args ...any) {
	b.add(figure{name, round(value), unit, fmt.Sprintf("at least %g", bar), value >= bar, fmt.Sprintf(detail, args...)})
}

func (b *bench) add(f figure) {
	verdict := "ok"
	if !f.Met {
		verdict = "MISSED"
	}
	fmt.Printf("  %-44s %10.4g %-5s %-12s %-6s %s\n", f.Name, f.Value, f.Unit, f.Bar, verdict, f.Detail)
	b.figures = append(b.figures, f)
}

// round keeps four significant digits.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// spread is the median and the quartiles of a figure's blocks.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{sorted[n/4], sorted[n/2], sorted[n*3/4]}
}

func (s spread) String() string { return fmt.Sprintf("%.4g (%.4g-%.4g)", s.median, s.low, s.high) }

// quantile is the time that the share q of the latencies does not exceed. It sorts them.
func quantile(latencies []time.Duration, q float64) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	return latencies[min(len(latencies)-1, int(q*float64(len(latencies))))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
