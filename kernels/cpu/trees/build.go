package trees

import (
	"fmt"
	"math"
)

// builder turns the attributes into trees, one after the other.
type builder struct {
	ensemble *Ensemble
	position map[nodeKey]int
	votes    [][]Vote
	seen     []bool // by position: the node has been placed, so a second parent is an error
	forest   *Forest
	tree     []Node
}

// pending is a node that has its place in the tree and waits for its content.
type pending struct {
	slot     int32
	position int
}

// addTree places the nodes that the root reaches, breadth first, so that the levels that every row visits lie together.
func (b *builder) addTree(root int) error {
	b.tree = []Node{{}}
	b.seen[root] = true
	queue := []pending{{0, root}}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		e, at := b.ensemble, next.position
		if e.NodeModes[at] == "LEAF" {
			b.tree[next.slot] = Node{Left: -1, Right: -1, Leaf: int32(len(b.forest.Votes))}
			b.forest.Votes = append(b.forest.Votes, b.votes[at])
			continue
		}
		if feature := e.NodeFeatureIDs[at]; feature < 0 || feature >= math.MaxInt32 {
			return fmt.Errorf("node %d: feature id %d is out of range", e.NodeIDs[at], feature)
		}
		b.forest.Features = max(b.forest.Features, int(e.NodeFeatureIDs[at])+1)
		whenTrue, err := b.claim(at, e.NodeTrueIDs[at], "true")
		if err != nil {
			return err
		}
		whenFalse, err := b.claim(at, e.NodeFalseIDs[at], "false")
		if err != nil {
			return err
		}
		if err := b.place(next, whenTrue, whenFalse); err != nil {
			return err
		}
		queue = append(queue, whenTrue, whenFalse)
	}
	b.forest.Trees = append(b.forest.Trees, b.tree)
	return nil
}

// claim reserves the place of a child and fails where the child is missing or has been reached before, which is how every
// cycle shows.
func (b *builder) claim(parent int, id int64, branch string) (pending, error) {
	e := b.ensemble
	at, exists := b.position[nodeKey{e.NodeTreeIDs[parent], id}]
	if !exists {
		return pending{}, fmt.Errorf("node %d: its %s child %d does not exist", e.NodeIDs[parent], branch, id)
	}
	if b.seen[at] {
		return pending{}, fmt.Errorf("node %d: its %s child %d has another parent or is an ancestor", e.NodeIDs[parent], branch, id)
	}
	b.seen[at] = true
	b.tree = append(b.tree, Node{})
	return pending{int32(len(b.tree) - 1), at}, nil
}

// place writes the inner node at its slot, reducing its mode to "right where x > key".
func (b *builder) place(at pending, whenTrue, whenFalse pending) error {
	e, p := b.ensemble, at.position
	missingIsTrue := p < len(e.NodeMissingIsTrue) && e.NodeMissingIsTrue[p] == 1
	threshold, mode := e.NodeValues[p], e.NodeModes[p]
	inner := Node{Feature: int32(e.NodeFeatureIDs[p]), Left: whenTrue.slot, Right: whenFalse.slot, MissingRight: !missingIsTrue}
	swap := func() {
		inner.Left, inner.Right, inner.MissingRight = inner.Right, inner.Left, !inner.MissingRight
	}
	switch mode {
	case "BRANCH_LEQ":
		inner.Key = orderedKey(threshold)
	case "BRANCH_LT":
		inner.Key = orderedKey(threshold) - 1
	case "BRANCH_GTE":
		inner.Key = orderedKey(threshold) - 1
		swap()
	case "BRANCH_GT":
		inner.Key = orderedKey(threshold)
		swap()
	case "BRANCH_EQ":
		b.placeEquality(at.slot, inner, threshold, missingIsTrue)
		return nil
	case "BRANCH_NEQ":
		// x != threshold is the negation of x == threshold, and NaN differs from everything.
		inner.Left, inner.Right = inner.Right, inner.Left
		b.placeEquality(at.slot, inner, threshold, false)
		return nil
	default:
		return fmt.Errorf("node %d: mode %q is unknown", e.NodeIDs[p], mode)
	}
	if threshold != threshold { // a comparison with NaN is false for every x but a missing one
		inner.Left, inner.Right, inner.MissingRight = whenTrue.slot, whenFalse.slot, !missingIsTrue
		inner.Key = 0
	}
	b.tree[at.slot] = inner
	return nil
}

// placeEquality writes "left where x == threshold" as two comparisons: x <= threshold leads to a second node, which
// parts x < threshold from equality. The children that they share have two parents from here on.
func (b *builder) placeEquality(slot int32, inner Node, threshold float32, missingLeft bool) {
	b.forest.equality = true
	equal, unequal := inner.Left, inner.Right
	key := orderedKey(threshold)
	if threshold != threshold {
		equal = unequal
		if missingLeft {
			equal = inner.Left
		}
		b.tree[slot] = Node{Feature: inner.Feature, Left: equal, Right: unequal, Key: 0, MissingRight: !missingLeft}
		return
	}
	second := int32(len(b.tree))
	b.tree = append(b.tree, Node{Feature: inner.Feature, Left: unequal, Right: equal, Key: key - 1, MissingRight: true})
	b.tree[slot] = Node{Feature: inner.Feature, Left: second, Right: unequal, Key: key, MissingRight: !missingLeft}
}
