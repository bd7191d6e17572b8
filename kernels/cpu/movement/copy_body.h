// Strided copies: Slice, Split, Concat, Expand, Pad and the transpositions whose innermost dimension stays innermost.
#include "walk.h"

// Units are runs of bytes that are contiguous in both tensors. Bound by memory: every byte is read and written once.
void INFERD_NAME(inferd_copy_rows)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	for (walk w = walk_begin(step, bases, tile); w.left > 0; walk_next(&w))
		copy_bytes(w.destination, w.source, walk_chunk(&w) * step->parameter[INFERD_MOVEMENT_ELEMENT_SIZE]);
}

// n elements of `size` bytes, a compile-time constant, each tensor with its own stride.
INLINE void copy_elements(char *destination, int64_t to, const char *source, int64_t from, int64_t n, size_t size)
{
	if (from == 0 && to == (int64_t)size) {
		char element[16];
		memcpy(element, source, size); // kept aside: the compiler cannot know that the destination does not overlap it
		for (int64_t i = 0; i < n; i++)
			memcpy(destination + i * (int64_t)size, element, size);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		memcpy(destination + i * to, source + i * from, size);
}

// Units are runs of elements with a stride; source stride 0 repeats one element.
void INFERD_NAME(inferd_copy_strided)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	int64_t from = step->parameter[INFERD_MOVEMENT_SOURCE_STRIDE], to = step->parameter[INFERD_MOVEMENT_DESTINATION_STRIDE];
	int64_t size = step->parameter[INFERD_MOVEMENT_ELEMENT_SIZE];
	for (walk w = walk_begin(step, bases, tile); w.left > 0; walk_next(&w)) {
		int64_t n = walk_chunk(&w);
		switch (size) {
		case 1:
			copy_elements(w.destination, to, w.source, from, n, 1);
			break;
		case 2:
			copy_elements(w.destination, to, w.source, from, n, 2);
			break;
		case 4:
			copy_elements(w.destination, to, w.source, from, n, 4);
			break;
		case 8:
			copy_elements(w.destination, to, w.source, from, n, 8);
			break;
		default:
			copy_elements(w.destination, to, w.source, from, n, 16);
		}
	}
}
