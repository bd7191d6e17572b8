// One element-wise operator of one or two operands of one floating-point type, for what the interpreter of chains (elementwise.cu) is too slow for.
//
// Bound by memory. Every thread has the loads of two packs of 16 bytes an operand under way before it uses the first, and nothing is decoded but the one
// operator. The functions are those of the interpreter, with the same bits.
#include "division.cuh"
#include "elementwise_math.cuh"

constexpr int kMapThreads = 256;
constexpr int kMapPacks = 2; // of a thread, a block's width apart

struct MapArguments {
	const void *x;
	void *y;
	uint32_t elements;
	int32_t op;
	float alpha, beta;
};

enum MapOperator { kMapRelu, kMapLeakyRelu, kMapClip, kMapSigmoid, kMapTanh, kMapSilu, kMapGelu, kMapGeluTanh, kMapHardSwish, kMapHardSigmoid };

// The packs of a thread as floats, so that loads are before all else and code for the operators is all that an operator adds.
template <typename T> struct Packs {
	static constexpr int kCount = kWide<T>;
	float at[kMapPacks][kCount];
};

// Elements of pack `pack` of `elements` there are.
template <typename T> INLINE int valid_of(uint32_t pack, uint32_t elements)
{
	const uint32_t at = pack * kWide<T>;
	return at < elements ? static_cast<int>(min(elements - at, static_cast<uint32_t>(kWide<T>))) : 0;
}

template <typename T> INLINE void store_packs(T *y, const Packs<T> &from, uint32_t first, uint32_t elements)
{
	constexpr int kCount = kWide<T>;
#pragma unroll
	for (int k = 0; k < kMapPacks; k++) {
		const uint32_t pack = first + k * blockDim.x;
		const int valid = valid_of<T>(pack, elements);
		Pack<T, kCount> rounded;
#pragma unroll
		for (int i = 0; i < kCount; i++)
			rounded.at[i] = from_float<T>(from.at[k][i]);
		if (valid == kCount) {
			store<T, kCount>(y + pack * kCount, rounded);
		} else {
#pragma unroll
			for (int i = 0; i < kCount; i++)
				if (i < valid)
					y[pack * kCount + i] = rounded.at[i];
		}
	}
}

template <typename T, typename Function> INLINE void each(Packs<T> &x, Function function)
{
#pragma unroll
	for (int k = 0; k < kMapPacks; k++)
#pragma unroll
		for (int i = 0; i < kWide<T>; i++)
			x.at[k][i] = function(x.at[k][i]);
}

template <typename T, typename Function> INLINE void each(Packs<T> &x, const Packs<T> &y, Function function)
{
#pragma unroll
	for (int k = 0; k < kMapPacks; k++)
#pragma unroll
		for (int i = 0; i < kWide<T>; i++)
			x.at[k][i] = function(x.at[k][i], y.at[k][i]);
}

template <typename T> INLINE void map(const MapArguments &a)
{
	constexpr int kCount = kWide<T>;
	const T *from = static_cast<const T *>(a.x);
	const uint32_t first = blockIdx.x * blockDim.x * kMapPacks + threadIdx.x;
	Pack<T, kCount> loaded[kMapPacks] = {};
#pragma unroll
	for (int k = 0; k < kMapPacks; k++) {
		const uint32_t pack = first + k * blockDim.x;
		const int valid = valid_of<T>(pack, a.elements);
		if (valid == kCount) {
			loaded[k] = load<T, kCount>(from + pack * kCount);
		} else {
#pragma unroll
			for (int i = 0; i < kCount; i++)
				if (i < valid)
					loaded[k].at[i] = from[pack * kCount + i];
		}
	}
	Packs<T> x;
#pragma unroll
	for (int k = 0; k < kMapPacks; k++)
#pragma unroll
		for (int i = 0; i < kCount; i++)
			x.at[k][i] = to_float(loaded[k].at[i]);
	const float alpha = a.alpha, beta = a.beta;
	switch (a.op) {
	case kMapRelu: each(x, [](float v) { return relu(v); }); break;
	case kMapLeakyRelu: each(x, [=](float v) { return leaky_relu(v, alpha); }); break;
	case kMapClip: each(x, [=](float v) { return clip(v, alpha, beta); }); break;
	case kMapSigmoid: each(x, [](float v) { return sigmoid(v); }); break;
	case kMapTanh: each(x, [](float v) { return tanhf(v); }); break;
	case kMapSilu: each(x, [](float v) { return silu(v); }); break;
	case kMapGelu: each(x, [](float v) { return gelu(v); }); break;
	case kMapGeluTanh: each(x, [](float v) { return gelu_tanh(v); }); break;
	case kMapHardSwish: each(x, [](float v) { return hard_swish(v); }); break;
	case kMapHardSigmoid: each(x, [=](float v) { return hard_sigmoid(v, alpha, beta); }); break;
	}
	store_packs(static_cast<T *>(a.y), x, first, a.elements);
}

// An operand of [rows, columns]: element (r, c) lies at r * row, plus c where it is not repeated. So it is a matrix, a row for all rows (a bias), a column
// (what belongs to a row as a whole) or one element.
struct ZipOperand {
	int64_t row;
	int32_t repeated, constant; // a constant is `value`, not in memory
	float value;
	int32_t unused;
};

struct ZipArguments {
	const void *x, *y;
	void *z;
	ZipOperand of_x, of_y;
	uint32_t elements; // of the output; with more than one row, rows are whole packs
	int32_t op;
	Divisor packs; // in a row
	int32_t only_row;  // 1: there is one row, whose last pack may not be whole
	int32_t rectified; // 1: what is below zero becomes zero, as behind a residual
};

enum ZipOperator { kZipAdd, kZipSubtract, kZipMultiply, kZipDivide, kZipMinimum, kZipMaximum };

template <typename T> INLINE Pack<T, kWide<T>> load_zipped(const void *operand, const ZipOperand &of, uint32_t row, uint32_t column, int valid)
{
	constexpr int kCount = kWide<T>;
	const T *p = static_cast<const T *>(operand) + row * of.row;
	Pack<T, kCount> pack = {};
	if (of.repeated) {
		const T element = of.constant ? from_float<T>(of.value) : *p;
#pragma unroll
		for (int i = 0; i < kCount; i++)
			pack.at[i] = element;
	} else if (valid == kCount) {
		pack = load<T, kCount>(p + column);
	} else {
#pragma unroll
		for (int i = 0; i < kCount; i++)
			if (i < valid)
				pack.at[i] = p[column + i];
	}
	return pack;
}

template <typename T> INLINE void zip(const ZipArguments &a)
{
	constexpr int kCount = kWide<T>;
	const uint32_t first = blockIdx.x * blockDim.x * kMapPacks + threadIdx.x;
	Pack<T, kCount> loaded[2][kMapPacks] = {};
#pragma unroll
	for (int k = 0; k < kMapPacks; k++) {
		const uint32_t pack = first + k * blockDim.x;
		const int valid = valid_of<T>(pack, a.elements);
		if (valid > 0) {
			// What is no whole pack at the end of an only row belongs to that row, whatever the quotient.
			const uint32_t row = a.only_row ? 0 : quotient(pack, a.packs), column = (pack - row * a.packs.divisor) * kCount;
			loaded[0][k] = load_zipped<T>(a.x, a.of_x, row, column, valid);
			loaded[1][k] = load_zipped<T>(a.y, a.of_y, row, column, valid);
		}
	}
	Packs<T> x, y;
#pragma unroll
	for (int k = 0; k < kMapPacks; k++)
#pragma unroll
		for (int i = 0; i < kCount; i++) {
			x.at[k][i] = to_float(loaded[0][k].at[i]);
			y.at[k][i] = to_float(loaded[1][k].at[i]);
		}
	switch (a.op) {
	case kZipAdd: each(x, y, [](float v, float w) { return v + w; }); break;
	case kZipSubtract: each(x, y, [](float v, float w) { return v - w; }); break;
	case kZipMultiply: each(x, y, [](float v, float w) { return v * w; }); break;
	case kZipDivide: each(x, y, [](float v, float w) { return v / w; }); break;
	case kZipMinimum: each(x, y, [](float v, float w) { return least(v, w); }); break;
	case kZipMaximum: each(x, y, [](float v, float w) { return greatest(v, w); }); break;
	}
	if (a.rectified)
		each(x, [](float v) { return relu(v); });
	store_packs(static_cast<T *>(a.z), x, first, a.elements);
}

KERNEL(map_f32, MapArguments, kMapThreads) { map<float>(arguments); }
KERNEL(map_f16, MapArguments, kMapThreads) { map<half_t>(arguments); }
KERNEL(map_bf16, MapArguments, kMapThreads) { map<bfloat_t>(arguments); }
KERNEL(zip_f32, ZipArguments, kMapThreads) { zip<float>(arguments); }
KERNEL(zip_f16, ZipArguments, kMapThreads) { zip<half_t>(arguments); }
KERNEL(zip_bf16, ZipArguments, kMapThreads) { zip<bfloat_t>(arguments); }
