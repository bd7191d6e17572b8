// Gather along one axis: row by row, an index each.
#include "walk.h"

INLINE int64_t gather_index(const char *indices, int64_t i, int64_t size)
{
	if (size == 8) {
		int64_t value;
		memcpy(&value, indices + i * 8, 8);
		return value;
	}
	int32_t value;
	memcpy(&value, indices + i * 4, 4);
	return value;
}

// The index counted from the front, or -1 where it is out of range.
INLINE int64_t gather_resolve(int64_t index, int64_t axis)
{
	index += index < 0 ? axis : 0;
	return (uint64_t)index < (uint64_t)axis ? index : -1;
}

// Operands: data [outer, axis, row], indices [count], output [outer, count, row], status? (an int64 that is set to 1 where an index is
// out of range; its row is then zero). Bound by the latency of memory where the data exceed the cache, hence the prefetch.
void INFERD_NAME(inferd_gather)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	enum { AHEAD = 6 };
	const char *data = inferd_address(step, bases, 0), *indices = inferd_address(step, bases, 1);
	char *output = inferd_address(step, bases, 2);
	int64_t *status = inferd_address(step, bases, 3);
	int64_t count = step->parameter[INFERD_GATHER_COUNT], units = step->parameter[INFERD_GATHER_UNITS];
	int64_t axis = step->parameter[INFERD_GATHER_AXIS], row = step->parameter[INFERD_GATHER_ROW_BYTES];
	int64_t size = step->parameter[INFERD_GATHER_INDEX_SIZE], per_tile = step->parameter[INFERD_GATHER_UNITS_PER_TILE];
	int64_t first = tile * per_tile, end = first + per_tile < units ? first + per_tile : units;
	int64_t outer = first / count, position = first % count;
	for (int64_t unit = first; unit < end; unit++) {
		const char *plane = data + outer * axis * row;
		if (position + AHEAD < count) {
			int64_t ahead = gather_resolve(gather_index(indices, position + AHEAD, size), axis);
			const char *next = plane + (ahead < 0 ? 0 : ahead) * row;
			for (int64_t line = 0; line < row && line < 2048; line += 64)
				__builtin_prefetch(next + line);
		}
		int64_t index = gather_resolve(gather_index(indices, position, size), axis);
		if (index >= 0) {
			copy_bytes(output + unit * row, plane + index * row, row);
		} else {
			memset(output + unit * row, 0, (size_t)row);
			if (status != NULL)
				__atomic_store_n(status, 1, __ATOMIC_RELAXED);
		}
		if (++position == count) {
			position = 0;
			outer++;
		}
	}
}
