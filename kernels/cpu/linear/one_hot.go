package linear

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// maxCategories bounds the row of a one-hot encoding.
const maxCategories = 1 << 24

var errNoCategories = errors.New("one-hot encoder: no categories")

// OneHot is a compiled OneHotEncoder.
type OneHot struct {
	// Packed holds the hash table; the kernels want it in C memory, aligned to 8 bytes.
	Packed []byte

	categories int
	slotBits   int
	kernel     step.Kernel
}

// Categories returns the number of elements that one input element becomes.
func (o *OneHot) Categories() int { return o.categories }

// SlotBits returns the binary logarithm of the number of slots.
func (o *OneHot) SlotBits() int { return o.slotBits }

// slotBitsFor gives a table that is at most half full, so that a search always ends at a free slot.
func slotBitsFor(categories int) (int, error) {
	switch {
	case categories == 0:
		return 0, errNoCategories
	case categories > maxCategories:
		return 0, fmt.Errorf("one-hot encoder: %d categories, at most %d are supported", categories, maxCategories)
	}
	return bits.Len(uint(2*categories - 1)), nil
}

// CompileInts builds the table of cats_int64s. Of equal categories the last one counts.
func CompileInts(categories []int64) (*OneHot, error) {
	slotBits, err := slotBitsFor(len(categories))
	if err != nil {
		return nil, err
	}
	const slotSize = 16
	packed := make([]byte, slotSize<<slotBits)
	slot := func(at uint64) []byte { return packed[at*slotSize : (at+1)*slotSize] }
	for at := range uint64(1) << slotBits {
		binary.LittleEndian.PutUint64(slot(at)[8:], ^uint64(0))
	}
	for i, category := range categories {
		at := uint64(category) * 0x9e3779b97f4a7c15 >> (64 - slotBits)
		for int64(binary.LittleEndian.Uint64(slot(at)[8:])) >= 0 && binary.LittleEndian.Uint64(slot(at)) != uint64(category) {
			at = (at + 1) & (1<<slotBits - 1)
		}
		binary.LittleEndian.PutUint64(slot(at), uint64(category))
		binary.LittleEndian.PutUint64(slot(at)[8:], uint64(i))
	}
	return &OneHot{Packed: packed, categories: len(categories), slotBits: slotBits, kernel: oneHotInt}, nil
}

// oneHotHash is one_hot_hash of one_hot.c.
func oneHotHash(text string) uint64 {
	hash := uint64(0xcbf29ce484222325)
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 0x100000001b3
	}
	return hash ^ hash>>32
}

// CompileStrings builds the table of cats_strings. Of equal categories the last one counts.
func CompileStrings(categories []string) (*OneHot, error) {
	slotBits, err := slotBitsFor(len(categories))
	if err != nil {
		return nil, err
	}
	const slotSize = 32
	packed := make([]byte, slotSize<<slotBits)
	used := make([]int, 1<<slotBits) // category + 1
	for i, category := range categories {
		at := oneHotHash(category) & (1<<slotBits - 1)
		for used[at] != 0 && categories[used[at]-1] != category {
			at = (at + 1) & (1<<slotBits - 1)
		}
		used[at] = i + 1
	}
	for at, category := range used {
		var fields [4]uint64
		if fields[1] = ^uint64(0); category != 0 {
			text := categories[category-1]
			fields = [4]uint64{oneHotHash(text), uint64(category - 1), uint64(len(packed)), uint64(len(text))}
			packed = append(packed, text...)
		}
		for i, field := range fields {
			binary.LittleEndian.PutUint64(packed[at*slotSize+8*i:], field)
		}
	}
	// A whole number of words, so that a table that is laid against the end of its memory is aligned too.
	packed = append(packed, make([]byte, -len(packed)&7)...)
	return &OneHot{Packed: packed, categories: len(categories), slotBits: slotBits, kernel: oneHotString}, nil
}

// Plan gives the step from n elements (int64, or strings as records of address and length) to float32 [n, categories]. An unknown
// element gives zeros and adds one to the int64 at unknown, where that is present: with zeros=0 the caller has to fail then.
func (o *OneHot) Plan(n int, x, packed, y, unknown step.Operand) ([]step.Step, error) {
	s, err := tiled("one-hot encoder", o.kernel, n, o.categories, o.categories)
	if err != nil {
		return nil, err
	}
	s.CostNS += 10 * int64(n)
	s.Parameter[parameterOutputs] = int64(o.slotBits)
	s.Operand[0], s.Operand[1], s.Operand[2], s.Operand[3] = x, packed, y, unknown
	return []step.Step{s}, nil
}
