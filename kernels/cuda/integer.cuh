// What matrix products and convolutions of eight-bit integers share: the tile of a block, and what follows its sums. With A and B of int8,
//
//	sum[m, n] = sum over k of (A[m, k] - a_zero) * (B[k, n] - b_zero[n])
//	          = sum of A * B - a_zero * (sum of B[:, n] - K * b_zero[n]) - b_zero[n] * (sum of A[m, :])
//
// in int32, exactly but for its wrap. What is in brackets first is known when B is packed, the column terms; the rest comes from fragments as they pass.
// uint8 is made int8 by turning the highest bit, which takes 128 from the numbers and from their zero point alike: B's when it is packed, A's in registers.
#ifndef INFERD_INTEGER_CUH
#define INFERD_INTEGER_CUH

#include "gemm.cuh"

// The types of results, by the numbers of Type in package cuda.
enum IntegerOutput : int32_t { kOutputFloat = 0, kOutputHalf = 1, kOutputBfloat = 2, kOutputInt8 = 3, kOutputUint8 = 4, kOutputInt32 = 5 };

struct IntegerOperands {
	const void *a, *b;
	const float *a_scale;
	const void *a_zero;                             // of A's type; absent where it is 0
	const float *b_scale;                           // of columns
	const int32_t *b_zero, *column_terms;           // of columns; b_zero is absent where all are 0
	const void *bias, *residual;                    // of columns, int32 or float; as the result
	const float *y_scale;
	const void *y_zero; // of the result's type
	void *c;
};

struct IntegerEpilogue {
	int64_t rows, columns, row, residual_row;
	float p0, p1;
	int32_t activation, residual_after, output, integer_bias;
	int32_t unsigned_a; // A is uint8
	int32_t wide;       // four columns of the result move as one
};

// What is read once for all elements.
struct IntegerNumbers {
	int32_t a_zero;
	float a_scale, y_scale, y_zero;
};

INLINE int32_t zero_point(const void *p, bool is_unsigned)
{
	if (!p)
		return is_unsigned ? -128 : 0;
	return is_unsigned ? *static_cast<const uint8_t *>(p) - 128 : *static_cast<const int8_t *>(p);
}

INLINE IntegerNumbers read_numbers(const IntegerOperands &o, const IntegerEpilogue &e)
{
	IntegerNumbers n = {zero_point(o.a_zero, e.unsigned_a), o.a_scale ? *o.a_scale : 1.0f, o.y_scale ? *o.y_scale : 1.0f, 0.0f};
	if (o.y_zero)
		n.y_zero = e.output == kOutputUint8 ? to_float(*static_cast<const uint8_t *>(o.y_zero)) : to_float(*static_cast<const int8_t *>(o.y_zero));
	return n;
}

template <typename T> INLINE void read_residual(float (&to)[kFinished], const void *p, int64_t at, int count, bool wide)
{
	const Pack<T, kFinished> pack = load_neighbours<T, kFinished>(static_cast<const T *>(p) + at, 1, count, wide);
#pragma unroll
	for (int i = 0; i < kFinished; i++)
		to[i] = to_float(pack.at[i]);
}

template <typename T, typename From> INLINE void write_result(void *p, int64_t at, const From (&from)[kFinished], int count, bool wide)
{
	Pack<T, kFinished> pack;
#pragma unroll
	for (int i = 0; i < kFinished; i++) {
		if constexpr (kSame<T, From>)
			pack.at[i] = from[i];
		else
			pack.at[i] = from_float<T>(from[i]);
	}
	T *to = static_cast<T *>(p) + at;
	if (wide) {
		store<T, kFinished>(to, pack);
		return;
	}
#pragma unroll
	for (int i = 0; i < kFinished; i++)
		if (i < count)
			to[i] = pack.at[i];
}

// Saturates round(value / scale) + zero, ties to even; NaN becomes the least number.
INLINE float requantized(float value, const IntegerNumbers &n, float least, float greatest)
{
	return fminf(fmaxf(rintf(value / n.y_scale) + n.y_zero, least), greatest);
}

// Finishes four neighbours of a row and stores them. Arrays of columns hold whole packs.
INLINE void finish_integers(const IntegerOperands &o, const IntegerEpilogue &e, const IntegerNumbers &n, int64_t row, int64_t column, const Pack<int32_t, kFinished> &sums)
{
	if (row >= e.rows || column >= e.columns)
		return;
	const int count = static_cast<int>(e.columns - column < kFinished ? e.columns - column : kFinished);
	const int64_t at = row * e.row + column;
	int32_t sum[kFinished];
#pragma unroll
	for (int i = 0; i < kFinished; i++)
		sum[i] = sums.at[i];
	if (o.column_terms) {
		const Pack<int32_t, kFinished> terms = load<int32_t, kFinished>(o.column_terms + column);
#pragma unroll
		for (int i = 0; i < kFinished; i++)
			sum[i] = static_cast<int32_t>(static_cast<uint32_t>(sum[i]) - static_cast<uint32_t>(n.a_zero) * static_cast<uint32_t>(terms.at[i]));
	}
	if (e.output == kOutputInt32) {
		write_result<int32_t>(o.c, at, sum, count, e.wide);
		return;
	}
	const Pack<float, kFinished> scale = load<float, kFinished>(o.b_scale + column);
	float value[kFinished], bias[kFinished] = {}, residual[kFinished] = {};
	if (o.bias && e.integer_bias) {
#pragma unroll
		for (int i = 0; i < kFinished; i++)
			sum[i] = static_cast<int32_t>(static_cast<uint32_t>(sum[i]) + static_cast<uint32_t>(i < count ? static_cast<const int32_t *>(o.bias)[column + i] : 0));
	} else if (o.bias) {
		read_residual<float>(bias, o.bias, column, count, false);
	}
	if (o.residual) {
		const int64_t from = row * e.residual_row + column;
		if (e.output == kOutputFloat)
			read_residual<float>(residual, o.residual, from, count, e.wide);
		else if (e.output == kOutputHalf)
			read_residual<half_t>(residual, o.residual, from, count, e.wide);
		else
			read_residual<bfloat_t>(residual, o.residual, from, count, e.wide);
	}
#pragma unroll
	for (int i = 0; i < kFinished; i++) {
		value[i] = __fadd_rn(__fmul_rn(static_cast<float>(sum[i]), n.a_scale * scale.at[i]), bias[i]); // rounded twice, as ONNX's operators do
		if (!e.residual_after)
			value[i] += residual[i];
	}
	activate(e.activation, value, e.p0, e.p1);
#pragma unroll
	for (int i = 0; i < kFinished; i++) {
		if (e.residual_after)
			value[i] += residual[i];
		if (e.output == kOutputInt8)
			value[i] = requantized(value[i], n, -128.0f, 127.0f);
		else if (e.output == kOutputUint8)
			value[i] = requantized(value[i], n, 0.0f, 255.0f);
	}
	switch (e.output) {
	case kOutputFloat:
		return write_result<float>(o.c, at, value, count, e.wide);
	case kOutputHalf:
		return write_result<half_t>(o.c, at, value, count, e.wide);
	case kOutputBfloat:
		return write_result<bfloat_t>(o.c, at, value, count, e.wide);
	case kOutputInt8:
		return write_result<int8_t>(o.c, at, value, count, e.wide);
	default:
		return write_result<uint8_t>(o.c, at, value, count, e.wide);
	}
}

// A tile as that of tile_mma.cuh, with sums of integers and, where they are wanted, the sums of A's rows.
template <int M, int N, int WarpM, int WarpN, int Stages> struct IntegerTile : MmaTile<int8_t, M, N, WarpM, WarpN, Stages, false> {
	typedef MmaTile<int8_t, M, N, WarpM, WarpN, Stages, false> Base;
	using Base::kColumns, Base::kRows;

	uint32_t sums[kRows][kColumns][4]; // which wrap around
	int32_t row_sums[kRows][2];
	uint32_t turned_bits;  // of A's registers
	const int32_t *b_zero; // of the tile's columns; absent where there are no row sums
	int64_t columns;       // from the tile's first one on

	__device__ __forceinline__ IntegerTile(const IntegerOperands &o, const IntegerEpilogue &e, int64_t first_column)
		: turned_bits(e.unsigned_a ? 0x80808080u : 0u), b_zero(o.b_zero ? o.b_zero + first_column : nullptr), columns(e.columns - first_column)
	{
#pragma unroll
		for (int i = 0; i < kRows; i++) {
			row_sums[i][0] = row_sums[i][1] = 0;
#pragma unroll
			for (int j = 0; j < kColumns; j++)
#pragma unroll
				for (int k = 0; k < 4; k++)
					sums[i][j][k] = 0;
		}
	}

	__device__ __forceinline__ void multiply(const unsigned char *a, const unsigned char *b)
	{
		const int lane = lane_of_thread();
#pragma unroll
		for (int half = 0; half < 2; half++) {
			uint32_t left[kRows][4], right[kColumns / 2][4];
#pragma unroll
			for (int i = 0; i < kRows; i++) {
				load_matrices<false>(left[i], a + place_of_chunk<kChunks>(Base::first_row() + i * 16 + lane % 16, half * 2 + lane / 16));
#pragma unroll
				for (int k = 0; k < 4; k++)
					left[i][k] ^= turned_bits;
			}
#pragma unroll
			for (int j = 0; j < kColumns / 2; j++)
				Base::load_columns(right[j], b, Base::first_column() + j * 16, half);
#pragma unroll
			for (int i = 0; i < kRows; i++)
#pragma unroll
				for (int j = 0; j < kColumns; j++)
					::multiply(int8_t(), sums[i][j], left[i], {right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]});
			if (b_zero) {
#pragma unroll
				for (int i = 0; i < kRows; i++)
#pragma unroll
					for (int k = 0; k < 4; k++)
						row_sums[i][k % 2] = __dp4a(static_cast<int32_t>(left[i][k]), 0x01010101, row_sums[i][k % 2]);
			}
		}
	}

	// Takes b_zero times the sums of A's rows from the sums; of what was loaded beyond K, each element counted `beyond` too much.
	__device__ __forceinline__ void subtract_rows(int32_t beyond)
	{
		if (!b_zero)
			return;
#pragma unroll
		for (int i = 0; i < kRows; i++)
#pragma unroll
			for (int below = 0; below < 2; below++) {
				uint32_t row = static_cast<uint32_t>(row_sums[i][below]);
				row += __shfl_xor_sync(kAllLanes, row, 1);
				row += __shfl_xor_sync(kAllLanes, row, 2);
				row -= static_cast<uint32_t>(beyond);
#pragma unroll
				for (int j = 0; j < kColumns; j++)
#pragma unroll
					for (int k = 0; k < 2; k++) {
						const int column = Base::first_column() + j * 8 + lane_of_thread() % 4 * 2 + k;
						sums[i][j][2 * below + k] -= row * static_cast<uint32_t>(column < columns ? b_zero[column] : 0);
					}
			}
	}

	// The slab holds int32.
	__device__ __forceinline__ void spill(float *slab) const
	{
		const int lane = lane_of_thread();
#pragma unroll
		for (int i = 0; i < kRows; i++)
#pragma unroll
			for (int j = 0; j < kColumns; j++)
#pragma unroll
				for (int below = 0; below < 2; below++) {
					int32_t *to = reinterpret_cast<int32_t *>(slab) + (i * 16 + below * 8 + lane / 4) * kPitch<Base> + Base::first_column() + j * 8 + lane % 4 * 2;
					store<int32_t, 2>(to, {static_cast<int32_t>(sums[i][j][2 * below]), static_cast<int32_t>(sums[i][j][2 * below + 1])});
				}
	}
};

// Writes the results of a tile's rows and columns.
template <typename Tile> INLINE void write_integers(const Tile &tile, unsigned char *shared, const IntegerOperands &o, const IntegerEpilogue &e, const IntegerNumbers &n, int64_t first_row, int64_t first_column)
{
	constexpr int kPacks = Tile::kN / kFinished;
	visit_parts(tile, shared, [&](const float *slab, int part) {
#pragma unroll 1
		for (int at = static_cast<int>(threadIdx.x); at < Tile::kWarpM * kPacks; at += Tile::kThreads) {
			const int row = at / kPacks, column = at % kPacks * kFinished;
			finish_integers(o, e, n, first_row + part + row, first_column + column, load<int32_t, kFinished>(reinterpret_cast<const int32_t *>(slab) + row * kPitch<Tile> + column));
		}
	});
}

typedef IntegerTile<128, 128, 64, 32, 3> IntegerWide;
typedef IntegerTile<128, 64, 64, 32, 4> IntegerTall;
typedef IntegerTile<64, 64, 32, 32, 4> IntegerSquare;
typedef IntegerTile<16, 32, 16, 16, 12> IntegerNarrow;

#endif
