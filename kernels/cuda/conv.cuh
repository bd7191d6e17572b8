// Convolution of images in channels-last order as a matrix product whose A is never stored: C[N * oH * oW, M] = patches[N * oH * oW, kH * kW * C] W, for each
// group of channels. X[N, H, W, C] -> Y[N, oH, oW, M], with the epilogue of matrix products.
//
// Bound by arithmetic, 2 * N * oH * oW * M * kH * kW * C / groups, where a layer has many channels; by memory in a network's first layers. Algorithm:
// implicit precomputed GEMM, Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014. Channels are innermost both in the images and along K,
// so that a chunk of a patch is a chunk of one pixel.
#ifndef INFERD_CONV_CUH
#define INFERD_CONV_CUH

#include "gemm.cuh"

struct ConvArguments {
	const void *x, *weights, *bias, *residual;
	void *y;
	void *sums; // of segments, [segments, rows, sums_pitch] in float, where blocks share them
	Epilogue epilogue;
	Segments segments;
	int64_t sums_pitch;
	int64_t images, row_tiles, column_tiles;
	int64_t weight_group, weight_row, weight_depth;          // strides of the weights in elements: groups, output channels, K
	int32_t height, width, channels, group_channels;         // of the input; of one group
	int32_t output_height, output_width, group_outputs, groups;
	int32_t kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
};

// Where a thread's chunk of a patch is along K: the tap of the kernel and the channel.
struct Tap {
	int row, column, channel;

	__device__ __forceinline__ void advance(const ConvArguments &c, int by)
	{
		channel += by;
		if (channel < c.group_channels)
			return;
		const int taps = channel / c.group_channels;
		channel -= taps * c.group_channels;
		column += taps;
		if (column < c.kernel_width)
			return;
		const int rows = column / c.kernel_width;
		column -= rows * c.kernel_width;
		row += rows;
	}
};

// A tile [Rows, K] of the patches of one group; a loader as those of operand.cuh. Wide: the group's channels are whole chunks, and aligned.
template <typename T, int Rows, int Threads, bool Wide> struct Patches {
	static constexpr int kCopies = Rows * kChunks / Threads, kApart = Threads / kChunks;
	static_assert(kCopies * Threads == Rows * kChunks && kApart % 8 == 0, "threads do not divide the tile");

	const ConvArguments &c;
	const T *x;
	// Of each of this thread's rows the first tap: its pixel among those of all images, which may lie outside of its own, and its place in the image.
	int pixel[kCopies], top[kCopies], left[kCopies];
	int place;
	Tap tap;

	__device__ __forceinline__ Patches(const ConvArguments &arguments, const T *group, int64_t first_row) : c(arguments), x(group), tap{0, 0, 0}
	{
		const int row = static_cast<int>(threadIdx.x) / kChunks, chunk = static_cast<int>(threadIdx.x) % kChunks;
		place = place_of_chunk<kChunks>(row, chunk);
		tap.advance(c, chunk * kWide<T>);
		const uint32_t width = static_cast<uint32_t>(c.output_width), pixels = static_cast<uint32_t>(c.output_height) * width;
#pragma unroll
		for (int i = 0; i < kCopies; i++) {
			const uint32_t at = static_cast<uint32_t>(first_row) + row + i * kApart, image = at / pixels, within = at % pixels;
			top[i] = static_cast<int>(within / width) * c.stride_height - c.pad_top;
			left[i] = static_cast<int>(within % width) * c.stride_width - c.pad_left;
			pixel[i] = (static_cast<int>(image) * c.height + top[i]) * c.width + left[i];
			if (image >= c.images)
				top[i] = INT32_MIN / 2; // no row of an image, whatever the tap
		}
	}

	__device__ __forceinline__ void skip(int64_t stages) { tap.advance(c, static_cast<int>(stages) * kStageDepth<T>); }

	// The element of a row's patch at the tap; null where there is padding, or K is over.
	__device__ __forceinline__ const T *element(int i) const
	{
		const int down = tap.row * c.dilation_height, across = tap.column * c.dilation_width;
		if (tap.row >= c.kernel_height || static_cast<unsigned>(top[i] + down) >= static_cast<unsigned>(c.height) || static_cast<unsigned>(left[i] + across) >= static_cast<unsigned>(c.width))
			return nullptr;
		return x + static_cast<int64_t>(pixel[i] + down * c.width + across) * c.channels + tap.channel;
	}

	__device__ __forceinline__ void copy(unsigned char *stage)
	{
		constexpr int kEach = Wide ? kWide<T> : 1;
#pragma unroll 1
		for (int at = 0; at < kWide<T>; at += kEach) {
#pragma unroll
			for (int i = 0; i < kCopies; i++) {
				const T *from = element(i);
				copy_async<kEach * sizeof(T)>(stage + place + i * kApart * kStageBytes + at * sizeof(T), from ? from : x, from != nullptr);
			}
			if (!Wide)
				tap.advance(c, 1);
		}
		tap.advance(c, Wide ? kStageDepth<T> : kStageDepth<T> - kWide<T>);
	}
};

template <typename Element, typename Tile, typename LoadA, typename LoadB> INLINE void conv(const ConvArguments &c)
{
	DYNAMIC_SHARED(unsigned char, shared);
	const uint32_t row_tiles = static_cast<uint32_t>(c.row_tiles), column_tiles = static_cast<uint32_t>(c.column_tiles), tiles = row_tiles * column_tiles;
	const int64_t rows = c.images * c.output_height * c.output_width;
	const int depth = c.kernel_height * c.kernel_width * c.group_channels;
	const BlockSteps<Tile> steps(c.segments, blockIdx.x / tiles, stages_of<Element>(depth));
	const int64_t group = steps.outer, first = group * c.group_outputs;
	int64_t row, column;
	find_tile(blockIdx.x % tiles, row_tiles, column_tiles, &row, &column);
	row *= Tile::kM;
	column *= Tile::kN;
	LoadA a(c, static_cast<const Element *>(c.x) + group * c.group_channels, row);
	LoadB b({static_cast<const Element *>(c.weights) + group * c.weight_group, c.weight_row, c.weight_depth, c.group_outputs, depth}, column);
	a.skip(steps.first);
	b.skip(steps.first);
	Tile tile;
	multiply_stages(tile, a, b, steps.count, static_cast<int>(c.segments.steps), shared);
	if (!Tile::kFolds && c.segments.count > 1) {
		write_sums(tile, shared, static_cast<float *>(c.sums) + steps.segment * rows * c.sums_pitch + first, c.sums_pitch, rows, c.group_outputs, row, column);
		return;
	}
	const auto *bias = static_cast<const Element *>(c.bias), *residual = static_cast<const Element *>(c.residual);
	const Result<Element> result = {static_cast<Element *>(c.y) + first, bias ? bias + first : nullptr, residual ? residual + first : nullptr, rows, c.group_outputs};
	write_tile(tile, shared, result, c.epilogue, row, column);
}

// On tensor cores, with the weights as [M, kH, kW, C / groups].
template <typename Element, typename Tile, bool Wide> INLINE void conv_mma(const ConvArguments &c)
{
	conv<Element, Tile, Patches<Element, Tile::kM, Tile::kThreads, Wide>, AlongDepth<Element, Tile::kN, Tile::kThreads, true>>(c);
}

// In exact float32, with the weights as [groups, kH, kW, C / groups, M / groups].
template <typename Tile, bool Wide> INLINE void conv_fma(const ConvArguments &c)
{
	conv<float, Tile, Patches<float, Tile::kM, Tile::kThreads, Wide>, AlongRows<float, Tile::kN, Tile::kThreads, true>>(c);
}

#endif
