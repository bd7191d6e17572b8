// One-hot encoding: a look-up by open addressing for each element. Bound by the writing of the output's zeros.
#include "linear.h"

static void one_hot_write(const inferd_step *step, void *const *bases, int64_t row, int64_t category)
{
	int64_t categories = step->parameter[LINEAR_COLUMNS];
	float *y = (float *)inferd_address(step, bases, 2) + row * categories;
	memset(y, 0, (size_t)categories * sizeof *y);
	if (category >= 0) {
		y[category] = 1.0f;
		return;
	}
	int64_t *unknown = inferd_address(step, bases, 3);
	if (unknown)
		__atomic_fetch_add(unknown, 1, __ATOMIC_RELAXED);
}

static int64_t one_hot_end(const inferd_step *step, int64_t first)
{
	int64_t end = first + step->parameter[LINEAR_TILE_ROWS];
	return end < step->parameter[LINEAR_ROWS] ? end : step->parameter[LINEAR_ROWS];
}

// X int64 [rows]. The table is never full, so every search ends at the key or at a free slot.
void inferd_one_hot_int(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *x = inferd_address(step, bases, 0);
	const inferd_one_hot_int_slot *table = inferd_address(step, bases, 1);
	int bits = (int)step->parameter[LINEAR_SLOT_BITS];
	uint64_t mask = (1ull << bits) - 1;
	int64_t first = tile * step->parameter[LINEAR_TILE_ROWS], end = one_hot_end(step, first);
	for (int64_t row = first; row < end; row++) {
		uint64_t at = ((uint64_t)x[row] * 0x9e3779b97f4a7c15ull) >> (64 - bits);
		while (table[at].category >= 0 && table[at].key != x[row])
			at = (at + 1) & mask;
		one_hot_write(step, bases, row, table[at].category);
	}
}

// FNV-1a, its high bits mixed into the low ones; oneHotHash in one_hot.go is the same.
static uint64_t one_hot_hash(const char *data, int64_t length)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	for (int64_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)data[i]) * 0x100000001b3ull;
	return hash ^ (hash >> 32);
}

// X strings [rows]; the table's slots are followed by the bytes of the categories.
void inferd_one_hot_string(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const inferd_string *x = inferd_address(step, bases, 0);
	const char *blob = inferd_address(step, bases, 1);
	const inferd_one_hot_string_slot *table = (const inferd_one_hot_string_slot *)blob;
	uint64_t mask = (1ull << step->parameter[LINEAR_SLOT_BITS]) - 1;
	int64_t first = tile * step->parameter[LINEAR_TILE_ROWS], end = one_hot_end(step, first);
	for (int64_t row = first; row < end; row++) {
		uint64_t hash = one_hot_hash(x[row].data, x[row].length), at = hash & mask;
		while (table[at].category >= 0 && (table[at].hash != hash || table[at].length != x[row].length ||
		                                   (x[row].length > 0 && memcmp(blob + table[at].offset, x[row].data, (size_t)x[row].length) != 0)))
			at = (at + 1) & mask;
		one_hot_write(step, bases, row, table[at].category);
	}
}
