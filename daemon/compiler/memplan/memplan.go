// Package memplan gives every value of a program a place in one arena, so that values whose lives do not overlap share memory.
//
// In: sizes and lifetimes in step numbers. Out: offsets and the arena's size. It knows no graph: the compiler resolves views and
// in-place kernels to blocks first.
package memplan

import (
	"cmp"
	"slices"
)

// Alignment of every block in bytes: a cache line, and the widest vector.
const Alignment = 64

// Block is memory that is needed from step First to step Last, both inclusive.
type Block struct {
	Bytes       int64
	First, Last int
	Offset      int64 // set by Plan
}

// Plan sets the offset of each block and returns the arena's size in bytes. Blocks are placed from large to small, each into the lowest
// gap between the blocks already placed that live at the same time ("greedy by size for offset calculation", Pisarchyk and Lee,
// "Efficient Memory Management for Deep Neural Net Inference", 2020).
func Plan(blocks []*Block) (arenaBytes int64) {
	order := slices.Clone(blocks)
	slices.SortStableFunc(order, func(a, b *Block) int { return cmp.Compare(b.Bytes, a.Bytes) })
	placed := make([]*Block, 0, len(order)) // by offset
	for _, block := range order {
		block.Offset = lowestGap(block, placed)
		end := block.Offset + align(block.Bytes)
		arenaBytes = max(arenaBytes, end)
		at, _ := slices.BinarySearchFunc(placed, block, func(a, b *Block) int { return cmp.Compare(a.Offset, b.Offset) })
		placed = slices.Insert(placed, at, block)
	}
	return arenaBytes
}

// lowestGap returns the lowest offset at which block overlaps no placed block that lives at the same time.
func lowestGap(block *Block, placed []*Block) int64 {
	var offset int64
	for _, other := range placed {
		if other.Last < block.First || block.Last < other.First {
			continue
		}
		if offset+align(block.Bytes) <= other.Offset {
			return offset
		}
		offset = max(offset, other.Offset+align(other.Bytes))
	}
	return offset
}

func align(bytes int64) int64 { return (bytes + Alignment - 1) &^ (Alignment - 1) }
