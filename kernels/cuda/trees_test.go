package cuda_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/trees"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// evaluateTrees runs an ensemble over rows and returns the bytes of scores and labels.
func evaluateTrees(t *testing.T, library *emulation.Library, e *trees.Ensemble, x []float64, rows int, processors int64) (scores, labels []byte) {
	t.Helper()
	model, err := cuda.PackTrees(e)
	if err != nil {
		t.Fatal(err)
	}
	in, packed := emulation.NewBuffer(t, emulation.Encode(cuda.Float32, x), 0), emulation.NewBuffer(t, model.Packed, 0)
	out, names := emulation.NewBuffer(t, make([]byte, 4*rows*e.Targets), 0), emulation.NewBuffer(t, make([]byte, 8*rows), 0)
	label := step.Operand{}
	if e.Classifier {
		label = names.Operand()
	}
	launches, err := model.Plan(cuda.TreesCall{
		Rows: int64(rows), Features: int64(len(x) / rows), X: in.Operand(), Packed: packed.Operand(), Scores: out.Operand(), Labels: label, Processors: processors,
	})
	runAll(t, library, launches, err)
	return out.Bytes(), names.Bytes()
}

// recordedTrees is a case that onnxruntime computed; see kernels/cpu/trees/testdata/generate.py.
type recordedTrees struct {
	Classifier bool
	Targets    int
	Aggregate  string
	Attributes map[string]json.RawMessage
	X, Scores  string
	Labels     []int64
}

func (c *recordedTrees) ensemble(t *testing.T) *trees.Ensemble {
	e := &trees.Ensemble{Targets: c.Targets, Classifier: c.Classifier, Aggregate: c.Aggregate}
	prefix := map[bool]string{false: "target", true: "class"}[c.Classifier]
	for name, to := range map[string]any{
		"nodes_treeids": &e.NodeTreeIDs, "nodes_nodeids": &e.NodeIDs, "nodes_featureids": &e.NodeFeatureIDs, "nodes_modes": &e.NodeModes,
		"nodes_values": &e.NodeValues, "nodes_truenodeids": &e.NodeTrueIDs, "nodes_falsenodeids": &e.NodeFalseIDs,
		"nodes_missing_value_tracks_true": &e.NodeMissingIsTrue, "post_transform": &e.PostTransform, "base_values": &e.BaseValues,
		"classlabels_int64s": &e.Labels, prefix + "_treeids": &e.LeafTreeIDs, prefix + "_nodeids": &e.LeafNodeIDs,
		prefix + "_ids": &e.LeafTargets, prefix + "_weights": &e.LeafWeights,
	} {
		if raw, ok := c.Attributes[name]; ok {
			if err := json.Unmarshal(raw, to); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return e
}

func parseNumbers(t *testing.T, text string) []float64 {
	t.Helper()
	var list []float64
	for _, field := range strings.Fields(text) {
		value, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
	}
	return list
}

// TestTreesAgainstOnnxruntime: every mode of nodes, rule for missing values, aggregate, post-transform and shape of votes occurs.
func TestTreesAgainstOnnxruntime(t *testing.T) {
	library := emulation.Open(t)
	file, err := os.Open("../cpu/trees/testdata/cases.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []recordedTrees
	if err := json.NewDecoder(unzipped).Decode(&cases); err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		x, want := parseNumbers(t, c.X), parseNumbers(t, c.Scores)
		rows := len(want) / c.Targets
		scores, labels := evaluateTrees(t, library, c.ensemble(t), x, rows, 1)
		emulation.Compare(t, fmt.Sprintf("case %d", i), cuda.Float32, scores, want, emulation.Tolerance{Relative: 1e-3, Scale: 1e-2})
		for row, label := range c.Labels {
			if got := int64(emulation.Decode(cuda.Int64, labels)[row]); got != label {
				t.Errorf("case %d: label %d is %d, want %d", i, row, got, label)
			}
		}
	}
}

// growTrees makes lopsided trees of some leaves each; with lists every leaf votes for two targets.
func growTrees(seed uint64, count, leaves, features, targets int, lists bool) *trees.Ensemble {
	random := rand.New(rand.NewPCG(seed, 2))
	e := &trees.Ensemble{Targets: targets, Classifier: targets > 1}
	for i := range targets {
		e.Labels = append(e.Labels, int64(10*i))
	}
	for tree := range count {
		first, open := len(e.NodeIDs), []int{0}
		for id := range 2*leaves - 1 {
			e.NodeTreeIDs, e.NodeIDs = append(e.NodeTreeIDs, int64(tree)), append(e.NodeIDs, int64(id))
			e.NodeModes, e.NodeValues = append(e.NodeModes, "LEAF"), append(e.NodeValues, float32(random.IntN(9)-4)/2)
			e.NodeFeatureIDs, e.NodeMissingIsTrue = append(e.NodeFeatureIDs, int64(random.IntN(features))), append(e.NodeMissingIsTrue, int64(random.IntN(2)))
			e.NodeTrueIDs, e.NodeFalseIDs = append(e.NodeTrueIDs, 0), append(e.NodeFalseIDs, 0)
		}
		for next := 1; next < 2*leaves-1; next += 2 {
			pick := random.IntN(len(open))
			at := first + open[pick]
			open[pick] = next
			open = append(open, next+1)
			e.NodeModes[at] = []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"}[random.IntN(4)]
			e.NodeTrueIDs[at], e.NodeFalseIDs[at] = int64(next), int64(next+1)
		}
		for _, id := range open {
			for vote := range 1 + map[bool]int{true: 1}[lists] {
				e.LeafTreeIDs, e.LeafNodeIDs = append(e.LeafTreeIDs, int64(tree)), append(e.LeafNodeIDs, int64(id))
				e.LeafTargets = append(e.LeafTargets, int64((tree+vote*id)%targets))
				e.LeafWeights = append(e.LeafWeights, float32(random.NormFloat64()))
			}
		}
	}
	return e
}

// walkTrees walks the attributes themselves, in float64.
func walkTrees(e *trees.Ensemble, row []float64) []float64 {
	sums := make([]float64, e.Targets)
	for first, id := range e.NodeIDs {
		if id != 0 {
			continue
		}
		at := first
		for e.NodeModes[at] != "LEAF" {
			x, threshold := row[e.NodeFeatureIDs[at]], float64(e.NodeValues[at])
			holds := map[string]bool{"BRANCH_LEQ": x <= threshold, "BRANCH_LT": x < threshold, "BRANCH_GTE": x >= threshold, "BRANCH_GT": x > threshold}[e.NodeModes[at]]
			if holds || x != x && e.NodeMissingIsTrue[at] == 1 {
				at = first + int(e.NodeTrueIDs[at])
			} else {
				at = first + int(e.NodeFalseIDs[at])
			}
		}
		for i := range e.LeafTreeIDs {
			if e.LeafTreeIDs[i] == e.NodeTreeIDs[at] && e.LeafNodeIDs[i] == e.NodeIDs[at] {
				sums[e.LeafTargets[i]] += float64(e.LeafWeights[i])
			}
		}
	}
	return sums
}

// TestTrees holds sums to float64, and rows to themselves alone: on thresholds, missing, infinite, with more features than shared memory has room for.
func TestTrees(t *testing.T) {
	library := emulation.Open(t)
	for i, c := range []struct {
		trees, leaves, features, targets, rows int
		lists                                  bool
	}{
		{1, 1, 1, 1, 3, false}, {3, 2, 2, 1, 1, false}, {9, 8, 3, 1, 65, false}, {300, 4, 5, 3, 33, false}, {13, 64, 5, 4, 7, true}, {20, 6, 9000, 2, 3, false},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			e := growTrees(uint64(i), c.trees, c.leaves, c.features, c.targets, c.lists)
			x := randomValues(cuda.Float32, c.rows*c.features, uint64(i))
			for k := range x {
				switch k % 5 {
				case 0:
					x[k] = math.Round(2*x[k]) / 2
				case 1:
					x[k] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[k%4]
				}
			}
			scores, labels := evaluateTrees(t, library, e, x, c.rows, 1)
			for row := range c.rows {
				values := x[row*c.features : (row+1)*c.features]
				among := scores[4*row*c.targets : 4*(row+1)*c.targets]
				alone, label := evaluateTrees(t, library, e, values, 1, 128)
				if !bytes.Equal(alone, among) || !bytes.Equal(label, labels[8*row:8*row+8]) {
					t.Fatalf("row %d gives other bits alone", row)
				}
				if c.targets != 2 { // of which one score is made of the other
					emulation.Compare(t, fmt.Sprint("row ", row), cuda.Float32, among, walkTrees(e, values), emulation.Tolerance{Relative: 1e-5, Scale: 10})
				}
			}
		})
	}
}
