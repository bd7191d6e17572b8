package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// figure is one comparison. A ratio above 1 means that inferd is faster.
type figure struct {
	Case    string  `json:"case"`
	Class   string  `json:"class"`
	Threads int     `json:"threads"`
	Shapes  string  `json:"shapes"`
	Inferd  sample  `json:"inferd_us"`
	Peer    sample  `json:"onnxruntime_us"`
	Ratio   float64 `json:"ratio"`
}

// sample holds the mean times of blocks in microseconds.
type sample struct {
	Median float64 `json:"median"`
	Low    float64 `json:"lower_quartile"`
	High   float64 `json:"upper_quartile"`
	blocks []float64
}

func (s *sample) add(elapsed time.Duration, calls int) {
	s.blocks = append(s.blocks, float64(elapsed.Nanoseconds())/1e3/float64(calls))
}

func (s *sample) finish() {
	slices.Sort(s.blocks)
	n := len(s.blocks)
	s.Low, s.Median, s.High = s.blocks[n/4], s.blocks[n/2], s.blocks[n*3/4]
}

func (s sample) String() string { return fmt.Sprintf("%.1f (%.1f-%.1f)", s.Median, s.Low, s.High) }

// classOf sorts models by what they spend their time on.
func classOf(operators map[string]int) string {
	dense := 0
	for name, count := range operators {
		switch {
		case strings.Contains(name, "TreeEnsemble"):
			return "trees"
		case strings.HasPrefix(name, "inferd.") || name == "LSTM" || name == "MatMul" || name == "Gemm" || name == "Conv":
			dense += count
		}
	}
	if dense > 4 || operators["LSTM"] > 0 {
		return "dense"
	}
	return "tiny"
}

func printSummary(figures []figure) {
	classes := map[string][]float64{}
	worst := math.Inf(1)
	for _, f := range figures {
		classes[f.Class] = append(classes[f.Class], f.Ratio)
		classes["overall"] = append(classes["overall"], f.Ratio)
		worst = min(worst, f.Ratio)
	}
	for _, class := range []string{"dense", "tiny", "trees", "overall"} {
		if len(classes[class]) > 0 {
			fmt.Printf("geometric mean, %-8s %6.2fx of %d\n", class, geometricMean(classes[class]), len(classes[class]))
		}
	}
	fmt.Printf("worst %.2fx\n", worst)
}

func geometricMean(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(list)))
}
