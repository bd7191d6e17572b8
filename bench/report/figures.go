package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// figure is a line of bench/results. The first fields belong to every kind.
type figure struct {
	Kind      string `json:"kind"`
	Processor string `json:"processor"`
	Flags     string `json:"flags"`
	Date      string `json:"date"`

	// Of kind "models": one model at its stored inputs, beside onnxruntime.
	Case    string  `json:"case"`
	Class   string  `json:"class"`
	Threads int     `json:"threads"`
	Shapes  string  `json:"shapes"`
	Inferd  sample  `json:"inferd_us"`
	Peer    sample  `json:"onnxruntime_us"`
	Ratio   float64 `json:"ratio"`

	// Of kinds "serve" and "gpu": one property of the daemon, or of a GPU's work, with the bar it is held to.
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Bar    string  `json:"bar"`
	Met    bool    `json:"met"`
	Detail string  `json:"detail"`
}

// sample is a time in microseconds.
type sample struct {
	Median float64 `json:"median"`
	Low    float64 `json:"lower_quartile"`
	High   float64 `json:"upper_quartile"`
}

const (
	kindModels = "models"
	kindServe  = "serve"
	kindGPU    = "gpu"
)

// key tells which figures replace one another.
type key struct {
	kind, processor, name string
	threads               int
}

// read returns the newest figure of each key, in the order of kind, processor, threads, and first appearance.
func read(folder string) ([]figure, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var list []figure
	places := map[key]int{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		number := 0
		for line := range bytes.Lines(data) {
			number++
			f, err := parse(line)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, number, err)
			}
			k := key{f.Kind, f.Processor, f.Case + f.Name, f.Threads}
			if place, known := places[k]; !known {
				places[k] = len(list)
				list = append(list, f)
			} else if f.Date >= list[place].Date {
				list[place] = f
			}
		}
	}
	slices.SortStableFunc(list, func(a, b figure) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Processor, b.Processor), cmp.Compare(a.Threads, b.Threads))
	})
	return list, nil
}

func parse(line []byte) (figure, error) {
	var f figure
	if err := json.Unmarshal(line, &f); err != nil {
		return f, err
	}
	switch {
	case f.Processor == "" || f.Date == "":
		return f, fmt.Errorf("a figure without processor or date")
	case f.Kind == kindModels && (f.Case == "" || f.Threads < 1 || !(f.Ratio > 0)):
		return f, fmt.Errorf("a figure of a model without case, threads or ratio")
	case f.Kind != kindModels && f.Name == "":
		return f, fmt.Errorf("a figure without name")
	case f.Kind != kindModels && f.Kind != kindServe && f.Kind != kindGPU:
		return f, fmt.Errorf("unknown kind %q", f.Kind)
	}
	return f, nil
}

// groups cuts the list where what the function says changes.
func groups(list []figure, same func(a, b figure) bool) [][]figure {
	var parts [][]figure
	for i, f := range list {
		if i == 0 || !same(list[i-1], f) {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], f)
	}
	return parts
}

// mean is the geometric mean of the ratios of a class, or of all where the class is empty, and their number.
func mean(list []figure, class string) (float64, int) {
	sum, count := 0.0, 0
	for _, f := range list {
		if class == "" || f.Class == class {
			sum += math.Log(f.Ratio)
			count++
		}
	}
	return math.Exp(sum / float64(count)), count
}

func worst(list []figure) figure {
	return slices.MinFunc(list, func(a, b figure) int { return cmp.Compare(a.Ratio, b.Ratio) })
}

// newest leaves, of each kind, the processor that was measured last.
func newest(list []figure) []figure {
	processor, date := map[string]string{}, map[string]string{}
	for _, f := range list {
		if f.Date > date[f.Kind] {
			processor[f.Kind], date[f.Kind] = f.Processor, f.Date
		}
	}
	var left []figure
	for _, f := range list {
		if f.Processor == processor[f.Kind] {
			left = append(left, f)
		}
	}
	return left
}
