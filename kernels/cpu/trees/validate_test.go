package trees

import (
	"math"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
)

// stump is one node with two leaves.
func stump() *Ensemble {
	return &Ensemble{
		NodeTreeIDs: []int64{0, 0, 0}, NodeIDs: []int64{0, 1, 2}, NodeFeatureIDs: []int64{1, 0, 0},
		NodeModes: []string{"BRANCH_LEQ", "LEAF", "LEAF"}, NodeValues: []float32{0.5, 0, 0},
		NodeTrueIDs: []int64{1, 0, 0}, NodeFalseIDs: []int64{2, 0, 0},
		LeafTreeIDs: []int64{0, 0}, LeafNodeIDs: []int64{1, 2}, LeafTargets: []int64{0, 0}, LeafWeights: []float32{-1, 1},
		Targets: 1,
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(e *Ensemble)
	}{
		{"no nodes", func(e *Ensemble) { *e = Ensemble{Targets: 1} }},
		{"nodes_values has 2 entries", func(e *Ensemble) { e.NodeValues = e.NodeValues[:2] }},
		{"nodes_missing_value_tracks_true has 4", func(e *Ensemble) { e.NodeMissingIsTrue = make([]int64, 4) }},
		{"want equal numbers", func(e *Ensemble) { e.LeafTargets = nil }},
		{"true child 7 does not exist", func(e *Ensemble) { e.NodeTrueIDs[0] = 7 }},
		{"false child -1 does not exist", func(e *Ensemble) { e.NodeFalseIDs[0] = -1 }},
		{"is an ancestor", func(e *Ensemble) { e.NodeTrueIDs[0] = 0 }},
		{"is an ancestor", func(e *Ensemble) { e.NodeModes[1] = "BRANCH_GT" }},
		{"another parent", func(e *Ensemble) { e.NodeTrueIDs[0] = 2 }},
		{"feature id -1", func(e *Ensemble) { e.NodeFeatureIDs[0] = -1 }},
		{"feature id 9223372036854775807", func(e *Ensemble) { e.NodeFeatureIDs[0] = math.MaxInt64 }},
		{"defined twice", func(e *Ensemble) { e.NodeIDs[2] = 1 }},
		{"not contiguous", func(e *Ensemble) { e.NodeTreeIDs[1] = 1 }},
		{`mode "BRANCH"`, func(e *Ensemble) { e.NodeModes[0] = "BRANCH" }},
		{"target 1 of 1", func(e *Ensemble) { e.LeafTargets[0] = 1 }},
		{"target -1 of 1", func(e *Ensemble) { e.LeafTargets[0] = -1 }},
		{"tree 0 has no node 9", func(e *Ensemble) { e.LeafNodeIDs[0] = 9 }},
		{"0 targets", func(e *Ensemble) { e.Targets = 0 }},
		{"base_values has 2", func(e *Ensemble) { e.BaseValues = []float32{1, 2} }},
		{`post_transform "EXP"`, func(e *Ensemble) { e.PostTransform = "EXP" }},
		{`aggregate_function "MEDIAN"`, func(e *Ensemble) { e.Aggregate = "MEDIAN" }},
		{"a classifier sums", func(e *Ensemble) { e.Classifier, e.Aggregate = true, "AVERAGE" }},
		{"leaf weight 1 is +Inf", func(e *Ensemble) { e.Aggregate, e.LeafWeights[1] = "MIN", float32(math.Inf(1)) }},
		{"3 class labels for 1", func(e *Ensemble) { e.Labels = []int64{1, 2, 3} }},
	} {
		e := stump()
		c.spoil(e)
		if _, err := Compile(e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q in it", err, c.want)
		}
	}
	if _, err := Compile(stump()); err != nil {
		t.Errorf("the unspoilt ensemble fails: %v", err)
	}
}

// TestOrderedKey compares the order of keys with that of the floats.
func TestOrderedKey(t *testing.T) {
	values := []float32{float32(math.Inf(-1)), -math.MaxFloat32, -1, -math.SmallestNonzeroFloat32, 0, math.SmallestNonzeroFloat32, 1, math.MaxFloat32, float32(math.Inf(1))}
	for i := 1; i < len(values); i++ {
		if orderedKey(values[i-1]) >= orderedKey(values[i]) {
			t.Errorf("the key of %g is not less than that of %g", values[i-1], values[i])
		}
	}
	if orderedKey(float32(math.Copysign(0, -1))) != orderedKey(0) {
		t.Error("the zeros have different keys")
	}
}

// FuzzCompile builds ensembles from bytes; what compiles has to run without touching memory that is not its own, and both
// kernels have to agree.
func FuzzCompile(f *testing.F) {
	f.Add([]byte{3, 0, 0, 1, 0, 128, 1, 2, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 2, 0, 6, 0, 0, 0, 0, 0, 2, 0, 1, 0, 9, 0, 2, 0, 7})
	f.Add([]byte{1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5})
	f.Add([]byte{5, 0, 0, 0, 4, 1, 1, 2, 1, 0, 1, 0, 5, 1, 3, 4, 0, 0, 2, 0, 6, 0, 0, 0, 0, 0, 3, 0, 6, 0, 0, 0, 0, 0, 4, 0, 6, 0, 0, 0, 0, 3, 0, 2, 0, 9, 0, 3, 1, 7, 0, 4, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func() int64 {
			if len(data) == 0 {
				return 0
			}
			value := int64(int8(data[0]))
			data = data[1:]
			return value
		}
		modes := []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "LEAF", "?"}
		e := &Ensemble{Targets: 2, Classifier: len(data)%2 == 0}
		for range next() & 63 {
			e.NodeTreeIDs, e.NodeIDs = append(e.NodeTreeIDs, next()), append(e.NodeIDs, next())
			e.NodeFeatureIDs, e.NodeModes = append(e.NodeFeatureIDs, next()), append(e.NodeModes, modes[next()&7])
			e.NodeValues = append(e.NodeValues, float32(next())/4)
			e.NodeTrueIDs, e.NodeFalseIDs = append(e.NodeTrueIDs, next()), append(e.NodeFalseIDs, next())
			e.NodeMissingIsTrue = append(e.NodeMissingIsTrue, next())
		}
		for range next() & 63 {
			e.LeafTreeIDs, e.LeafNodeIDs = append(e.LeafTreeIDs, next()), append(e.LeafNodeIDs, next())
			e.LeafTargets, e.LeafWeights = append(e.LeafTargets, next()), append(e.LeafWeights, float32(next()))
		}
		m, err := Compile(e)
		if err != nil {
			return
		}
		const rows = 9
		features := max(m.Features(), 1)
		x := randomRows(1, rows*features, 8)
		walked, _ := evaluate(t, m, isa.Scalar, Walk, x, rows, features)
		if !m.QuickSupported() {
			return
		}
		quick, _ := evaluate(t, m, isa.Scalar, Quick, x, rows, features)
		for i := range quick {
			if math.Float32bits(quick[i]) != math.Float32bits(walked[i]) && quick[i] == quick[i] {
				t.Errorf("score %d is %g by the quick kernel, %g by the walk", i, quick[i], walked[i])
			}
		}
	})
}
