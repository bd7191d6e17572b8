package cuda

import (
	"fmt"
	"math"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// Attention describes softmax(Scale Q K^T + Mask) V for every head of a batch. A row's bits do not depend on the batch, nor on Processors and Shared.
type Attention struct {
	Type Type
	// TensorFloat lets tensor cores multiply float32 with the 10 bits of fraction that TF32 has.
	TensorFloat         bool
	Batch, Heads        int64
	Queries, Keys       int64
	HeadSize, ValueSize int64
	Scale               float32
	Q, K, V, Y          AttentionHeads
	Mask                AttentionHeads // added to the scores; absent where its operand is
	MaskColumn          int64          // elements from one key's to the next one's
	Processors          int64          // multiprocessors that the blocks should fill; 0: 128
	Shared              int64          // bytes of shared memory that a block may have; 0: 64 KiB, the least there is
}

// AttentionHeads is an operand with its strides in elements: head h of batch b begins at b*Batch + h*Head. A stride of 0 repeats.
type AttentionHeads struct {
	Operand          step.Operand
	Batch, Head, Row int64
}

// attentionArguments mirrors AttentionArguments.
type attentionArguments struct {
	q, k, v, mask, y                                    address
	qStride, kStride, vStride, yStride, maskStride      [3]int64
	queries, keys                                       int64
	maskColumn, heads, headSize, valueSize, wide, wideY int32
	scale                                               float32
}

// attentionTile is what a block does: its kernel, less module and type, its queries, its threads, and its bytes of shared memory.
type attentionTile struct {
	kernel                   string
	queries, threads, shared int64
}

// attentionMost is the largest size of heads; smaller ones are padded with zeros, in memory to the columns of the kernel, in products to the next multiple of 16.
const attentionMost = 128

// maxMaskColumn bounds the distance of a tile's last key from its first in a mask.
const maxMaskColumn = math.MaxInt32 / 64

// Plan returns the launch; none where there are no elements.
func (a Attention) Plan() ([]Launch, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.Batch*a.Heads*a.Queries*a.ValueSize == 0 {
		return nil, nil
	}
	tile, err := a.tile()
	if err != nil {
		return nil, err
	}
	blocks := a.Batch * a.Heads * divide(a.Queries, tile.queries)
	if blocks > maxGrid {
		return nil, unsupported("attention of %d blocks", blocks)
	}
	name, module := a.Type.String(), "attention"
	if a.onTensorCores() {
		if a.Type == Float32 {
			name = "tf32"
		}
		module += "_" + name
	}
	l := newLaunch(module, "attention_"+name+"_"+tile.kernel, grid1(blocks), grid1(tile.threads), int(tile.shared), a.arguments(),
		a.Q.Operand, a.K.Operand, a.V.Operand, a.Mask.Operand, a.Y.Operand)
	scores := a.Batch * a.Heads * a.Queries * a.Keys
	l.FLOP = scores * (2*(a.HeadSize+a.ValueSize) + 5)
	l.Bytes = a.Type.Size() * a.Batch * a.Heads * (a.Queries + a.Keys) * (a.HeadSize + a.ValueSize)
	return []Launch{l}, nil
}

// check reports what there is no kernel for.
func (a Attention) check() error {
	switch {
	case !a.Type.IsFloat():
		return unsupported("attention of %v", a.Type)
	case a.Keys == 0 || a.HeadSize == 0:
		return unsupported("attention of %d keys of size %d", a.Keys, a.HeadSize)
	case a.HeadSize > attentionMost || a.ValueSize > attentionMost:
		return unsupported("attention of heads of sizes %d and %d, at most %d", a.HeadSize, a.ValueSize, attentionMost)
	case a.Heads > math.MaxInt32 || a.MaskColumn > maxMaskColumn:
		return unsupported("attention of %d heads, masks of keys %d elements apart", a.Heads, a.MaskColumn)
	}
	return nil
}

// tile chooses among kernels: one for many queries, because it reads keys and values from shared memory once for all of them, unless its blocks would be too few
// to fill half of the device.
func (a Attention) tile() (attentionTile, error) {
	processors, shared := a.Processors, a.Shared
	if processors == 0 {
		processors = 128
	}
	if shared == 0 {
		shared = 64 << 10
	}
	tiles := a.floatTiles()
	if a.onTensorCores() {
		tiles = a.tensorTiles()
	}
	for i, t := range tiles {
		fills := 2*a.Batch*a.Heads*divide(a.Queries, t.queries) >= processors && t.queries < 2*a.Queries
		if t.shared <= shared && (fills || i == len(tiles)-1) {
			return t, nil
		}
	}
	return attentionTile{}, unsupported("attention of heads of size %d needs %d bytes of shared memory", max(a.HeadSize, a.ValueSize), tiles[len(tiles)-1].shared)
}

// columns is the least of some numbers of columns that heads fit into.
func (a Attention) columns(sizes ...int64) int64 {
	for _, size := range sizes {
		if max(a.HeadSize, a.ValueSize) <= size {
			return size
		}
	}
	return attentionMost
}

// floatTiles are the variants of attention.cu, the largest first. They give the same bits.
func (a Attention) floatTiles() []attentionTile {
	columns := a.columns(32, 64, attentionMost)
	keys := attentionKeys(columns)
	var list []attentionTile
	for _, queries := range []int64{64, 8} {
		list = append(list, attentionTile{fmt.Sprintf("d%d_q%d", columns, queries), queries, 128, 4 * (columns*(queries+2*keys) + queries*keys)})
	}
	return list
}

// onTensorCores reports whether the kernels are those of attention_tensor.cuh. With few queries float32 gains nothing by rounding to TF32.
func (a Attention) onTensorCores() bool {
	return a.Type != Float32 || a.TensorFloat && a.Queries > attentionFew
}

// attentionFew is the number of queries that one warp has where warps share the keys.
const attentionFew = 16

// tensorTiles are the variants of attention_tensor.cuh, the largest first. They give the same bits but for the one whose warps share the keys, and which of
// them runs is a matter of the queries alone.
func (a Attention) tensorTiles() []attentionTile {
	columns, size := a.columns(64, attentionMost), a.Type.Size()
	keys, kernel := 2*attentionKeys(columns)/size, fmt.Sprintf("d%d", columns)
	tile := func(queries, threads int64) attentionTile {
		return attentionTile{kernel, queries, threads, size * columns * (queries + 4*keys)}
	}
	if a.Queries <= attentionFew {
		shares := keys / 16
		t := tile(attentionFew, warp*shares)
		t.kernel += "_few"
		t.shared = max(t.shared, size*columns*attentionFew+4*shares*attentionFew*(columns+2))
		return []attentionTile{t}
	}
	queries := int64(32) // of a warp
	if a.Type == Float32 && columns == attentionMost {
		queries = 16
	}
	return []attentionTile{tile(4*queries, 4*warp), tile(2*queries, 2*warp)}
}

// attentionKeys is the number of keys that a block takes at a time, of elements of two bytes or by attention.cu.
func attentionKeys(columns int64) int64 {
	if columns > 64 {
		return 32
	}
	return 64
}

func (a Attention) arguments() attentionArguments {
	strides := func(h AttentionHeads) [3]int64 { return [3]int64{h.Batch, h.Head, h.Row} }
	wideIn := a.wide(a.HeadSize, a.Q) && a.wide(a.HeadSize, a.K) && a.wide(a.ValueSize, a.V)
	return attentionArguments{
		qStride: strides(a.Q), kStride: strides(a.K), vStride: strides(a.V), yStride: strides(a.Y), maskStride: strides(a.Mask), maskColumn: int32(a.MaskColumn),
		queries: a.Queries, keys: a.Keys, heads: int32(a.Heads), headSize: int32(a.HeadSize), valueSize: int32(a.ValueSize),
		wide: flag(wideIn), wideY: flag(a.wide(a.ValueSize, a.Y)), scale: a.Scale,
	}
}

// wide reports whether all rows of an operand are whole chunks of 16 aligned bytes.
func (a Attention) wide(size int64, h AttentionHeads) bool {
	for _, stride := range []int64{h.Batch, h.Head, h.Row} {
		if wide(a.Type, stride) == 1 {
			return false
		}
	}
	return wide(a.Type, size, h.Operand) > 1
}
