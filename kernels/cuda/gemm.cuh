// Matrix products C = activation(alpha * A B + bias + residual) in batches: A[M, K], B[K, N], any strides.
//
// Bound by arithmetic, 2 * M * N * K, where M, N and K are large; by reading B where M is small, which the narrow tile with its long ring is for.
// Algorithm: tiles in registers, warps and blocks as in Kerr et al., "CUTLASS: Fast Linear Algebra in CUDA C++", 2017; order of the tiles as in Tillet et
// al., "Triton", 2019.
#ifndef INFERD_GEMM_CUH
#define INFERD_GEMM_CUH

#include "tile_fma.cuh"
#include "tile_mma.cuh"

struct GemmArguments {
	const void *a, *b, *bias, *residual;
	void *c;
	void *sums; // of segments, [segments, m, sums_pitch] in float, where blocks share them
	Epilogue epilogue;
	Segments segments;
	int64_t sums_pitch;
	int64_t m, n, k;
	int64_t a_row, a_column, b_row, b_column;               // strides in elements
	int64_t batch[3], a_batch[3], b_batch[3], c_batch[3];   // outermost first
	int64_t row_tiles, column_tiles;
};

// Rows of tiles that are computed together, so that their parts of A and B stay in the second-level cache.
constexpr uint32_t kTogether = 8;

// The tile of a block among the tiles of one matrix. Numbers of blocks have 31 bits, and divisions of 64 bits are slow.
INLINE void find_tile(uint32_t block, uint32_t row_tiles, uint32_t column_tiles, int64_t *row, int64_t *column)
{
	const uint32_t group = block / (kTogether * column_tiles), within = block % (kTogether * column_tiles), first = group * kTogether;
	const uint32_t rows = row_tiles - first < kTogether ? row_tiles - first : kTogether;
	*row = first + within % rows;
	*column = within / rows;
}

// Where a matrix of the batch begins, in elements.
INLINE int64_t batch_offset(const int64_t (&batch)[3], const int64_t (&strides)[3], uint32_t index)
{
	const uint32_t inner = static_cast<uint32_t>(batch[2]), middle = static_cast<uint32_t>(batch[1]);
	return index % inner * strides[2] + index / inner % middle * strides[1] + index / inner / middle * strides[0];
}

// The steps of the block's segment; all of them where it adds the segments up, or there is one only.
template <typename Tile> struct BlockSteps {
	uint32_t outer, segment, first; // what the block belongs to besides tile and segment: the matrix of a batch, the group of a convolution
	int count;

	__device__ __forceinline__ BlockSteps(const Segments &s, uint32_t above_tiles, uint32_t all)
	{
		const uint32_t shared_by = Tile::kFolds ? 1 : static_cast<uint32_t>(s.count), each = static_cast<uint32_t>(s.steps);
		outer = above_tiles / shared_by;
		segment = above_tiles % shared_by;
		first = segment * each;
		count = static_cast<int>(shared_by > 1 && first + each < all ? each : all - first);
	}
};

// Element is the type in memory, of which Tile::T is the view of the tensor cores.
template <typename Element, typename Tile, typename LoadA, typename LoadB> INLINE void gemm(const GemmArguments &g)
{
	DYNAMIC_SHARED(unsigned char, shared);
	const uint32_t row_tiles = static_cast<uint32_t>(g.row_tiles), column_tiles = static_cast<uint32_t>(g.column_tiles), tiles = row_tiles * column_tiles;
	const BlockSteps<Tile> steps(g.segments, blockIdx.x / tiles, stages_of<Element>(g.k));
	int64_t row, column;
	find_tile(blockIdx.x % tiles, row_tiles, column_tiles, &row, &column);
	row *= Tile::kM;
	column *= Tile::kN;
	LoadA a({static_cast<const Element *>(g.a) + batch_offset(g.batch, g.a_batch, steps.outer), g.a_row, g.a_column, g.m, g.k}, row);
	LoadB b({static_cast<const Element *>(g.b) + batch_offset(g.batch, g.b_batch, steps.outer), g.b_column, g.b_row, g.n, g.k}, column);
	a.skip(steps.first);
	b.skip(steps.first);
	Tile tile;
	multiply_stages(tile, a, b, steps.count, static_cast<int>(g.segments.steps), shared);
	if (!Tile::kFolds && g.segments.count > 1) {
		write_sums(tile, shared, static_cast<float *>(g.sums) + steps.segment * g.m * g.sums_pitch, g.sums_pitch, g.m, g.n, row, column);
		return;
	}
	const Result<Element> result = {static_cast<Element *>(g.c) + batch_offset(g.batch, g.c_batch, steps.outer), static_cast<const Element *>(g.bias),
		static_cast<const Element *>(g.residual), g.m, g.n};
	write_tile(tile, shared, result, g.epilogue, row, column);
}

// A and B with K in neighbours, both aligned.
template <typename Element, typename Tile> INLINE void gemm_nt(const GemmArguments &g)
{
	gemm<Element, Tile, AlongDepth<Element, Tile::kM, Tile::kThreads, true>, AlongDepth<Element, Tile::kN, Tile::kThreads, true>>(g);
}

// B with N in neighbours, both aligned.
template <typename Element, typename Tile> INLINE void gemm_nn(const GemmArguments &g)
{
	gemm<Element, Tile, AlongDepth<Element, Tile::kM, Tile::kThreads, true>, AlongRows<Element, Tile::kN, Tile::kThreads, true>>(g);
}

// Any strides and alignment: both by elements.
template <typename Element, typename Tile> INLINE void gemm_strided(const GemmArguments &g)
{
	gemm<Element, Tile, AlongDepth<Element, Tile::kM, Tile::kThreads, false>, AlongRows<Element, Tile::kN, Tile::kThreads, false>>(g);
}

// Stages by the tile: rings of 48 KiB or less, so that two blocks share a multiprocessor of any architecture, and one of Turing's 64 KiB holds one.
template <typename T, bool BAlongRows> using MmaWide = MmaTile<T, 128, 128, 64, 32, 3, BAlongRows>;
template <typename T, bool BAlongRows> using MmaTall = MmaTile<T, 128, 64, 64, 32, 4, BAlongRows>;
template <typename T, bool BAlongRows> using MmaSquare = MmaTile<T, 64, 64, 32, 32, 4, BAlongRows>;
template <typename T, bool BAlongRows> using MmaSlim = MmaTile<T, 64, 32, 32, 16, 6, BAlongRows>;
// For few blocks, with half as many rows and columns, and for segments that one block adds up, with sums for both in its registers.
template <typename T, bool BAlongRows> using MmaSmall = MmaTile<T, 32, 32, 16, 16, 6, BAlongRows>;
template <typename T, bool BAlongRows> using MmaFolded = Folded<MmaTile<T, 128, 64, 32, 32, 4, BAlongRows>>;
// For few rows: little to multiply, so as much of B as possible is under way.
template <typename T, bool BAlongRows> using MmaNarrow = MmaTile<T, 16, 32, 16, 16, 12, BAlongRows>;

typedef FmaTile<128, 128, 8, 8, 3> FmaWide;
typedef FmaTile<64, 64, 4, 8, 4> FmaSquare;
typedef FmaTile<64, 32, 4, 4, 6> FmaSlim;
typedef FmaTile<32, 32, 2, 4, 6> FmaSmall;
typedef Folded<FmaSquare> FmaFolded;
typedef FmaTile<16, 32, 2, 4, 12> FmaNarrow;

#endif
