// How a group of LANES neighbouring positions of a plane's row reads its elements.
#ifndef INFERD_RESIZE_GROUP_H
#define INFERD_RESIZE_GROUP_H

#include "resize.h"
#include "vector.h"

// The elements of a row that a group reads: within one or two vectors, or anywhere in the row.
typedef struct {
	const float *row;
	vf part[2];
} group_source;

// vectors is a constant: 1 or 2, or 0 where the elements lie anywhere.
INLINE group_source group_load(const int vectors, const float *row, int64_t width, int32_t first)
{
	group_source s = {.row = row + first};
#pragma GCC unroll 2
	for (int i = 0; i < vectors; i++) {
		int64_t left = width - first - i * LANES;
		if (left >= LANES)
			s.part[i] = vf_load(s.row + i * LANES);
		else
			s.part[i] = left > 0 ? vf_load_partial(s.row + i * LANES, (int)left) : vf_zero();
	}
	return s;
}

#if LANES == 16 && !defined(INFERD_EMULATE_AVX512)
INLINE vf group_of_one(vf part, vi index) { return (vf)_mm512_permutexvar_ps((__m512i)index, (__m512)part); }
INLINE vf group_of_two(vf low, vf high, vi index) { return (vf)_mm512_permutex2var_ps((__m512)low, (__m512i)index, (__m512)high); }
#elif LANES == 8
INLINE vf group_of_one(vf part, vi index) { return (vf)_mm256_permutevar8x32_ps((__m256)part, (__m256i)index); }
INLINE vf group_of_two(vf low, vf high, vi index)
{
	return vf_select(index < vi_set(LANES), group_of_one(low, index), group_of_one(high, index));
}
#else
INLINE vf group_of_two(vf low, vf high, vi index)
{
	vf picked;
	for (int i = 0; i < LANES; i++)
		picked[i] = index[i] < LANES ? low[index[i] % LANES] : high[index[i] % LANES];
	return picked;
}
INLINE vf group_of_one(vf part, vi index) { return group_of_two(part, part, index); }
#endif

// Lane i is the group's element index[i].
INLINE vf group_pick(const int vectors, const group_source *s, const int32_t *index)
{
	if (vectors == 1)
		return group_of_one(s->part[0], vi_load(index));
	if (vectors == 2)
		return group_of_two(s->part[0], s->part[1], vi_load(index));
	vf gathered;
	for (int i = 0; i < LANES; i++)
		gathered[i] = s->row[index[i]];
	return gathered;
}

#endif
