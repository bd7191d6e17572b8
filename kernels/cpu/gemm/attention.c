#include "attention.h"

#include "gemm.h"

int64_t inferd_attention_scratch(int64_t rows, int64_t keys, int64_t head_size, int64_t value_size)
{
	// The scores in padded rows, a copy of the queries, and a block of K or of V in panels of any width.
	int64_t columns = INFERD_ATTENTION_KEY_BLOCK;
	int64_t values = (value_size + INFERD_GEMM_PANEL_AVX512 - 1) / INFERD_GEMM_PANEL_AVX512 * INFERD_GEMM_PANEL_AVX512;
	int64_t panels = columns * (head_size > values ? head_size : values);
	return 4 * (rows * INFERD_ATTENTION_SCORE_ROW(keys) + rows * head_size + panels);
}
