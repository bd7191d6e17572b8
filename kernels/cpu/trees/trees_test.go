package trees

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// evaluate runs the model over the rows of x and returns the scores and, for a classifier, the labels.
func evaluate(t testing.TB, m *Model, level isa.Level, kernel Kernel, x []float32, rows, features int) ([]float32, []int64) {
	t.Helper()
	stride := len(x) / rows
	in, packed := steptest.From(t, x), steptest.From(t, m.Packed)
	scores, labels := steptest.NewBuffer(t, 4*rows*m.ensemble.Targets), steptest.NewBuffer(t, 8*rows)
	call := Call{Rows: rows, Features: features, RowStride: stride, X: in.Operand(), Packed: packed.Operand(), Scores: scores.Operand()}
	if m.ensemble.Classifier {
		call.Labels = labels.Operand()
	}
	steps, err := m.Plan(level, kernel, call)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		steptest.Run(t, &steps[i], in, packed, scores, labels)
	}
	return append([]float32(nil), steptest.View[float32](scores)...), append([]int64(nil), steptest.View[int64](labels)...)
}

// kernels lists the kernels that can evaluate the model.
func kernels(m *Model) map[string]Kernel {
	if m.QuickSupported() {
		return map[string]Kernel{"quick": Quick, "walk": Walk}
	}
	return map[string]Kernel{"walk": Walk}
}

func near(got, want, rtol, atol float64) bool {
	if math.IsNaN(want) || math.IsInf(want, 0) {
		return got == want || math.IsNaN(got) && math.IsNaN(want)
	}
	return math.Abs(got-want) <= atol+rtol*math.Abs(want)
}

// recordedCase is a case of testdata/cases.json.gz; see testdata/generate.py.
type recordedCase struct {
	Classifier bool
	Targets    int
	Aggregate  string
	Attributes map[string]json.RawMessage
	X, Scores  string
	Labels     []int64
}

func (c *recordedCase) ensemble(t *testing.T) *Ensemble {
	e := &Ensemble{Targets: c.Targets, Classifier: c.Classifier, Aggregate: c.Aggregate}
	prefix := "target"
	if c.Classifier {
		prefix = "class"
	}
	for name, destination := range map[string]any{
		"nodes_treeids": &e.NodeTreeIDs, "nodes_nodeids": &e.NodeIDs, "nodes_featureids": &e.NodeFeatureIDs, "nodes_modes": &e.NodeModes,
		"nodes_values": &e.NodeValues, "nodes_truenodeids": &e.NodeTrueIDs, "nodes_falsenodeids": &e.NodeFalseIDs,
		"nodes_missing_value_tracks_true": &e.NodeMissingIsTrue, "post_transform": &e.PostTransform, "base_values": &e.BaseValues,
		"classlabels_int64s": &e.Labels, prefix + "_treeids": &e.LeafTreeIDs, prefix + "_nodeids": &e.LeafNodeIDs,
		prefix + "_ids": &e.LeafTargets, prefix + "_weights": &e.LeafWeights,
	} {
		if raw, exists := c.Attributes[name]; exists {
			if err := json.Unmarshal(raw, destination); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return e
}

func parseFloats(t *testing.T, text string) []float32 {
	var values []float32
	for _, field := range strings.Fields(text) {
		value, err := strconv.ParseFloat(field, 32)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, float32(value))
	}
	return values
}

func TestAgainstOnnxruntime(t *testing.T) {
	file, err := os.Open("testdata/cases.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []recordedCase
	if err := json.NewDecoder(unzipped).Decode(&cases); err != nil {
		t.Fatal(err)
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i := range cases {
			c := &cases[i]
			m, err := Compile(c.ensemble(t))
			if err != nil {
				t.Fatalf("case %d: %v", i, err)
			}
			x, want := parseFloats(t, c.X), parseFloats(t, c.Scores)
			rows := len(want) / c.Targets
			for name, kernel := range kernels(m) {
				scores, labels := evaluate(t, m, level, kernel, x, rows, len(x)/rows)
				for j := range want {
					if !near(float64(scores[j]), float64(want[j]), 1e-3, 1e-5) {
						t.Errorf("case %d, %s: score %d is %g, want %g", i, name, j, scores[j], want[j])
					}
				}
				for row := range c.Labels {
					if labels[row] != c.Labels[row] {
						t.Errorf("case %d, %s: label %d is %d, want %d", i, name, row, labels[row], c.Labels[row])
					}
				}
			}
		}
	})
}

// randomEnsemble grows trees of about the given number of leaves, lopsided as boosting with leaf-wise growth makes them.
func randomEnsemble(seed uint64, trees, leaves, features, targets int, thresholds int) *Ensemble {
	random := rand.New(rand.NewPCG(seed, 2))
	e := &Ensemble{Targets: targets, Classifier: targets > 1}
	for tree := range trees {
		size := 2*leaves - 1
		first := len(e.NodeIDs)
		for id := range size {
			e.NodeTreeIDs, e.NodeIDs = append(e.NodeTreeIDs, int64(tree)), append(e.NodeIDs, int64(id))
			e.NodeModes, e.NodeValues = append(e.NodeModes, "LEAF"), append(e.NodeValues, 0)
			e.NodeFeatureIDs, e.NodeMissingIsTrue = append(e.NodeFeatureIDs, 0), append(e.NodeMissingIsTrue, 0)
			e.NodeTrueIDs, e.NodeFalseIDs = append(e.NodeTrueIDs, 0), append(e.NodeFalseIDs, 0)
		}
		open := []int{0}
		for next := 1; next < size; next += 2 {
			pick := random.IntN(len(open))
			if random.IntN(2) == 0 {
				pick = len(open) - 1
			}
			at := first + open[pick]
			open[pick] = next
			open = append(open, next+1)
			e.NodeModes[at] = []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"}[random.IntN(4)]
			e.NodeFeatureIDs[at], e.NodeMissingIsTrue[at] = int64(random.IntN(features)), int64(random.IntN(2))
			e.NodeValues[at] = float32(random.IntN(thresholds)-thresholds/2) / float32(thresholds) * 4
			e.NodeTrueIDs[at], e.NodeFalseIDs[at] = int64(next), int64(next+1)
		}
		for _, id := range open {
			e.LeafTreeIDs, e.LeafNodeIDs = append(e.LeafTreeIDs, int64(tree)), append(e.LeafNodeIDs, int64(id))
			e.LeafTargets = append(e.LeafTargets, int64(tree%targets))
			e.LeafWeights = append(e.LeafWeights, float32(random.NormFloat64()))
		}
	}
	return e
}

// plainSums walks the attributes themselves in float64.
func plainSums(e *Ensemble, row []float32) []float64 {
	sums := make([]float64, e.Targets)
	leaf := map[nodeKey]int{}
	for i := range e.LeafTreeIDs {
		leaf[nodeKey{e.LeafTreeIDs[i], e.LeafNodeIDs[i]}] = i
	}
	for first := range e.NodeIDs {
		if e.NodeIDs[first] != 0 {
			continue
		}
		at := first
		for e.NodeModes[at] != "LEAF" {
			x, threshold := row[e.NodeFeatureIDs[at]], e.NodeValues[at]
			holds := map[string]bool{"BRANCH_LEQ": x <= threshold, "BRANCH_LT": x < threshold, "BRANCH_GTE": x >= threshold, "BRANCH_GT": x > threshold}[e.NodeModes[at]]
			if holds || x != x && e.NodeMissingIsTrue[at] == 1 {
				at = first + int(e.NodeTrueIDs[at])
			} else {
				at = first + int(e.NodeFalseIDs[at])
			}
		}
		i := leaf[nodeKey{e.NodeTreeIDs[at], e.NodeIDs[at]}]
		sums[e.LeafTargets[i]] += float64(e.LeafWeights[i])
	}
	return sums
}

// randomRows mixes values between, on and far beyond the thresholds, with NaN, infinities and both zeros.
func randomRows(seed uint64, n, thresholds int) []float32 {
	random := rand.New(rand.NewPCG(seed, 3))
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), 1e-42}
	x := make([]float32, n)
	for i := range x {
		switch random.IntN(4) {
		case 0:
			x[i] = special[random.IntN(len(special))]
		case 1:
			x[i] = float32(random.IntN(thresholds)-thresholds/2) / float32(thresholds) * 4
		default:
			x[i] = float32(random.NormFloat64())
		}
	}
	return x
}

var shapes = []struct{ trees, leaves, features, targets, thresholds, rows int }{
	{1, 1, 1, 1, 4, 3},
	{3, 2, 2, 1, 4, 1},
	{9, 8, 3, 1, 16, 33},
	{21, 63, 7, 1, 64, 130},
	{13, 64, 5, 3, 4096, 70}, // more than 255 thresholds a feature
	{6, 65, 5, 1, 64, 17},
	{10, 400, 6, 2, 4096, 75},
	{40, 31, 200, 4, 32, 257},
}

func TestRandomEnsembles(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, s := range shapes {
			e := randomEnsemble(uint64(i), s.trees, s.leaves, s.features, s.targets, s.thresholds)
			m, err := Compile(e)
			if err != nil {
				t.Fatal(err)
			}
			if m.QuickSupported() != (s.leaves <= 64) {
				t.Errorf("shape %v: quick supported is %t", s, m.QuickSupported())
			}
			stride := s.features + i%3
			x := randomRows(uint64(i), s.rows*stride, s.thresholds)
			for name, kernel := range kernels(m) {
				scores, labels := evaluate(t, m, level, kernel, x, s.rows, s.features)
				for row := range s.rows {
					want := plainSums(e, x[row*stride:])
					best := 0
					for c := range want {
						got := float64(scores[row*s.targets+c])
						if !near(got, want[c], 1e-5, 1e-4) {
							t.Fatalf("shape %v, %s: row %d target %d is %g, want %g", s, name, row, c, got, want[c])
						}
						if want[c] > want[best] {
							best = c
						}
					}
					if s.targets > 2 && labels[row] != int64(best) {
						t.Errorf("shape %v, %s: label of row %d is %d, want %d", s, name, row, labels[row], best)
					}
				}
			}
		}
	})
}

// TestRowAlone: neither the kernel nor the company of other rows changes a bit of a row's result.
func TestRowAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, s := range shapes {
			m, err := Compile(randomEnsemble(uint64(i), s.trees, s.leaves, s.features, s.targets, s.thresholds))
			if err != nil {
				t.Fatal(err)
			}
			x := randomRows(uint64(i), s.rows*s.features, s.thresholds)
			alone := make([]string, s.rows)
			for row := range alone {
				scores, labels := evaluate(t, m, level, Walk, x[row*s.features:(row+1)*s.features], 1, s.features)
				alone[row] = fmt.Sprintf("%x %d", scores, labels)
			}
			for name, kernel := range kernels(m) {
				scores, labels := evaluate(t, m, level, kernel, x, s.rows, s.features)
				for row := range alone {
					got := fmt.Sprintf("%x %d", scores[row*s.targets:(row+1)*s.targets], labels[row:row+1])
					if got != alone[row] {
						t.Fatalf("shape %v, %s: row %d gives %s among others, %s alone", s, name, row, got, alone[row])
					}
				}
			}
		}
	})
}

func TestPlanErrors(t *testing.T) {
	m, err := Compile(randomEnsemble(1, 2, 70, 5, 1, 8))
	if err != nil {
		t.Fatal(err)
	}
	good := Call{Rows: 2, Features: 5, RowStride: 5, X: step.Operand{Base: 2}, Packed: step.Operand{Base: 1}, Scores: step.Operand{Base: 3}}
	for want, call := range map[string]Call{
		"0 rows": {Rows: 0, Features: 5, RowStride: 5}, "rows have 4 features": {Rows: 1, Features: 4, RowStride: 5},
		"row stride 4": {Rows: 1, Features: 5, RowStride: 4},
	} {
		if _, err := m.Plan(isa.Scalar, Automatic, call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	if _, err := m.Plan(isa.Scalar, Quick, good); err == nil {
		t.Error("the quick kernel took a tree of 70 leaves")
	}
	if _, err := m.Plan(isa.Scalar, Automatic, good); err != nil {
		t.Error(err)
	}
}
