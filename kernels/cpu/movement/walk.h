// The outer loops of a movement step: units of work numbered row-major over up to eight dimensions, each unit at a byte offset of the
// source and of the destination. The innermost outer dimension may number chunks of one long dimension, the last chunk being shorter.
#ifndef INFERD_MOVEMENT_WALK_H
#define INFERD_MOVEMENT_WALK_H

#include "movement.h"
#include "vector.h"

typedef struct {
	const inferd_step *step;
	int64_t rank;
	int64_t left; // units that this tile has still to do
	int64_t index[INFERD_MOVEMENT_RANK];
	const char *source;
	char *destination;
} walk;

INLINE int64_t walk_dim(const walk *w, int64_t d) { return w->step->parameter[INFERD_MOVEMENT_DIMS + d]; }
INLINE int64_t walk_source_stride(const walk *w, int64_t d) { return w->step->parameter[INFERD_MOVEMENT_SOURCE_STRIDES + d]; }
INLINE int64_t walk_destination_stride(const walk *w, int64_t d) { return w->step->parameter[INFERD_MOVEMENT_DESTINATION_STRIDES + d]; }

INLINE walk walk_begin(const inferd_step *step, void *const *bases, int64_t tile)
{
	walk w = {.step = step, .rank = step->parameter[INFERD_MOVEMENT_OUTER_RANK]};
	w.source = (const char *)inferd_address(step, bases, 0) + step->parameter[INFERD_MOVEMENT_SOURCE_OFFSET];
	w.destination = (char *)inferd_address(step, bases, 1) + step->parameter[INFERD_MOVEMENT_DESTINATION_OFFSET];
	int64_t units = step->parameter[INFERD_MOVEMENT_UNITS], per_tile = step->parameter[INFERD_MOVEMENT_UNITS_PER_TILE];
	int64_t first = tile * per_tile;
	w.left = first + per_tile < units ? per_tile : units - first;
	if (w.left <= 0)
		return w; // an empty tensor: a dimension of zero must not divide
	for (int64_t d = w.rank; d-- > 0; first /= walk_dim(&w, d)) {
		w.index[d] = first % walk_dim(&w, d);
		w.source += w.index[d] * walk_source_stride(&w, d);
		w.destination += w.index[d] * walk_destination_stride(&w, d);
	}
	return w;
}

INLINE void walk_next(walk *w)
{
	w->left--;
	for (int64_t d = w->rank; d-- > 0;) {
		w->source += walk_source_stride(w, d);
		w->destination += walk_destination_stride(w, d);
		if (++w->index[d] < walk_dim(w, d))
			return;
		w->source -= w->index[d] * walk_source_stride(w, d);
		w->destination -= w->index[d] * walk_destination_stride(w, d);
		w->index[d] = 0;
	}
}

// The length of the present unit along the chunked dimension.
INLINE int64_t walk_chunk(const walk *w)
{
	int64_t chunk = w->step->parameter[INFERD_MOVEMENT_CHUNK];
	int64_t rest = w->step->parameter[INFERD_MOVEMENT_EXTENT] - w->index[w->rank - 1] * chunk;
	return rest < chunk ? rest : chunk;
}

// Copies n bytes. Short copies are inlined: a call of memcpy costs more than the copy of a cache line or two.
INLINE void copy_bytes(char *destination, const char *source, int64_t n)
{
	if (n > 512) {
		memcpy(destination, source, (size_t)n);
	} else if (n >= 32) {
		for (int64_t i = 0; i + 32 <= n; i += 32)
			memcpy(destination + i, source + i, 32);
		memcpy(destination + n - 32, source + n - 32, 32);
	} else if (n >= 16) {
		memcpy(destination, source, 16);
		memcpy(destination + n - 16, source + n - 16, 16);
	} else if (n >= 8) {
		memcpy(destination, source, 8);
		memcpy(destination + n - 8, source + n - 8, 8);
	} else if (n >= 4) {
		memcpy(destination, source, 4);
		memcpy(destination + n - 4, source + n - 4, 4);
	} else {
		for (int64_t i = 0; i < n; i++)
			destination[i] = source[i];
	}
}

#endif
