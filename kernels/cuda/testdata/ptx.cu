// One warp multiplies A[16, K] and B[8, K], whose rows are 32 bytes, and adds C[16, 8]: with fragments as the PTX ISA draws them, with those that ldmatrix
// gives, and as Turing does it.
#include "ptx.cuh"

struct PtxArguments {
	const void *a, *b, *c;
	void *d; // [3, 16, 8]
};

template <typename T, typename Memory, typename Sum, bool ByHand> INLINE void multiply_fragments(const PtxArguments &p)
{
	constexpr int kEach = 4 / static_cast<int>(sizeof(T)), kDepth = 8 * kEach;
	const int lane = lane_of_thread(), group = lane / 4, within = lane % 4;
	const auto *a = static_cast<const Memory *>(p.a), *b = static_cast<const Memory *>(p.b);
	const auto *c = static_cast<const Sum *>(p.c);
	__shared__ uint4 chunks[48];
	unsigned char *shared = reinterpret_cast<unsigned char *>(chunks);
	for (int i = lane; i < 48; i += 32) // rows of A, then of B
		copy_async<16>(shared + 16 * i, static_cast<const unsigned char *>(i < 32 ? p.a : p.b) + 16 * (i % 32), true);
	commit_copies();
	wait_for_copies<0>();
	__syncwarp();
	uint32_t left[4], right[2], loaded[4], loaded_right[4];
	for (int i = 0; i < 4; i++)
		memcpy(&left[i], a + (group + i % 2 * 8) * kDepth + within * kEach + i / 2 * (kDepth / 2), 4);
	for (int i = 0; i < 2; i++)
		memcpy(&right[i], b + group * kDepth + within * kEach + i * (kDepth / 2), 4);
	load_matrices<false>(loaded, shared + lane % 16 * 32 + lane / 16 * 16);
	load_matrices<false>(loaded_right, shared + 512 + lane % 8 * 32 + lane / 8 % 2 * 16);
	Sum sums[3][4];
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 4; k++)
			sums[i][k] = c[(group + k / 2 * 8) * 8 + within * 2 + k % 2];
	multiply(T(), sums[0], left, right);
	multiply(T(), sums[1], loaded, {loaded_right[0], loaded_right[1]});
	if constexpr (kSame<T, int8_t>)
		multiply_in_quarters(sums[2], left, right);
	else if constexpr (ByHand)
		multiply_by_hand<T>(sums[2], left, right);
	else
		multiply(T(), sums[2], left, right);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 4; k++)
			static_cast<Sum *>(p.d)[(i * 16 + group + k / 2 * 8) * 8 + within * 2 + k % 2] = sums[i][k];
}

KERNEL(ptx_f16, PtxArguments, 32) { multiply_fragments<half_t, half_t, float, false>(arguments); }
KERNEL(ptx_bf16, PtxArguments, 32) { multiply_fragments<bfloat_t, bfloat_t, float, true>(arguments); }
KERNEL(ptx_tf32, PtxArguments, 32) { multiply_fragments<tfloat_t, float, float, true>(arguments); }
KERNEL(ptx_i8, PtxArguments, 32) { multiply_fragments<int8_t, int8_t, uint32_t, false>(arguments); }

// Transposes the 8 x 8 elements of four matrices that lie one after the other.
KERNEL(ptx_transpose, PtxArguments, 32)
{
	__shared__ uint4 chunks[32];
	unsigned char *shared = reinterpret_cast<unsigned char *>(chunks);
	const int lane = lane_of_thread();
	copy_async<16>(shared + 16 * lane, static_cast<const unsigned char *>(arguments.a) + 16 * lane, true);
	commit_copies();
	wait_for_copies<0>();
	__syncwarp();
	uint32_t loaded[4];
	load_matrices<true>(loaded, shared + 16 * lane);
	for (int i = 0; i < 4; i++)
		static_cast<uint32_t *>(arguments.d)[i * 32 + lane] = loaded[i];
}
