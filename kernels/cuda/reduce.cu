// Reductions of floats over the middle axis of [outer, reduced, inner]: sums, means, products, extrema, norms.
//
// Bound by memory: every element is read once, the results are few. Rows (inner = 1) are read in packs of 16 bytes by as many lanes as they have packs for,
// up to a warp, and by a block where they are longer; columns (inner > 1) by threads side by side along inner, with the slices of a block apart along the
// reduced axis. Long axes are divided into chunks, whose length does not depend on how many rows there are, so that few rows fill the device too; a second
// launch joins the chunks' results. The order of a sum depends on the shape of the reduced part only, not on alignment and not on outer.
#include "reduce_joins.cuh"

constexpr int kReduceThreads = 256;

// Joins the elements of a pack as a tree.
template <typename Join, int Count> INLINE float join_pack(float (&values)[Count])
{
#pragma unroll
	for (int distance = Count / 2; distance > 0; distance /= 2)
#pragma unroll
		for (int i = 0; i < distance; i++)
			values[i] = Join::join(values[i], values[i + distance]);
	return values[0];
}

// The part of [begin, end) of a row that one of `lanes` threads joins.
template <typename T, typename Join> INLINE float reduce_run(const T *row, int64_t begin, int64_t end, int lane, int lanes, bool aligned)
{
	constexpr int kCount = kWide<T>;
	float result = Join::identity();
#pragma unroll 4
	for (int64_t at = begin + lane * kCount; at < end; at += static_cast<int64_t>(lanes) * kCount) {
		float values[kCount];
		if (aligned && at + kCount <= end) {
			const Pack<T, kCount> pack = load<T, kCount>(row + at);
#pragma unroll
			for (int i = 0; i < kCount; i++)
				values[i] = Join::take(to_float(pack.at[i]));
		} else {
#pragma unroll
			for (int i = 0; i < kCount; i++)
				values[i] = at + i < end ? Join::take(to_float(row[at + i])) : Join::identity();
		}
		result = Join::join(result, join_pack<Join, kCount>(values));
	}
	return result;
}

// The result of this thread's row, or of a chunk of one; every lane of it gets the result.
template <typename T, typename Join> INLINE float reduce_rows(const ReduceArguments &a, int64_t unit, float *partial)
{
	const int lane = static_cast<int>(threadIdx.x) % a.lanes;
	float value = Join::identity();
	if (unit < a.outer * a.chunks) {
		const int64_t row = a.chunks == 1 ? unit : unit / a.chunks, begin = (unit - row * a.chunks) * a.chunk;
		value = reduce_run<T, Join>(static_cast<const T *>(a.x) + row * a.reduced, begin, min(begin + a.chunk, a.reduced), lane, a.lanes, a.aligned);
	}
	return reduce_lanes<Join>(value, a.lanes, partial);
}

// A block has blockDim.x packs of columns, and blockDim.y slices of the reduced axis, which are joined as a tree. The threads of the first slice get the
// results of the columns from `column` on; where those are beyond the last one, there is nothing to read.
template <typename T, int Count, typename Join>
INLINE void reduce_columns(const ReduceArguments &a, int64_t outer, int64_t column, float (&values)[Count], float *partial)
{
	const int64_t begin = blockIdx.y * a.chunk, end = column < a.inner ? min(begin + a.chunk, a.reduced) : 0;
	const T *x = static_cast<const T *>(a.x) + outer * a.reduced * a.inner + column;
#pragma unroll
	for (int i = 0; i < Count; i++)
		values[i] = Join::identity();
#pragma unroll 4
	for (int64_t at = begin + threadIdx.y; at < end; at += blockDim.y) {
		const Pack<T, Count> pack = load<T, Count>(x + at * a.inner);
#pragma unroll
		for (int i = 0; i < Count; i++)
			values[i] = Join::join(values[i], Join::take(to_float(pack.at[i])));
	}
	const int y = static_cast<int>(threadIdx.y), thread = y * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
	for (int slices = static_cast<int>(blockDim.y) / 2; slices > 0; slices /= 2) {
		if (y >= slices && y < 2 * slices)
#pragma unroll
			for (int i = 0; i < Count; i++)
				partial[i * kReduceThreads + thread] = values[i];
		__syncthreads();
		if (y < slices)
#pragma unroll
			for (int i = 0; i < Count; i++)
				values[i] = Join::join(values[i], partial[i * kReduceThreads + thread + slices * static_cast<int>(blockDim.x)]);
		// The next round writes what this one did not read.
	}
}

template <typename T> INLINE void rows_of(const ReduceArguments &a)
{
	__shared__ float partial[kWarp];
	const int64_t unit = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes;
	float values[1] = {};
	switch (a.join) {
	case kReduceSum: values[0] = reduce_rows<T, PlainSum>(a, unit, partial); break;
	case kReduceAbsoluteSum: values[0] = reduce_rows<T, AbsoluteSum>(a, unit, partial); break;
	case kReduceSquareSum: values[0] = reduce_rows<T, SquareSum>(a, unit, partial); break;
	case kReduceMaximum: values[0] = reduce_rows<T, PlainMaximum>(a, unit, partial); break;
	case kReduceMinimum: values[0] = reduce_rows<T, PlainMinimum>(a, unit, partial); break;
	case kReduceProduct: values[0] = reduce_rows<T, Product>(a, unit, partial); break;
	}
	if (static_cast<int>(threadIdx.x) % a.lanes == 0 && unit < a.outer * a.chunks)
		store_reduced<1>(a, unit, values);
}

template <typename T, int Count> INLINE void columns_of(const ReduceArguments &a)
{
	__shared__ float partial[Count * kReduceThreads];
	const int64_t bands = (a.inner + blockDim.x * Count - 1) / (blockDim.x * Count);
	const int64_t outer = blockIdx.x / bands, column = ((blockIdx.x - outer * bands) * blockDim.x + threadIdx.x) * Count;
	float values[Count];
	switch (a.join) {
	case kReduceSum: reduce_columns<T, Count, PlainSum>(a, outer, column, values, partial); break;
	case kReduceAbsoluteSum: reduce_columns<T, Count, AbsoluteSum>(a, outer, column, values, partial); break;
	case kReduceSquareSum: reduce_columns<T, Count, SquareSum>(a, outer, column, values, partial); break;
	case kReduceMaximum: reduce_columns<T, Count, PlainMaximum>(a, outer, column, values, partial); break;
	case kReduceMinimum: reduce_columns<T, Count, PlainMinimum>(a, outer, column, values, partial); break;
	default: reduce_columns<T, Count, Product>(a, outer, column, values, partial); break;
	}
	if (threadIdx.y == 0 && column < a.inner)
		store_reduced<Count>(a, (outer * a.chunks + blockIdx.y) * a.inner + column, values);
}

KERNEL(reduce_rows_f32, ReduceArguments, kReduceThreads) { rows_of<float>(arguments); }
KERNEL(reduce_rows_f16, ReduceArguments, kReduceThreads) { rows_of<half_t>(arguments); }
KERNEL(reduce_rows_bf16, ReduceArguments, kReduceThreads) { rows_of<bfloat_t>(arguments); }
KERNEL(reduce_columns_f32, ReduceArguments, kReduceThreads) { columns_of<float, 4>(arguments); }
KERNEL(reduce_columns_f16, ReduceArguments, kReduceThreads) { columns_of<half_t, 8>(arguments); }
KERNEL(reduce_columns_bf16, ReduceArguments, kReduceThreads) { columns_of<bfloat_t, 8>(arguments); }
KERNEL(reduce_columns_one_f32, ReduceArguments, kReduceThreads) { columns_of<float, 1>(arguments); }
KERNEL(reduce_columns_one_f16, ReduceArguments, kReduceThreads) { columns_of<half_t, 1>(arguments); }
KERNEL(reduce_columns_one_bf16, ReduceArguments, kReduceThreads) { columns_of<bfloat_t, 1>(arguments); }
