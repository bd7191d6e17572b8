// Host bodies of the PTX instructions that ptx.cuh wraps.
#ifndef INFERD_CUDA_EMULATION_PTX_H
#define INFERD_CUDA_EMULATION_PTX_H

#include <stdint.h>
#include <string.h>

#include "fibers.h"
#include "halves.h"

namespace emulation {

// cp.async: the copy happens at the thread's wait, as late as it may on a GPU, so that a wait that is missing shows.
void copy_later(void *shared, const void *global, int bytes, bool there);
void commit_copies();
void wait_for_copies(int groups_under_way);

// ldmatrix .x4: lane l brings the address of row l % 8 of matrix l / 8; a row is eight elements of two bytes.
inline void load_matrices(uint32_t (&to)[4], const void *row, bool transposed, const char *file, int line)
{
	int set = exchange(0xffffffffu, &row, sizeof row, nullptr, file, line);
	const int first = lane() / 4, second = lane() % 4;
	for (int i = 0; i < 4; i++) {
		auto row_of = [&](int r) {
			const unsigned char *p;
			memcpy(&p, self->warp->value[set][8 * i + r], sizeof p);
			return p;
		};
		if (!transposed) {
			memcpy(&to[i], row_of(first) + 4 * second, 4);
			continue;
		}
		uint16_t low, high;
		memcpy(&low, row_of(2 * second) + 2 * first, 2);
		memcpy(&high, row_of(2 * second + 1) + 2 * first, 2);
		to[i] = low | static_cast<uint32_t>(high) << 16;
	}
}

// Elements of a register of an operand of mma.
inline void decode_register(half_t *, uint32_t bits, float *to)
{
	to[0] = __half2float(half_t{static_cast<uint16_t>(bits)});
	to[1] = __half2float(half_t{static_cast<uint16_t>(bits >> 16)});
}

inline void decode_register(bfloat_t *, uint32_t bits, float *to)
{
	to[0] = __bfloat162float(bfloat_t{static_cast<uint16_t>(bits)});
	to[1] = __bfloat162float(bfloat_t{static_cast<uint16_t>(bits >> 16)});
}

inline void decode_register(float *, uint32_t bits, float *to) // TF32: the lowest 13 bits are not looked at
{
	bits &= ~0x1fffu;
	memcpy(to, &bits, 4);
}

inline void decode_register(int8_t *, uint32_t bits, uint32_t *to) // products and sums of unsigned numbers wrap around as the instruction's do
{
	for (int i = 0; i < 4; i++)
		to[i] = static_cast<uint32_t>(static_cast<int8_t>(bits >> (8 * i)));
}

// What a lane brings to mma.
template <typename Sum> struct MmaOperands {
	uint32_t a[4], b[2];
	Sum c[4];
};

// mma.m16n8 whose K is 32 bytes: C[16, 8] += A[16, K] B[K, 8]. The fragments are those of the PTX ISA, "Matrix Fragments for mma.m16n8k16" and its
// neighbours, which differ in the number of elements that share a register only. The last lane to come computes for the whole warp.
template <typename T, typename Sum> void combine_mma(Warp *warp, int set)
{
	constexpr int kEach = 4 / static_cast<int>(sizeof(T)), kDepth = 8 * kEach;
	Sum a[16][kDepth], b[8][kDepth], turned[kDepth][8], c[16][8];
	for (int l = 0; l < kLanes; l++) {
		const auto *in = reinterpret_cast<const MmaOperands<Sum> *>(warp->value[set][l]);
		const int group = l / 4, within = l % 4;
		for (int i = 0; i < 4; i++) {
			decode_register(static_cast<T *>(nullptr), in->a[i], &a[group + 8 * (i & 1)][(i >> 1) * kDepth / 2 + within * kEach]);
			c[group + 8 * (i >> 1)][2 * within + (i & 1)] = in->c[i];
		}
		for (int i = 0; i < 2; i++)
			decode_register(static_cast<T *>(nullptr), in->b[i], &b[group][i * kDepth / 2 + within * kEach]);
	}
	for (int k = 0; k < kDepth; k++)
		for (int j = 0; j < 8; j++)
			turned[k][j] = b[j][k];
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < kDepth; k++)
			for (int j = 0; j < 8; j++)
				c[i][j] += a[i][k] * turned[k][j];
	for (int l = 0; l < kLanes; l++) {
		auto *out = reinterpret_cast<Sum *>(warp->result[set][l]);
		for (int i = 0; i < 4; i++)
			out[i] = c[l / 4 + 8 * (i >> 1)][2 * (l % 4) + (i & 1)];
	}
}

template <typename T, typename Sum> inline void mma(Sum (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const char *file, int line)
{
	MmaOperands<Sum> in;
	memcpy(in.a, a, sizeof a);
	memcpy(in.b, b, sizeof b);
	memcpy(in.c, c, sizeof c);
	int set = exchange(0xffffffffu, &in, sizeof in, &combine_mma<T, Sum>, file, line);
	memcpy(c, self->warp->result[set][lane()], sizeof c);
}

} // namespace emulation

#endif
