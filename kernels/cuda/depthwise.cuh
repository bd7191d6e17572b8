// Depthwise convolution in channels-last order: each channel has a kernel of its own. X[N, H, W, C], W[kH, kW, C] -> Y[N, oH, oW, C], with the epilogue of
// matrix products.
//
// Bound by memory: (N * H * W * C + N * oH * oW * C) * size bytes for 2 * kH * kW operations an output. A thread computes neighbouring outputs of a row for
// a pack of channels, so that a pixel that it has loaded serves all taps along the width; rows are shared through the first-level cache, for which threads
// of neighbouring rows are near each other.
#ifndef INFERD_DEPTHWISE_CUH
#define INFERD_DEPTHWISE_CUH

#include "epilogue.cuh"

struct DepthwiseArguments {
	const void *x, *weights, *bias, *residual;
	void *y;
	Epilogue epilogue;
	int64_t images, threads; // threads that have work
	int32_t height, width, channels, output_height, output_width;
	int32_t kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
};

// A pixel's channels, zeros outside of the image.
template <typename T, int Count> INLINE Pack<T, Count> pixel_at(const T *row, int column, int width, int channels)
{
	if (static_cast<unsigned>(column) < static_cast<unsigned>(width))
		return load<T, Count>(row + static_cast<int64_t>(column) * channels);
	Pack<T, Count> zeros;
#pragma unroll
	for (int i = 0; i < Count; i++)
		zeros.at[i] = from_float<T>(0.0f);
	return zeros;
}

template <typename T, int Count> INLINE void add_products(float (&sum)[Count], const Pack<T, Count> &x, const Pack<T, Count> &weight)
{
#pragma unroll
	for (int i = 0; i < Count; i++)
		sum[i] = multiply_add(to_float(x.at[i]), to_float(weight.at[i]), sum[i]);
}

// Adds one row of taps to Columns neighbouring outputs. Every pixel is loaded once.
template <typename T, int Count, int Columns, int Kernel, int Stride> INLINE void add_row(float (&sum)[Columns][Count], const DepthwiseArguments &d, const T *row, const T *weights, int left)
{
	Pack<T, Count> weight[Kernel];
#pragma unroll
	for (int tap = 0; tap < Kernel; tap++)
		weight[tap] = load<T, Count>(weights + static_cast<int64_t>(tap) * d.channels);
#pragma unroll
	for (int at = 0; at < (Columns - 1) * Stride + Kernel; at++) {
		const Pack<T, Count> x = pixel_at<T, Count>(row, left + at, d.width, d.channels);
#pragma unroll
		for (int output = 0; output < Columns; output++)
			if (at - output * Stride >= 0 && at - output * Stride < Kernel)
				add_products(sum[output], x, weight[at - output * Stride]);
	}
}

// The same for one output and a kernel of any width and dilation.
template <typename T, int Count> INLINE void add_any_row(float (&sum)[1][Count], const DepthwiseArguments &d, const T *row, const T *weights, int left)
{
	for (int tap = 0; tap < d.kernel_width; tap++)
		add_products(sum[0], pixel_at<T, Count>(row, left + tap * d.dilation_width, d.width, d.channels), load<T, Count>(weights + static_cast<int64_t>(tap) * d.channels));
}

// Kernel 0 stands for any width, stride and dilation. An output's products are added tap by tap in any case, so its bits do not depend on the variant.
template <typename T, int Count, int Columns, int Kernel, int Stride> INLINE void depthwise(const DepthwiseArguments &d)
{
	uint32_t at = blockIdx.x * blockDim.x + threadIdx.x;
	if (at >= d.threads)
		return;
	const uint32_t packs = static_cast<uint32_t>(d.channels / Count), strips = static_cast<uint32_t>((d.output_width + Columns - 1) / Columns);
	const int channel = static_cast<int>(at % packs) * Count;
	at /= packs;
	const int output_row = static_cast<int>(at % static_cast<uint32_t>(d.output_height));
	at /= static_cast<uint32_t>(d.output_height);
	const int output_column = static_cast<int>(at % strips) * Columns;
	const int64_t image = at / strips;
	const T *x = static_cast<const T *>(d.x) + image * d.height * d.width * d.channels + channel, *weights = static_cast<const T *>(d.weights) + channel;
	const int left = output_column * d.stride_width - d.pad_left;
	float sum[Columns][Count] = {};
	for (int tap = 0; tap < d.kernel_height; tap++) {
		const int row = output_row * d.stride_height - d.pad_top + tap * d.dilation_height;
		if (static_cast<unsigned>(row) >= static_cast<unsigned>(d.height))
			continue;
		const T *pixels = x + static_cast<int64_t>(row) * d.width * d.channels, *taps = weights + static_cast<int64_t>(tap) * d.kernel_width * d.channels;
		if constexpr (Kernel > 0)
			add_row<T, Count, Columns, Kernel, Stride>(sum, d, pixels, taps, left);
		else
			add_any_row<T, Count>(sum, d, pixels, taps, left);
	}
	const Result<T> result = {static_cast<T *>(d.y), static_cast<const T *>(d.bias), static_cast<const T *>(d.residual), INT64_MAX, d.channels};
#pragma unroll 1
	for (int i = 0; i < Columns && output_column + i < d.output_width; i++) { // one after the other, so that the activations' code is there once
		const int64_t pixel = (image * d.output_height + output_row) * d.output_width + output_column + i;
		Pack<float, Count> values;
#pragma unroll
		for (int k = 0; k < Count; k++) {
			values.at[k] = sum[0][k];
#pragma unroll
			for (int j = 1; j < Columns; j++)
				values.at[k] = i == j ? sum[j][k] : values.at[k];
		}
		finish<T, Count>(result, d.epilogue, pixel, channel, values, residual_at<T, Count>(result, d.epilogue, pixel, channel));
	}
}

#endif
