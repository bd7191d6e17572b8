package trees

import (
	"fmt"
	"math"
)

// Ensemble holds the attributes of a TreeEnsembleClassifier or TreeEnsembleRegressor of ai.onnx.ml 1 to 3. The Node slices
// are parallel, as are the Leaf slices (ONNX's class_* or target_*).
type Ensemble struct {
	NodeTreeIDs       []int64
	NodeIDs           []int64
	NodeFeatureIDs    []int64
	NodeModes         []string
	NodeValues        []float32
	NodeTrueIDs       []int64
	NodeFalseIDs      []int64
	NodeMissingIsTrue []int64 // nodes_missing_value_tracks_true; may be shorter than the others, or empty

	LeafTreeIDs []int64
	LeafNodeIDs []int64
	LeafTargets []int64 // class_ids or target_ids
	LeafWeights []float32

	Targets       int // n_targets, or the number of class labels
	BaseValues    []float32
	Aggregate     string // SUM, AVERAGE, MIN or MAX; empty is SUM; a classifier always sums
	PostTransform string // NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT; empty is NONE

	Classifier bool
	// Labels are the classlabels_int64s. Where a classifier's labels are strings leave it nil: the step writes the
	// index of the label instead.
	Labels []int64
}

// maxTargets bounds the scores of one row, which live in a thread's scratch.
const maxTargets = 1 << 16

// Node is one node of a validated tree. Every mode is reduced to one comparison of ordered keys: a row goes right where
// the key of its feature is greater, left otherwise, and a NaN where MissingRight says.
type Node struct {
	Feature      int32
	Left, Right  int32 // indices within the tree; both are negative for a leaf
	Key          uint32
	MissingRight bool
	Leaf         int32 // number of the leaf within the ensemble
}

// IsLeaf reports whether the node is a leaf.
func (n *Node) IsLeaf() bool { return n.Left < 0 }

// Vote is what a leaf adds to one target.
type Vote struct {
	Target uint32
	Weight float32 // never -0
}

// Forest is a validated ensemble, from which each device packs its tables. Node 0 of each tree is its root, every other node has exactly one
// parent, except that the nodes that an equality test is made of share children.
type Forest struct {
	Trees    [][]Node
	Votes    [][]Vote // by leaf number
	Features int      // one more than the largest feature id
	equality bool     // some node tested (in)equality, so a tree may be a directed acyclic graph
}

// orderedKey maps a float to an integer such that x < y exactly where orderedKey(x) < orderedKey(y). Both zeros map
// to the same key; keys below that of -Inf and above that of +Inf are left to NaN.
func orderedKey(x float32) uint32 {
	bits := math.Float32bits(x + 0)
	if bits == 1<<31 {
		bits = 0
	}
	if bits>>31 != 0 {
		return ^bits
	}
	return bits | 1<<31
}

func (e *Ensemble) checkShape() error {
	n := len(e.NodeTreeIDs)
	if n == 0 {
		return fmt.Errorf("the ensemble has no nodes")
	}
	if n > math.MaxInt32/4 {
		return fmt.Errorf("%d nodes: at most %d are supported", n, math.MaxInt32/4)
	}
	for _, attribute := range []struct {
		name string
		n    int
	}{
		{"nodes_nodeids", len(e.NodeIDs)}, {"nodes_featureids", len(e.NodeFeatureIDs)}, {"nodes_modes", len(e.NodeModes)},
		{"nodes_values", len(e.NodeValues)}, {"nodes_truenodeids", len(e.NodeTrueIDs)}, {"nodes_falsenodeids", len(e.NodeFalseIDs)},
	} {
		if attribute.n != n {
			return fmt.Errorf("%s has %d entries, nodes_treeids has %d", attribute.name, attribute.n, n)
		}
	}
	if len(e.NodeMissingIsTrue) > n {
		return fmt.Errorf("nodes_missing_value_tracks_true has %d entries for %d nodes", len(e.NodeMissingIsTrue), n)
	}
	leaves := len(e.LeafTreeIDs)
	if len(e.LeafNodeIDs) != leaves || len(e.LeafTargets) != leaves || len(e.LeafWeights) != leaves {
		return fmt.Errorf("leaf tree ids, node ids, targets and weights have %d, %d, %d and %d entries, want equal numbers",
			leaves, len(e.LeafNodeIDs), len(e.LeafTargets), len(e.LeafWeights))
	}
	return e.checkTargets()
}

func (e *Ensemble) checkTargets() error {
	if e.Targets < 1 || e.Targets > maxTargets {
		return fmt.Errorf("%d targets or classes: want 1 to %d", e.Targets, maxTargets)
	}
	if e.Labels != nil && len(e.Labels) != e.Targets {
		return fmt.Errorf("%d class labels for %d classes", len(e.Labels), e.Targets)
	}
	bases := len(e.BaseValues)
	if bases != 0 && bases != e.Targets && !(e.Classifier && e.Targets == 2 && bases == 1) {
		return fmt.Errorf("base_values has %d entries, want none or %d", bases, e.Targets)
	}
	for i, target := range e.LeafTargets {
		if target < 0 || target >= int64(e.Targets) {
			return fmt.Errorf("leaf weight %d is for target %d of %d", i, target, e.Targets)
		}
	}
	switch e.PostTransform {
	case "", "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT":
	default:
		return fmt.Errorf("post_transform %q is unknown", e.PostTransform)
	}
	switch e.Aggregate {
	case "", "SUM", "AVERAGE":
	case "MIN", "MAX":
		for i, weight := range e.LeafWeights {
			if math.IsNaN(float64(weight)) || math.IsInf(float64(weight), 0) {
				return fmt.Errorf("leaf weight %d is %v, which aggregate_function %s does not support", i, weight, e.Aggregate)
			}
		}
	default:
		return fmt.Errorf("aggregate_function %q is unknown", e.Aggregate)
	}
	if e.Classifier && e.Aggregate != "" && e.Aggregate != "SUM" {
		return fmt.Errorf("aggregate_function %s: a classifier sums", e.Aggregate)
	}
	return nil
}

// nodeKey names a node as the attributes do.
type nodeKey struct{ tree, node int64 }

// Validate checks everything that tables rely on and gives the forest with each node's mode reduced to one form.
func (e *Ensemble) Validate() (*Forest, error) {
	if err := e.checkShape(); err != nil {
		return nil, err
	}
	position := make(map[nodeKey]int, len(e.NodeTreeIDs))
	closed := map[int64]bool{}
	var roots []int
	for i, tree := range e.NodeTreeIDs {
		if i == 0 || tree != e.NodeTreeIDs[i-1] {
			if closed[tree] {
				return nil, fmt.Errorf("tree %d: its nodes are not contiguous", tree)
			}
			closed[tree] = true
			roots = append(roots, i)
		}
		key := nodeKey{tree, e.NodeIDs[i]}
		if _, exists := position[key]; exists {
			return nil, fmt.Errorf("tree %d: node %d is defined twice", tree, key.node)
		}
		position[key] = i
	}
	votes, err := e.collectVotes(position)
	if err != nil {
		return nil, err
	}
	b := builder{ensemble: e, position: position, votes: votes, seen: make([]bool, len(e.NodeTreeIDs)), forest: &Forest{}}
	for _, root := range roots {
		if err := b.addTree(root); err != nil {
			return nil, fmt.Errorf("tree %d: %w", e.NodeTreeIDs[root], err)
		}
	}
	return b.forest, nil
}

// collectVotes groups the leaf weights by node position, in the order of the attributes. Negative zeros become positive: the
// kernels take a sum of -0 for "no leaf voted".
func (e *Ensemble) collectVotes(position map[nodeKey]int) ([][]Vote, error) {
	votes := make([][]Vote, len(e.NodeTreeIDs))
	store := make([]Vote, len(e.LeafWeights)) // most leaves have one vote: they share one allocation
	for i, weight := range e.LeafWeights {
		at, exists := position[nodeKey{e.LeafTreeIDs[i], e.LeafNodeIDs[i]}]
		if !exists {
			return nil, fmt.Errorf("leaf weight %d: tree %d has no node %d", i, e.LeafTreeIDs[i], e.LeafNodeIDs[i])
		}
		if weight == 0 {
			weight = 0
		}
		store[i] = Vote{uint32(e.LeafTargets[i]), weight}
		if votes[at] == nil {
			votes[at] = store[i : i+1 : i+1]
		} else {
			votes[at] = append(votes[at], store[i])
		}
	}
	return votes, nil
}
