// The rows of A of a tile, packed. Included by product_body.h.

// Copies the taps of one row's patch.
static void integer_copy_patch(const int64_t *p, const uint8_t *x, int64_t row, int64_t channels, uint8_t padding, uint8_t *to)
{
	const int64_t width = p[INTEGER_OUTPUT_WIDTH], height = p[INTEGER_OUTPUT_HEIGHT], each = p[INTEGER_GROUP_CHANNELS];
	const int64_t image = row / width / height, top = row / width % height * p[INTEGER_STRIDE_HEIGHT] - p[INTEGER_PAD_TOP];
	const int64_t left = row % width * p[INTEGER_STRIDE_WIDTH] - p[INTEGER_PAD_LEFT];
	for (int64_t i = 0; i < p[INTEGER_KERNEL_HEIGHT]; i++) {
		const int64_t y = top + i * p[INTEGER_DILATION_HEIGHT];
		for (int64_t j = 0; j < p[INTEGER_KERNEL_WIDTH]; j++, to += each) {
			const int64_t at = left + j * p[INTEGER_DILATION_WIDTH];
			if (y < 0 || y >= p[INTEGER_HEIGHT] || at < 0 || at >= p[INTEGER_WIDTH])
				memset(to, padding, (size_t)each);
			else
				memcpy(to, x + ((image * p[INTEGER_HEIGHT] + y) * p[INTEGER_WIDTH] + at) * channels, (size_t)each);
		}
	}
}

// Packs rows as uint8, zeros beyond K up to whole cache lines, and adds up each row where sums are wanted.
static void integer_pack_rows(const inferd_step *step, void *const *bases, const integer_epilogue *e, int64_t group, int64_t row, int64_t rows, int64_t k, uint8_t *to, int64_t to_row, int32_t *sums)
{
	const int64_t *p = step->parameter, channels = p[INTEGER_GROUPS] * p[INTEGER_GROUP_CHANNELS];
	const uint8_t *x = (const uint8_t *)inferd_address(step, bases, INTEGER_A) + group * p[INTEGER_GROUP_CHANNELS];
	const bool is_unsigned = p[INTEGER_FLAGS] & INTEGER_UNSIGNED_A, patches = k != channels || p[INTEGER_STRIDE_HEIGHT] * p[INTEGER_STRIDE_WIDTH] != 1 || p[INTEGER_PAD_TOP] || p[INTEGER_PAD_LEFT];
	const int64_t end = (k + 63) / 64 * 64;
	const vi turned = vi_set((int32_t)0x80808080);
	for (int64_t r = 0; r < rows; r++, to += to_row) {
		if (patches || p[INTEGER_HEIGHT] != p[INTEGER_OUTPUT_HEIGHT] || p[INTEGER_WIDTH] != p[INTEGER_OUTPUT_WIDTH])
			integer_copy_patch(p, x, row + r, channels, (uint8_t)e->a_zero, to);
		else
			memcpy(to, x + (row + r) * channels, (size_t)k);
		if (!is_unsigned)
			for (int64_t i = 0; i < k; i += LANES * 4) // what is beyond K is cleared below
				vi_store(to + i, vi_load(to + i) ^ turned);
		memset(to + k, 0, (size_t)(end - k));
		if (sums) {
			vi sum = {0};
			const integer_bytes ones = integer_split_b(vi_set(0x01010101));
			for (int64_t i = 0; i < end; i += LANES * 4)
				sum = integer_dot(sum, integer_split_a(vi_load(to + i)), ones);
			int32_t total = 0;
			for (int i = 0; i < LANES; i++)
				total += sum[i];
			sums[r] = total;
		}
	}
}
