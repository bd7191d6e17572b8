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
	binary := newBinaryRule(c, l)
	transform := c.Text("post_transform", "NONE")
	var chosen []int
	var out []float64
	for r := range count {
		scores := make([]float64, max(l.count(), 1))
		e.walk(values[r*width:(r+1)*width], func(leaf []leafWeight) {
			for _, weight := range leaf {
				scores[weight.output] += weight.weight
			}
		})
		var class int
		if binary.applies {
			class, scores = binary.finish(scores[binary.class], base, transform)
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
	return []*tensor.Tensor{l.pick(chosen), fromFloats(tensor.Float32, []int64{count, int64(max(l.count(), 1))}, out)}
}

// binaryRule is how two classes are told apart where the leaves score only one of them.
type binaryRule struct {
	applies     bool
	class       int64 // the only one with weights
	allPositive bool
}

func newBinaryRule(c *call, l labels) binaryRule {
	ids := c.Ints("class_ids")
	if l.count() != 2 || len(ids) == 0 {
		return binaryRule{}
	}
	rule := binaryRule{applies: true, class: ids[0], allPositive: true}
	for _, id := range ids {
		rule.applies = rule.applies && id == ids[0]
	}
	for _, weight := range floatsOrTensor(c, "class_weights") {
		rule.allPositive = rule.allPositive && weight >= 0
	}
	return rule
}

// finish chooses the class: positive weights alone mean probabilities, with the border at one half.
func (b binaryRule) finish(score float64, base []float64, transform string) (class int, scores []float64) {
	switch len(base) {
	case 1:
		score += base[0]
	case 2:
		score += base[1]
	}
	border := 0.0
	if b.allPositive {
		border = 0.5
	}
	class = positive(score > border)
	switch {
	case transform == "PROBIT":
		return class, []float64{probit(score), probit(score)}
	case b.allPositive:
		return class, []float64{1 - score, score}
	case transform == "LOGISTIC":
		return class, []float64{sigmoid(-score), sigmoid(score)}
	}
	return class, []float64{-score, score}
}
