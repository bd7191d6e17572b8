// Plain loops that the compiler vectorises.
#include "compute.h"

#include <halves.h>

#include <math.h>
#include <string.h>
#include <time.h>

#include <vector>

namespace blas {
namespace {

constexpr int64_t kRows = 16, kColumns = 6; // of a block of results whose sums stay in registers

// Half of a block's column, the widest register that most processors have.
typedef float FloatHalf __attribute__((vector_size(kRows / 2 * 4)));
typedef int32_t IntegerHalf __attribute__((vector_size(kRows / 2 * 4)));

// Sums of a block: rows of `a` are kRows elements, rows of `b` kColumns. `a` and `sums` are aligned to a line.
template <typename Half, typename T> inline __attribute__((always_inline)) void multiply_block(int64_t k, const T *a, const T *b, T *sums)
{
	Half kept[kColumns][2] = {};
	for (int64_t p = 0; p < k; p++, a += kRows, b += kColumns) {
		auto *row = reinterpret_cast<const Half *>(a);
#pragma GCC unroll 8
		for (int64_t j = 0; j < kColumns; j++) {
			kept[j][0] += row[0] * b[j];
			kept[j][1] += row[1] * b[j];
		}
	}
	auto *to = reinterpret_cast<Half *>(sums);
#pragma GCC unroll 8
	for (int64_t j = 0; j < kColumns; j++) {
		to[2 * j] = kept[j][0];
		to[2 * j + 1] = kept[j][1];
	}
}

// Compiled for two instruction sets; without fused multiply-adds both give the same bits.
#define BOTH_INSTRUCTION_SETS __attribute__((target_clones("avx2", "default")))

BOTH_INSTRUCTION_SETS void multiply(int64_t k, const float *a, const float *b, float *sums) { multiply_block<FloatHalf>(k, a, b, sums); }

BOTH_INSTRUCTION_SETS void multiply(int64_t k, const int32_t *a, const int32_t *b, int32_t *sums) { multiply_block<IntegerHalf>(k, a, b, sums); }

float round_factor(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	if ((bits & 0x7f800000) != 0x7f800000)
		bits = (bits + 0x1000) & ~0x1fffu;
	memcpy(&x, &bits, sizeof x);
	return x;
}

float read(const void *p, int64_t at, cudaDataType_t type)
{
	switch (type) {
	case CUDA_R_16F:
		return __half2float(static_cast<const half_t *>(p)[at]);
	case CUDA_R_16BF:
		return __bfloat162float(static_cast<const bfloat_t *>(p)[at]);
	default:
		return static_cast<const float *>(p)[at];
	}
}

void write(void *p, int64_t at, cudaDataType_t type, float value)
{
	switch (type) {
	case CUDA_R_16F:
		static_cast<half_t *>(p)[at] = __float2half(value);
		break;
	case CUDA_R_16BF:
		static_cast<bfloat_t *>(p)[at] = __float2bfloat16(value);
		break;
	default:
		static_cast<float *>(p)[at] = value;
	}
}

// One factor in the order in which blocks read it: panels of `wide` elements for each inner index, filled up with zeros.
template <typename T> struct Panels {
	struct alignas(64) Line {
		T at[16] = {};
	};
	std::vector<Line> lines;
	int64_t panel; // elements of one

	T *at(int64_t index) { return &lines[0].at[0] + index * panel; }
};

// Element (outer, inner) of the factor lies at outer * outer_step + inner * inner_step.
template <typename T, typename Read> Panels<T> pack(int64_t outer, int64_t inner, int64_t wide, int64_t outer_step, int64_t inner_step, Read element)
{
	Panels<T> panels;
	panels.panel = inner * wide;
	panels.lines.resize(static_cast<size_t>(((outer + wide - 1) / wide * panels.panel + 15) / 16));
	for (int64_t o = 0; o < outer; o++) {
		T *to = panels.at(o / wide) + o % wide;
		for (int64_t i = 0; i < inner; i++)
			to[i * wide] = element(o * outer_step + i * inner_step);
	}
	return panels;
}

template <typename T, typename ReadA, typename ReadB, typename Finish> void product_of(const Product &p, ReadA read_a, ReadB read_b, Finish finish)
{
	Panels<T> a = pack<T>(p.m, p.k, kRows, p.transpose_a ? p.lda : 1, p.transpose_a ? 1 : p.lda, read_a);
	Panels<T> b = pack<T>(p.n, p.k, kColumns, p.transpose_b ? 1 : p.ldb, p.transpose_b ? p.ldb : 1, read_b);
	alignas(64) T sums[kRows * kColumns];
	for (int64_t j = 0; j < p.n; j += kColumns)
		for (int64_t i = 0; i < p.m; i += kRows) {
			multiply(p.k, a.at(i / kRows), b.at(j / kColumns), sums);
			for (int64_t y = 0; y < kColumns && j + y < p.n; y++)
				for (int64_t x = 0; x < kRows && i + x < p.m; x++)
					finish(i + x, j + y, sums[y * kRows + x]);
		}
}

float activate(uint32_t epilogue, float x)
{
	if (epilogue & CUBLASLT_EPILOGUE_RELU)
		return x > 0.0f ? x : 0.0f;
	if (epilogue & CUBLASLT_EPILOGUE_GELU)
		return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
	return x;
}

void compute_real(const Product &p, int64_t index)
{
	auto factor = [&p](const void *from, int64_t start) {
		return [&p, from, start](int64_t at) {
			float x = read(from, start + at, p.operands);
			return p.rounds ? round_factor(x) : x;
		};
	};
	product_of<float>(p, factor(p.a, index * p.stride_a), factor(p.b, index * p.stride_b), [&p, index](int64_t i, int64_t j, float sum) {
		float value = p.alpha * sum;
		if (p.beta != 0.0f)
			value += p.beta * read(p.c, index * p.stride_c + j * p.ldc + i, p.results);
		if (p.epilogue & CUBLASLT_EPILOGUE_BIAS)
			value += read(p.bias, i, p.results);
		write(p.d, index * p.stride_d + j * p.ldd + i, p.results, activate(p.epilogue, value));
	});
}

void compute_integer(const Product &p, int64_t index)
{
	auto *a = static_cast<const int8_t *>(p.a) + index * p.stride_a, *b = static_cast<const int8_t *>(p.b) + index * p.stride_b;
	auto *c = static_cast<const int32_t *>(p.c) + index * p.stride_c;
	auto *d = static_cast<int32_t *>(p.d) + index * p.stride_d;
	product_of<int32_t>(p, [a](int64_t at) { return a[at]; }, [b](int64_t at) { return b[at]; }, [&p, c, d](int64_t i, int64_t j, int32_t sum) {
		d[j * p.ldd + i] = p.integer_alpha * sum + (p.integer_beta ? p.integer_beta * c[j * p.ldc + i] : 0);
	});
}

} // namespace

void compute(const void *product)
{
	const Product &p = *static_cast<const Product *>(product);
	if (p.slow) {
		struct timespec t = {0, 1000000};
		nanosleep(&t, nullptr);
	}
	if (p.workspace_bytes > 0)
		memset(p.workspace, 0xee, p.workspace_bytes); // it belongs to nobody else meanwhile
	for (int64_t i = 0; i < p.batch; i++)
		if (p.operands == CUDA_R_8I)
			compute_integer(p, i);
		else
			compute_real(p, i);
}

} // namespace blas
