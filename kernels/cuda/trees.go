package cuda

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/trees"
)

// Trees is an ensemble of decision trees in the form that trees.cu reads.
type Trees struct {
	// Packed holds the tables, position-independent; a device keeps a copy.
	Packed []byte

	ensemble *trees.Ensemble
	features int
	trees    int64
	levels   int64 // of all trees
	lists    bool  // leaves have lists of votes, else one vote each for their tree's target
	sections [treeSections]int64
}

// The sections of the tables.
const (
	treeNodes = iota
	treeRoots
	treeTargets
	treeWeights
	treeBases
	treeNames
	treeSections
)

const (
	// treeLeaf, treeMissingRight are kIsLeaf and kMissingRight in trees.cu.
	treeLeaf         = math.MaxUint32
	treeMissingRight = 1 << 31
	// maxTreeWeights bounds the table of votes where leaves have lists of them.
	maxTreeWeights = 1 << 26
)

// TreesCall says where an ensemble reads and writes.
type TreesCall struct {
	Rows, Features int64
	X              step.Operand // float32 [Rows, Features]
	Packed         step.Operand
	Scores         step.Operand // float32 [Rows, targets]
	Labels         step.Operand // int64 [Rows]; absent for a regressor
	Processors     int64        // multiprocessors that the blocks should fill; 0: 128
}

// PackTrees validates the ensemble and packs its tables.
func PackTrees(e *trees.Ensemble) (*Trees, error) {
	forest, err := e.Validate()
	if err != nil {
		return nil, fmt.Errorf("tree ensemble: %w", err)
	}
	t := &Trees{ensemble: e, features: forest.Features, trees: int64(len(forest.Trees)), lists: needLists(e, forest)}
	if t.lists && len(forest.Votes)*e.Targets > maxTreeWeights {
		return nil, unsupported("a tree ensemble of %d leaves and %d targets", len(forest.Votes), e.Targets)
	}
	var sections [treeSections][]byte
	word := func(section int, values ...uint32) {
		for _, value := range values {
			sections[section] = binary.LittleEndian.AppendUint32(sections[section], value)
		}
	}
	first := uint32(0)
	for _, tree := range forest.Trees {
		word(treeRoots, first)
		if !t.lists {
			word(treeTargets, treeTarget(forest, tree))
		}
		for i := range tree {
			n := &tree[i]
			switch {
			case !n.IsLeaf():
				word(treeNodes, n.Key, uint32(n.Feature)|treeMissingRight*uint32(flag(n.MissingRight)), first+uint32(n.Left), first+uint32(n.Right))
			case t.lists:
				word(treeNodes, uint32(n.Leaf), treeLeaf, 0, 0)
			default:
				word(treeNodes, math.Float32bits(forest.Votes[n.Leaf][0].Weight), treeLeaf, 0, 0)
			}
		}
		first += uint32(len(tree))
		t.levels += int64(depth(tree))
	}
	if t.lists {
		sections[treeWeights] = packVotes(e, forest)
	}
	for _, base := range e.BaseValues {
		word(treeBases, math.Float32bits(base))
	}
	for i := range e.Targets {
		label := int64(i)
		if e.Labels != nil {
			label = e.Labels[i]
		}
		sections[treeNames] = binary.LittleEndian.AppendUint64(sections[treeNames], uint64(label))
	}
	for i, section := range sections {
		t.sections[i] = int64(len(t.Packed))
		t.Packed = append(t.Packed, section...)
		t.Packed = append(t.Packed, make([]byte, -len(t.Packed)&(wideBytes-1))...)
	}
	return t, nil
}

// Features returns the number of features that a row must have at least.
func (t *Trees) Features() int { return t.features }

// needLists reports whether a leaf votes more than once or not at all, or leaves of one tree vote for different targets.
func needLists(e *trees.Ensemble, forest *trees.Forest) bool {
	if e.Aggregate == "MIN" || e.Aggregate == "MAX" {
		return true
	}
	for _, tree := range forest.Trees {
		target := treeTarget(forest, tree)
		for i := range tree {
			if tree[i].IsLeaf() {
				if votes := forest.Votes[tree[i].Leaf]; len(votes) != 1 || votes[0].Target != target {
					return true
				}
			}
		}
	}
	return false
}

// treeTarget is what the first leaf with a vote votes for.
func treeTarget(forest *trees.Forest, tree []trees.Node) uint32 {
	for i := range tree {
		if tree[i].IsLeaf() && len(forest.Votes[tree[i].Leaf]) > 0 {
			return forest.Votes[tree[i].Leaf][0].Target
		}
	}
	return 0
}

// packVotes lays the votes out as [leaves, targets]. Where a leaf does not vote there is what changes no sum.
func packVotes(e *trees.Ensemble, forest *trees.Forest) []byte {
	none := float32(math.Copysign(0, -1))
	join := func(a, b float32) float32 { return a + b }
	switch e.Aggregate {
	case "MIN":
		none, join = float32(math.Inf(1)), func(a, b float32) float32 { return min(a, b) }
	case "MAX":
		none, join = float32(math.Inf(-1)), func(a, b float32) float32 { return max(a, b) }
	}
	packed := make([]byte, 0, 4*len(forest.Votes)*e.Targets)
	row := make([]float32, e.Targets)
	for _, votes := range forest.Votes {
		for i := range row {
			row[i] = none
		}
		for _, v := range votes {
			row[v.Target] = join(row[v.Target], v.Weight)
		}
		for _, weight := range row {
			packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(weight))
		}
	}
	return packed
}

// depth is the number of tests on the longest way from the root, not counting the second one of an equality test.
func depth(tree []trees.Node) int {
	level := make([]int, len(tree))
	deepest := 0
	for i := range tree {
		if n := &tree[i]; !n.IsLeaf() {
			for _, child := range []int32{n.Left, n.Right} {
				level[child] = max(level[child], level[i]+1)
				deepest = max(deepest, level[child])
			}
		}
	}
	return deepest
}

// treesArguments mirrors TreesArguments.
type treesArguments struct {
	x, nodes, roots, targets, weights, bases, names, scores, label        address
	rows, features, pitch                                                 int64
	trees, targetsCount, blockRows, blockTrees                            int32
	lists, aggregate, transform, classifier, binary, positive, basesCount int32
}

const (
	// treeKeyBytes and treeGiveBytes bound the parts of shared memory: together they let several blocks run on a multiprocessor.
	treeKeyBytes  = 32 << 10
	treeGiveBytes = 8 << 10
	// treeRows is the number of rows that share a block where there are many.
	treeRows = 32
)

// Plan returns the launch; none where there are no rows.
func (t *Trees) Plan(call TreesCall) ([]Launch, error) {
	if call.Features < int64(t.features) {
		return nil, unsupported("rows of %d features; the trees test feature %d", call.Features, t.features-1)
	}
	if call.Rows == 0 {
		return nil, nil
	}
	processors := call.Processors
	if processors == 0 {
		processors = 128
	}
	pitch := call.Features | 1 // neighbouring rows lie in different banks
	if 4*pitch > treeKeyBytes {
		pitch = 0
	}
	rows := int64(treeRows)
	for rows > 1 && (divide(call.Rows, rows) < 2*processors || 4*rows*pitch > treeKeyBytes) {
		rows /= 2
	}
	blocks, count := divide(call.Rows, rows), min(t.trees, treeGiveBytes/4/rows)
	if blocks > maxGrid {
		return nil, unsupported("a tree ensemble on %d rows", call.Rows)
	}
	// A row alone has a thread for every tree; among many, blocks that are not too large hide each other's waits.
	threads := min(divide(rows*count, warp)*warp, 512)
	if rows == treeRows {
		threads = min(threads, 256)
	}
	targets := int64(t.ensemble.Targets)
	at := func(section int) step.Operand {
		o := call.Packed
		o.Offset += t.sections[section]
		return o
	}
	l := newLaunch("trees", "trees_f32", grid1(blocks), grid1(threads), int(4*rows*(pitch+count)), t.arguments(call, pitch, rows, count),
		call.X, at(treeNodes), at(treeRoots), at(treeTargets), at(treeWeights), at(treeBases), at(treeNames), call.Scores, call.Labels)
	l.FLOP = call.Rows * (t.levels + t.trees*max(1, targets*int64(flag(t.lists))))
	l.Bytes = call.Rows*(4*call.Features+4*targets+8*int64(flag(t.ensemble.Classifier))) + int64(len(t.Packed))
	return []Launch{l}, nil
}

func (t *Trees) arguments(call TreesCall, pitch, rows, count int64) treesArguments {
	e := t.ensemble
	aggregate, transform := e.Codes()
	binary, positive := e.Binary()
	return treesArguments{
		rows: call.Rows, features: call.Features, pitch: pitch, trees: int32(t.trees), targetsCount: int32(e.Targets), blockRows: int32(rows), blockTrees: int32(count),
		lists: flag(t.lists), aggregate: int32(aggregate), transform: int32(transform), classifier: flag(e.Classifier), binary: flag(binary),
		positive: flag(positive), basesCount: int32(len(e.BaseValues)),
	}
}
