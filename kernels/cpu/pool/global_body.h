// Global average: the mean of each channel over all pixels of an image, NHWC.
//
// A tile is a range of one image's channels. Four vectors of channels are summed together: the pixels in blocks of 64, even and odd ones
// apart, then the blocks. So the order is fixed and the rounding error stays near that of 64 additions. Bound by reading the
// input once, 4 bytes an element.
#include "pool.h"
#include "vector.h"

enum { POOL_BLOCK_PIXELS = 64 };

// vectors * LANES channels, the last of them `lanes` wide. vectors and partial are constants.
INLINE void global_average(const int vectors, const int partial, const float *x, int64_t stride, int64_t pixels, float *y, int lanes)
{
	vf total[4];
#pragma GCC unroll 4
	for (int j = 0; j < vectors; j++)
		total[j] = vf_zero();
	for (int64_t first = 0; first < pixels; first += POOL_BLOCK_PIXELS) {
		int64_t left = pixels - first < POOL_BLOCK_PIXELS ? pixels - first : POOL_BLOCK_PIXELS;
		vf even[4], odd[4];
#pragma GCC unroll 4
		for (int j = 0; j < vectors; j++)
			even[j] = odd[j] = vf_zero();
		for (; left >= 2; left -= 2, x += 2 * stride) {
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++) {
				even[j] += partial ? vf_load_partial(x + j * LANES, lanes) : vf_load(x + j * LANES);
				odd[j] += partial ? vf_load_partial(x + stride + j * LANES, lanes) : vf_load(x + stride + j * LANES);
			}
		}
		if (left) {
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++)
				even[j] += partial ? vf_load_partial(x + j * LANES, lanes) : vf_load(x + j * LANES);
			x += stride;
		}
#pragma GCC unroll 4
		for (int j = 0; j < vectors; j++)
			total[j] += even[j] + odd[j];
	}
	vf count = vf_set((float)pixels);
#pragma GCC unroll 4
	for (int j = 0; j < vectors; j++) {
		if (partial)
			vf_store_partial(y + j * LANES, total[j] / count, lanes);
		else
			vf_store(y + j * LANES, total[j] / count);
	}
}

void INFERD_NAME(pool_global_average)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter;
	int64_t channels = p[POOL_CHANNELS], vectors = (channels + LANES - 1) / LANES, blocks = p[POOL_CHANNEL_BLOCKS];
	int64_t image = tile / blocks, part = tile % blocks, pixels = p[POOL_HEIGHT] * p[POOL_WIDTH], stride = p[POOL_INPUT_STRIDE];
	const float *x = (const float *)inferd_address(step, bases, POOL_INPUT) + image * pixels * stride;
	float *y = (float *)inferd_address(step, bases, POOL_OUTPUT) + image * p[POOL_OUTPUT_STRIDE];
	int64_t c = part * vectors / blocks * LANES, end = (part + 1) * vectors / blocks * LANES;
	if (end > channels)
		end = channels;
	for (; c + 4 * LANES <= end; c += 4 * LANES)
		global_average(4, 0, x + c, stride, pixels, y + c, LANES);
	for (; c + LANES <= end; c += LANES)
		global_average(1, 0, x + c, stride, pixels, y + c, LANES);
	if (c < end)
		global_average(1, 1, x + c, stride, pixels, y + c, (int)(end - c));
}
