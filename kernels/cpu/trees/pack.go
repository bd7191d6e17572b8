package trees

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// The sections of the packed tables, in the order of enum trees_section in tables.h.
const (
	sectionWalkColumns = iota
	sectionWalkTrees
	sectionWalkRecords
	sectionWalkLeaves
	sectionTargets
	sectionRanges
	sectionVotes
	sectionQuickFeatures
	sectionQuickKeys
	sectionQuickColumns
	sectionQuickTrees
	sectionQuickPlanes
	sectionQuickTests
	sectionQuickLeaves
	sectionBases
	sectionLabels
	sections
)

// sectionAlignment is the alignment of the packed tables and of each section in them.
const sectionAlignment = 64

// words is a section under construction: little-endian 32-bit words.
type words []byte

func (w *words) put(values ...uint32) {
	for _, value := range values {
		*w = binary.LittleEndian.AppendUint32(*w, value)
	}
}

func (w *words) putFloat(value float32) { w.put(math.Float32bits(value)) }

// Special values of TREES_SINGLE: the leaves of a tree vote for that tree's target, or leaves hold lists of votes.
const (
	singleVaries = -1
	singleVotes  = -2
)

// Model is a compiled ensemble.
type Model struct {
	// Packed holds the tables. They are position-independent; the kernels want them in C memory, aligned to 64 bytes.
	Packed []byte

	ensemble      *Ensemble
	features      int
	trees         int
	single        int
	quick         bool
	quickFeatures int
	quickColumns  int
	walkColumns   int
	linkBits      int
	totalDepth    int
	tests         int
}

// Features returns the number of features that a row must have at least.
func (m *Model) Features() int { return m.features }

// Trees returns the number of trees.
func (m *Model) Trees() int { return m.trees }

// Compile validates the ensemble and packs its tables. It keeps a reference to the ensemble, which must not change.
func Compile(e *Ensemble) (*Model, error) {
	f, err := e.Validate()
	if err != nil {
		return nil, fmt.Errorf("tree ensemble: %w", err)
	}
	p := packer{model: &Model{ensemble: e, features: f.Features, trees: len(f.Trees)}, forest: f}
	p.packVotes()
	if err := p.packWalk(); err != nil {
		return nil, fmt.Errorf("tree ensemble: %w", err)
	}
	p.packQuick()
	for _, base := range e.BaseValues {
		p.section[sectionBases].putFloat(base)
	}
	for i := range e.Targets {
		label := uint64(i)
		if e.Labels != nil {
			label = uint64(e.Labels[i])
		}
		p.section[sectionLabels] = binary.LittleEndian.AppendUint64(p.section[sectionLabels], label)
	}
	p.model.Packed = p.join()
	return p.model, nil
}

// packer fills the sections of a model.
type packer struct {
	model   *Model
	forest  *Forest
	section [sections]words
	gives   []uint32 // by leaf number: the weight's bits, or the number again where leaves hold lists of votes
}

func (p *packer) join() []byte {
	size := (8*sections + sectionAlignment - 1) / sectionAlignment * sectionAlignment
	header := size
	for i := range p.section {
		size += (len(p.section[i]) + sectionAlignment - 1) / sectionAlignment * sectionAlignment
	}
	packed := make([]byte, size)
	at := header
	for i := range p.section {
		binary.LittleEndian.PutUint64(packed[8*i:], uint64(at))
		copy(packed[at:], p.section[i])
		at += (len(p.section[i]) + sectionAlignment - 1) / sectionAlignment * sectionAlignment
	}
	return packed
}

// packVotes finds out whether every leaf votes once and its tree always for the same target, which is the common and fast
// case, and writes the targets or the lists of votes.
func (p *packer) packVotes() {
	p.model.single = p.singleTarget()
	p.gives = make([]uint32, len(p.forest.Votes))
	votes := uint32(0)
	for leaf, list := range p.forest.Votes {
		if p.model.single != singleVotes {
			p.gives[leaf] = math.Float32bits(list[0].Weight)
			continue
		}
		p.gives[leaf] = uint32(leaf)
		p.section[sectionRanges].put(votes, uint32(len(list)))
		for _, v := range list {
			p.section[sectionVotes].put(v.Target, math.Float32bits(v.Weight))
		}
		votes += uint32(len(list))
	}
	if p.model.single == singleVotes {
		return
	}
	for _, tree := range p.forest.Trees {
		p.section[sectionTargets].put(p.treeTarget(tree))
	}
}

func (p *packer) treeTarget(tree []Node) uint32 {
	for i := range tree {
		if tree[i].IsLeaf() {
			return p.forest.Votes[tree[i].Leaf][0].Target
		}
	}
	return 0 // not reached: a finite tree has a leaf
}

func (p *packer) singleTarget() int {
	if a := p.model.ensemble.Aggregate; a == "MIN" || a == "MAX" {
		return singleVotes
	}
	common := -3 // no tree seen yet
	for _, tree := range p.forest.Trees {
		target := -1
		for i := range tree {
			if !tree[i].IsLeaf() {
				continue
			}
			list := p.forest.Votes[tree[i].Leaf]
			if len(list) != 1 || target >= 0 && int(list[0].Target) != target {
				return singleVotes
			}
			target = int(list[0].Target)
		}
		switch common {
		case -3, target:
			common = target
		default:
			common = singleVaries
		}
	}
	return common
}

// packWalk writes the records of the walk: the children of a node side by side, each tree breadth first.
func (p *packer) packWalk() error {
	columns := map[uint64]uint32{}
	column := func(n *Node) uint32 {
		missing := uint32(0)
		if n.MissingRight {
			missing = math.MaxUint32
		}
		key := uint64(n.Feature)<<32 | uint64(missing)
		index, exists := columns[key]
		if !exists {
			index = uint32(len(columns))
			columns[key] = index
			p.section[sectionWalkColumns].put(uint32(n.Feature), missing)
		}
		return index
	}
	largest := 0
	for _, tree := range p.forest.Trees {
		largest = max(largest, len(tree))
		for i := range tree {
			if !tree[i].IsLeaf() {
				column(&tree[i])
			}
		}
	}
	// An equality test's shared children have two pairs of records, so a tree has at most twice as many records as nodes.
	p.model.linkBits = max(5, bits.Len(uint(2*largest)))
	if bits.Len(uint(len(columns))) > 32-p.model.linkBits {
		return fmt.Errorf("%d columns of features with a tree of %d nodes: their numbers do not fit 32 bits together", len(columns), largest)
	}
	first := uint32(0)
	for _, tree := range p.forest.Trees {
		records, depth := p.walkTree(tree, column)
		p.section[sectionWalkTrees].put(first, uint32(depth))
		first += uint32(records)
		p.model.totalDepth += depth
	}
	p.model.walkColumns = len(columns)
	return nil
}

// walkTree appends the records of one tree and returns their number and the number of steps to the lowest leaf.
func (p *packer) walkTree(tree []Node, column func(*Node) uint32) (records, depth int) {
	queue := []int32{0} // by record: its node
	level := []int{0}
	pair := make(map[int32]uint32, len(tree)/2) // by node: the record of its left child
	for at := 0; at < len(queue); at++ {
		n := &tree[queue[at]]
		if n.IsLeaf() {
			p.section[sectionWalkRecords].put(math.MaxUint32, uint32(at))
			p.section[sectionWalkLeaves].put(p.gives[n.Leaf])
			depth = max(depth, level[at])
			continue
		}
		child, placed := pair[queue[at]]
		if !placed {
			child = uint32(len(queue))
			pair[queue[at]] = child
			queue = append(queue, n.Left, n.Right)
			level = append(level, level[at]+1, level[at]+1)
		}
		p.section[sectionWalkRecords].put(n.Key, column(n)<<p.model.linkBits|child)
		p.section[sectionWalkLeaves].put(0)
	}
	if p.forest.equality {
		depth = len(tree) // shared records: the level at which one was placed is not the longest way to it
	}
	return len(queue), depth
}
