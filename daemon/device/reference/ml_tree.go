package reference

import (
	"math"

	"github.com/inferd/inferd/daemon/tensor"
)

// ensemble is a set of decision trees in one array of nodes.
type ensemble struct {
	nodes []treeNode
	roots []int
}

type treeNode struct {
	mode                string
	feature             int64
	threshold           float64
	missingIsTrue       bool
	whenTrue, whenFalse int
	leaf                []leafWeight
}

// leafWeight adds weight to the score of a class or target.
type leafWeight struct {
	output int64
	weight float64
}

// key names a node in the attributes.
type treeKey struct{ tree, node int64 }

// newEnsemble reads the nodes_* attributes and the leaves' weights from the attributes with the prefix class_ or target_.
func newEnsemble(c *call, prefix string) *ensemble {
	trees, ids := c.Ints("nodes_treeids"), c.Ints("nodes_nodeids")
	values, modes := floatsOrTensor(c, "nodes_values"), c.Texts("nodes_modes")
	whenTrue, whenFalse := c.Ints("nodes_truenodeids"), c.Ints("nodes_falsenodeids")
	features, missing := c.Ints("nodes_featureids"), c.Ints("nodes_missing_value_tracks_true")
	count := len(ids)
	for name, length := range map[string]int{"nodes_treeids": len(trees), "nodes_values": len(values), "nodes_modes": len(modes),
		"nodes_truenodeids": len(whenTrue), "nodes_falsenodeids": len(whenFalse), "nodes_featureids": len(features)} {
		if length != count {
			fail("attribute %s has %d elements, nodes_nodeids %d", name, length, count)
		}
	}
	index := make(map[treeKey]int, count)
	for i := range count {
		key := treeKey{trees[i], ids[i]}
		if _, twice := index[key]; twice {
			fail("tree %d has two nodes %d", trees[i], ids[i])
		}
		index[key] = i
	}
	e := &ensemble{nodes: make([]treeNode, count)}
	child := make([]bool, count)
	find := func(tree, node int64) int {
		i, ok := index[treeKey{tree, node}]
		if !ok {
			fail("tree %d has no node %d", tree, node)
		}
		return i
	}
	for i := range count {
		n := treeNode{mode: modes[i], feature: features[i], threshold: values[i]}
		n.missingIsTrue = i < len(missing) && missing[i] != 0
		if n.mode != "LEAF" {
			n.whenTrue, n.whenFalse = find(trees[i], whenTrue[i]), find(trees[i], whenFalse[i])
			child[n.whenTrue], child[n.whenFalse] = true, true
		}
		e.nodes[i] = n
	}
	seen := make(map[int64]bool)
	for i := range count {
		if !child[i] && !seen[trees[i]] {
			seen[trees[i]] = true
			e.roots = append(e.roots, i)
		}
	}
	weights, outputs := floatsOrTensor(c, prefix+"weights"), c.Ints(prefix+"ids")
	leafTrees, leafNodes := c.Ints(prefix+"treeids"), c.Ints(prefix+"nodeids")
	for i, output := range outputs {
		leaf := &e.nodes[find(leafTrees[i], leafNodes[i])].leaf
		*leaf = append(*leaf, leafWeight{output, weights[i]})
	}
	return e
}

// floatsOrTensor reads a list of floats, or of doubles from the attribute with the suffix _as_tensor.
func floatsOrTensor(c *call, name string) []float64 {
	if t := c.Tensor(name + "_as_tensor"); t != nil {
		return floats(t)
	}
	return convert[float64](c.Floats(name))
}

// walk visits the leaf that each tree sends the row to.
func (e *ensemble) walk(row []float64, visit func(leaf []leafWeight)) {
	for _, at := range e.roots {
		for steps := 0; e.nodes[at].mode != "LEAF"; steps++ {
			if steps > len(e.nodes) {
				fail("a tree's nodes form a cycle")
			}
			if n := &e.nodes[at]; n.accepts(row[n.feature]) {
				at = n.whenTrue
			} else {
				at = n.whenFalse
			}
		}
		visit(e.nodes[at].leaf)
	}
}

func (n *treeNode) accepts(x float64) bool {
	if math.IsNaN(x) && n.missingIsTrue {
		return true
	}
	switch n.mode {
	case "BRANCH_LEQ":
		return x <= n.threshold
	case "BRANCH_LT":
		return x < n.threshold
	case "BRANCH_GTE":
		return x >= n.threshold
	case "BRANCH_GT":
		return x > n.threshold
	case "BRANCH_EQ":
		return x == n.threshold
	case "BRANCH_NEQ":
		return x != n.threshold
	}
	fail("unknown node mode %q", n.mode)
	return false
}

// rows returns a matrix's rows; a vector is one row.
func rows(t *tensor.Tensor) (values []float64, count, width int64) {
	switch len(t.Shape) {
	case 1:
		return floats(t), 1, t.Shape[0]
	case 2:
		return floats(t), t.Shape[0], t.Shape[1]
	}
	fail("%v is neither a row nor a matrix", t)
	return nil, 0, 0
}

// treeEnsembleRegressor aggregates the leaves' weights by target.
func treeEnsembleRegressor(c *call) []*tensor.Tensor {
	targets := c.Int("n_targets", 1)
	e := newEnsemble(c, "target_")
	values, count, width := rows(c.in(0))
	out := newTensor(tensor.Float32, []int64{count, targets})
	aggregate := c.Text("aggregate_function", "SUM")
	base := floatsOrTensor(c, "base_values")
	for r := range count {
		scores, scored := make([]float64, targets), make([]bool, targets)
		e.walk(values[r*width:(r+1)*width], func(leaf []leafWeight) {
			for _, l := range leaf {
				scores[l.output] = aggregated(aggregate, scores[l.output], l.weight, scored[l.output])
				scored[l.output] = true
			}
		})
		for t := range scores {
			if aggregate == "AVERAGE" {
				scores[t] /= float64(len(e.roots))
			}
			if len(base) == len(scores) {
				scores[t] += base[t]
			} else if len(base) == 1 {
				scores[t] += base[0]
			}
		}
		postTransform(c.Text("post_transform", "NONE"), scores)
		for t, x := range scores {
			tensor.Slice[float32](out)[r*targets+int64(t)] = float32(x)
		}
	}
	return one(out)
}

func aggregated(kind string, score, weight float64, scored bool) float64 {
	switch kind {
	case "SUM", "AVERAGE":
		return score + weight
	case "MIN":
		if !scored {
			return weight
		}
		return min(score, weight)
	case "MAX":
		if !scored {
			return weight
		}
		return max(score, weight)
	}
	fail("unknown aggregate_function %q", kind)
	return 0
}

// treeEnsembleClassifier adds the leaves' weights by class and gives labels and scores.
func treeEnsembleClassifier(c *call) []*tensor.Tensor {
	l := newLabels(c, "classlabels_int64s")
	e := newEnsemble(c, "class_")
	values, count, width := rows(c.in(0))
	base := floatsOrTensor(c, "base_values")
	border := positiveBorder(c)
	transform := c.Text("post_transform", "NONE")
	classes := max(l.count(), 1)
	var chosen []int
	var out []float64
	for r := range count {
		scores, scored := make([]float64, classes), make([]bool, classes)
		e.walk(values[r*width:(r+1)*width], func(leaf []leafWeight) {
			for _, weight := range leaf {
				scores[weight.output] += weight.weight
				scored[weight.output] = true
			}
		})
		var class int
		if classes == 2 {
			class, scores = finishTwo(scores, scored, base, border, transform)
		} else {
			for i := range scores {
				if len(base) == len(scores) {
					scores[i] += base[i]
				}
			}
			class = indexOfMax(scores)
			postTransform(transform, scores)
		}
		chosen = append(chosen, class)
		out = append(out, scores...)
	}
	return []*tensor.Tensor{l.pick(chosen), fromFloats(tensor.Float32, []int64{count, int64(classes)}, out)}
}

// border says from which score on the second of two classes is chosen.
type border struct {
	score       float64
	allPositive bool // the weights are probabilities of one class, and the other's is what is left to 1
}

// positiveBorder looks at the weights of two classes: where they score only one class and none is negative they are probabilities, with
// the border at one half.
func positiveBorder(c *call) border {
	ids, weights := c.Ints("class_ids"), floatsOrTensor(c, "class_weights")
	oneClass, allPositive := true, true
	for _, id := range ids {
		oneClass = oneClass && id == ids[0]
	}
	for _, weight := range weights {
		allPositive = allPositive && weight >= 0
	}
	if oneClass && allPositive {
		return border{0.5, true}
	}
	return border{0, false}
}

// finishTwo chooses between two classes by onnxruntime's rules. Trees that never score the second class score it under the name of the
// first; base values reach only classes with a score.
func finishTwo(scores []float64, scored []bool, base []float64, b border, transform string) (class int, finished []float64) {
	switch {
	case len(base) == 2 && scored[1]:
		scores[1] = base[1] + scores[0]
		scores[0] = -scores[1]
	case len(base) > 0:
		scores[0] += base[0]
	}
	if scored[1] || len(base) == 2 {
		for i := range scores {
			if !scored[i] {
				scores[i] = 0
			}
		}
		class = positive(scores[positive(scored[1])] > b.score)
		postTransform(transform, scores)
		return class, scores
	}
	score := scores[0]
	class = positive(score > b.score)
	switch {
	case transform == "PROBIT":
		return class, []float64{probit(score), probit(score)}
	case transform == "LOGISTIC":
		return class, []float64{sigmoid(-score), sigmoid(score)}
	case b.allPositive:
		return class, []float64{1 - score, score}
	}
	return class, []float64{-score, score}
}
