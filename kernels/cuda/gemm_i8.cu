// Matrix products of eight-bit integers on tensor cores, with sums in int32 and what is quantised about them; see integer.cuh. A[M, K], B[N, K] packed.
//
// Bound by arithmetic, 2 * M * N * K at twice the rate of float16, where M, N and K are large; by reading B, N * K bytes, where M is small.
#include "integer.cuh"

struct IntegerGemmArguments {
	IntegerOperands operands;
	IntegerEpilogue epilogue;
	int64_t k, b_row; // b_row: bytes of a packed row of B
	int64_t row_tiles, column_tiles;
};

template <typename Tile, bool Wide> INLINE void integer_gemm(const IntegerGemmArguments &g)
{
	DYNAMIC_SHARED(unsigned char, shared);
	const IntegerOperands &o = g.operands;
	const IntegerEpilogue &e = g.epilogue;
	int64_t row, column;
	find_tile(blockIdx.x, static_cast<uint32_t>(g.row_tiles), static_cast<uint32_t>(g.column_tiles), &row, &column);
	row *= Tile::kM;
	column *= Tile::kN;
	AlongDepth<int8_t, Tile::kM, Tile::kThreads, Wide> a({static_cast<const int8_t *>(o.a), g.k, 1, e.rows, g.k}, row);
	AlongDepth<int8_t, Tile::kN, Tile::kThreads, true> b({static_cast<const int8_t *>(o.b), g.b_row, 1, e.columns, g.k}, column);
	Tile tile(o, e, column);
	const int steps = stages_of<int8_t>(g.k);
	multiply_stages(tile, a, b, steps, steps, shared);
	const IntegerNumbers n = read_numbers(o, e);
	// Zeros are loaded beyond K, which are -128 where the highest bit is turned.
	tile.subtract_rows(e.unsigned_a ? static_cast<int32_t>(steps * kStageDepth<int8_t> - g.k) * -128 : 0);
	write_integers(tile, shared, o, e, n, row, column);
}

KERNEL(gemm_i8_wide_128x128, IntegerGemmArguments, 256) { integer_gemm<IntegerWide, true>(arguments); }
KERNEL(gemm_i8_wide_128x64, IntegerGemmArguments, 128) { integer_gemm<IntegerTall, true>(arguments); }
KERNEL(gemm_i8_wide_64x64, IntegerGemmArguments, 128) { integer_gemm<IntegerSquare, true>(arguments); }
KERNEL(gemm_i8_wide_16x32, IntegerGemmArguments, 64) { integer_gemm<IntegerNarrow, true>(arguments); }
KERNEL(gemm_i8_any_64x64, IntegerGemmArguments, 128) { integer_gemm<IntegerSquare, false>(arguments); }
