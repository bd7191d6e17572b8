// Host bodies of Hopper's instructions; see tile_wgmma.cuh.
#ifndef INFERD_CUDA_EMULATION_WGMMA_H
#define INFERD_CUDA_EMULATION_WGMMA_H

#include "ptx.h"

namespace emulation {

// The address in shared memory: that of the dynamic part is 0.
inline uint32_t shared_offset(const void *p) { return static_cast<uint32_t>(static_cast<const unsigned char *>(p) - static_cast<const unsigned char *>(dynamic_shared())); }

// Where 16 bytes of a row lie in a matrix that a descriptor describes, with a swizzle of 64 bytes: bits 7 and 8 of the address change bits 4 and 5.
inline const unsigned char *described_chunk(uint64_t descriptor, int row, int chunk)
{
	const uint32_t start = static_cast<uint32_t>(descriptor & 0x3fff) << 4, stride = static_cast<uint32_t>(descriptor >> 32 & 0x3fff) << 4;
	uint32_t address = start + static_cast<uint32_t>(row / 8) * stride + static_cast<uint32_t>(row % 8 * 64 + chunk * 16);
	address ^= address >> 3 & 0x30;
	return static_cast<const unsigned char *>(dynamic_shared()) + address;
}

// wgmma.mma_async.m64n128k16 with both operands in shared memory: each lane computes the sums that it holds.
template <typename T> inline void wgmma(float (&sum)[16][4], uint64_t a, uint64_t b)
{
	auto element = [](uint64_t descriptor, int row, int k) {
		uint32_t bits;
		memcpy(&bits, described_chunk(descriptor, row, k / 8) + k % 8 / 2 * 4, 4);
		float pair[2];
		decode_register(static_cast<T *>(nullptr), bits, pair);
		return pair[k % 2];
	};
	const int row = self->linear / kLanes % 4 * 16 + lane() / 4;
	for (int j = 0; j < 16; j++)
		for (int i = 0; i < 4; i++)
			for (int k = 0; k < 16; k++)
				sum[j][i] += element(a, row + i / 2 * 8, k) * element(b, j * 8 + lane() % 4 * 2 + i % 2, k);
}

} // namespace emulation

#endif
