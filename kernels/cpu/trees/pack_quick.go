package trees

import (
	"math"
	"math/bits"
	"slices"
)

const (
	// quickLeaves is the largest number of leaves of a tree that the quick kernel takes: leaf numbers fit a byte, and
	// beyond that the walk is faster.
	quickLeaves = 64
	// planeLeaves is the number of leaves in a plane.
	planeLeaves = 8
	// codeKeys is the number of thresholds that one column of byte codes tells apart.
	codeKeys = 255
	// maxQuickColumns bounds the codes of a block of rows, which live in a thread's scratch.
	maxQuickColumns = 1 << 12
)

// codeColumn names a column of codes: a stretch of a feature's thresholds, and where NaN goes.
type codeColumn struct {
	feature      int32
	stretch      int
	missingRight bool
}

// packQuick writes the tables of the quick kernel where the ensemble allows it.
func (p *packer) packQuick() {
	if p.forest.equality {
		return
	}
	keys := map[int32][]uint32{}
	for _, tree := range p.forest.Trees {
		if len(tree) > 2*quickLeaves-1 {
			return
		}
		for i := range tree {
			if !tree[i].IsLeaf() {
				keys[tree[i].Feature] = append(keys[tree[i].Feature], tree[i].Key)
			}
		}
	}
	for feature, list := range keys {
		slices.Sort(list)
		keys[feature] = slices.Compact(list)
	}
	columns := p.quickColumns(keys)
	if len(columns) > maxQuickColumns {
		return
	}
	q := quickPacker{packer: p, keys: keys, columns: columns}
	for _, tree := range p.forest.Trees {
		q.packTree(tree)
	}
	p.model.quick, p.model.quickFeatures, p.model.quickColumns = true, len(keys), len(columns)
}

// quickColumns numbers the columns of codes and writes the features, their keys and their columns.
func (p *packer) quickColumns(keys map[int32][]uint32) map[codeColumn]uint32 {
	used := map[codeColumn]bool{}
	for _, tree := range p.forest.Trees {
		for i := range tree {
			if n := &tree[i]; !n.IsLeaf() {
				rank, _ := slices.BinarySearch(keys[n.Feature], n.Key)
				used[codeColumn{n.Feature, rank / codeKeys, n.MissingRight}] = true
			}
		}
	}
	features := make([]int32, 0, len(keys))
	for feature := range keys {
		features = append(features, feature)
	}
	slices.Sort(features)
	columns := map[codeColumn]uint32{}
	firstKey := 0
	for _, feature := range features {
		list, firstColumn := keys[feature], len(columns)
		for stretch := 0; stretch*codeKeys < len(list); stretch++ {
			for i, missing := range []int8{math.MinInt8, math.MaxInt8} {
				c := codeColumn{feature, stretch, i == 1}
				if used[c] {
					columns[c] = uint32(len(columns))
					p.section[sectionQuickColumns].put(uint32(stretch*codeKeys), uint32(int32(missing)))
				}
			}
		}
		levels := bits.Len(uint(len(list)))
		p.section[sectionQuickFeatures].put(uint32(feature), uint32(levels), uint32(firstKey), uint32(firstColumn), uint32(len(columns)-firstColumn))
		p.section[sectionQuickKeys].put(eytzinger(list, levels)...)
		firstKey += 1 << levels
	}
	return columns
}

// eytzinger lays the sorted keys out as a complete search tree of the given number of levels, root at 1, children of i at 2i
// and 2i+1. Missing keys are greater than all others.
func eytzinger(sorted []uint32, levels int) []uint32 {
	layout := make([]uint32, 1<<levels)
	for i := 1; i < len(layout); i++ {
		level := bits.Len(uint(i)) - 1
		step := 1 << (levels - level)
		rank := (i-1<<level)*step + step/2 - 1
		layout[i] = math.MaxUint32
		if rank < len(sorted) {
			layout[i] = sorted[rank]
		}
	}
	return layout
}

// quickPacker writes the tests of the trees.
type quickPacker struct {
	*packer
	keys      map[int32][]uint32
	columns   map[codeColumn]uint32
	tree      []Node
	leaves    int // of the tree, numbered from left to right
	planes    [quickLeaves / planeLeaves][]quickTest
	allPlanes int
	allLeaves int
}

type quickTest struct {
	column uint32
	code   int8
	clear  uint8
}

func (q *quickPacker) packTree(tree []Node) {
	for i := range q.planes {
		q.planes[i] = q.planes[i][:0]
	}
	q.tree, q.leaves = tree, 0
	q.visit(0)
	planes := (q.leaves + planeLeaves - 1) / planeLeaves
	q.section[sectionQuickTrees].put(uint32(q.allPlanes), uint32(planes), uint32(q.model.tests), uint32(q.allLeaves))
	for _, plane := range q.planes[:planes] {
		q.section[sectionQuickPlanes].put(uint32(len(plane)))
		q.model.tests += len(plane)
		for _, test := range plane {
			q.section[sectionQuickTests].put(test.column, uint32(uint8(test.code))*0x01010101, uint32(test.clear)*0x01010101)
		}
	}
	q.allPlanes += planes
	q.allLeaves += q.leaves
}

// visit numbers the leaves below a node and writes the tests of its inner nodes. A tree of at most 64 leaves is at most 63 deep.
func (q *quickPacker) visit(at int32) {
	n := &q.tree[at]
	if n.IsLeaf() {
		q.section[sectionQuickLeaves].put(q.gives[n.Leaf])
		q.leaves++
		return
	}
	first := q.leaves
	q.visit(n.Left)
	middle := q.leaves
	q.visit(n.Right)
	rank, _ := slices.BinarySearch(q.keys[n.Feature], n.Key)
	column := q.columns[codeColumn{n.Feature, rank / codeKeys, n.MissingRight}]
	code := int8(rank%codeKeys - 128)
	for plane := first / planeLeaves; plane*planeLeaves < middle; plane++ {
		from, to := max(first-plane*planeLeaves, 0), min(middle-plane*planeLeaves, planeLeaves)
		clear := uint8(1<<to - 1<<from)
		q.planes[plane] = append(q.planes[plane], quickTest{column, code, clear})
	}
}
