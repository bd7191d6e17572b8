// Convolutions of eight-bit integers: X[N, H, W, C] -> Y[N, oH, oW, M], as implicit matrix products on tensor cores (see conv.cuh) with what is quantised
// about them (see integer.cuh). Padding counts as the zero point. Filters are [M, kH, kW, C / groups], packed.
//
// Bound by arithmetic where a layer has many channels, else by memory. A convolution with a filter of its own for each channel is bound by memory: a thread
// computes four channels of one pixel.
#include "conv.cuh"
#include "integer.cuh"

struct IntegerConvArguments {
	IntegerOperands operands;
	IntegerEpilogue epilogue;
	ConvArguments geometry; // without operands
	int64_t packs;          // X lies aligned, and its channels are whole packs
};

// Patches of a group whose padding, and whatever is beyond K, is the zero point.
template <int Rows, int Threads, bool Wide> struct IntegerPatches : Patches<int8_t, Rows, Threads, Wide> {
	typedef Patches<int8_t, Rows, Threads, Wide> Base;
	uint32_t fill;

	__device__ __forceinline__ IntegerPatches(const ConvArguments &c, const int8_t *group, int64_t first_row, uint32_t zero)
		: Base(c, group, first_row), fill((zero & 0xffu) * 0x01010101u)
	{
	}

	__device__ __forceinline__ void copy(unsigned char *stage)
	{
		constexpr int kEach = Wide ? kWide<int8_t> : 1;
#pragma unroll 1
		for (int at = 0; at < kWide<int8_t>; at += kEach) {
#pragma unroll
			for (int i = 0; i < Base::kCopies; i++) {
				const int8_t *from = this->element(i);
				unsigned char *to = stage + this->place + i * Base::kApart * kStageBytes + at;
				if (from)
					copy_async<kEach>(to, from, true);
				else if constexpr (Wide)
					store<uint32_t, 4>(reinterpret_cast<uint32_t *>(to), {fill, fill, fill, fill});
				else
					*to = static_cast<unsigned char>(fill);
			}
			if (!Wide)
				this->tap.advance(this->c, 1);
		}
		this->tap.advance(this->c, Wide ? kStageDepth<int8_t> : kStageDepth<int8_t> - kWide<int8_t>);
	}
};

// The operands of a group of channels.
INLINE IntegerOperands operands_of_group(const IntegerConvArguments &arguments, int64_t group)
{
	const ConvArguments &c = arguments.geometry;
	const int64_t first = group * c.group_outputs;
	const int32_t output = arguments.epilogue.output;
	const int64_t size = output == kOutputFloat || output == kOutputInt32 ? 4 : output == kOutputHalf || output == kOutputBfloat ? 2 : 1;
	IntegerOperands o = arguments.operands;
	o.a = static_cast<const int8_t *>(o.a) + group * c.group_channels;
	o.b = static_cast<const int8_t *>(o.b) + group * c.weight_group;
	o.c = static_cast<char *>(o.c) + first * size;
	if (o.residual)
		o.residual = static_cast<const char *>(o.residual) + first * size;
	if (o.bias)
		o.bias = static_cast<const char *>(o.bias) + first * 4;
	if (o.b_scale)
		o.b_scale += group * c.sums_pitch;
	if (o.b_zero)
		o.b_zero += group * c.sums_pitch;
	if (o.column_terms)
		o.column_terms += group * c.sums_pitch;
	return o;
}

template <typename Tile, bool Wide> INLINE void integer_conv(const IntegerConvArguments &arguments)
{
	DYNAMIC_SHARED(unsigned char, shared);
	const ConvArguments &c = arguments.geometry;
	const IntegerEpilogue &e = arguments.epilogue;
	const uint32_t row_tiles = static_cast<uint32_t>(c.row_tiles), column_tiles = static_cast<uint32_t>(c.column_tiles), tiles = row_tiles * column_tiles;
	const IntegerOperands o = operands_of_group(arguments, blockIdx.x / tiles);
	const int depth = c.kernel_height * c.kernel_width * c.group_channels, steps = stages_of<int8_t>(depth);
	int64_t row, column;
	find_tile(blockIdx.x % tiles, row_tiles, column_tiles, &row, &column);
	row *= Tile::kM;
	column *= Tile::kN;
	const IntegerNumbers n = read_numbers(o, e);
	const uint32_t zero = static_cast<uint32_t>(n.a_zero) ^ (e.unsigned_a ? 0x80u : 0u); // as A has it
	IntegerPatches<Tile::kM, Tile::kThreads, Wide> a(c, static_cast<const int8_t *>(o.a), row, zero);
	AlongDepth<int8_t, Tile::kN, Tile::kThreads, true> b({static_cast<const int8_t *>(o.b), c.weight_row, 1, c.group_outputs, depth}, column);
	Tile tile(o, e, column);
	multiply_stages(tile, a, b, steps, steps, shared);
	tile.subtract_rows((steps * kStageDepth<int8_t> - depth) * n.a_zero);
	write_integers(tile, shared, o, e, n, row, column);
}

KERNEL(conv_i8_wide_128x128, IntegerConvArguments, 512) { integer_conv<IntegerWide, true>(arguments); }
KERNEL(conv_i8_wide_128x64, IntegerConvArguments, 128) { integer_conv<IntegerTall, true>(arguments); }
KERNEL(conv_i8_wide_64x64, IntegerConvArguments, 128) { integer_conv<IntegerSquare, true>(arguments); }
KERNEL(conv_i8_wide_16x32, IntegerConvArguments, 64) { integer_conv<IntegerNarrow, true>(arguments); }
KERNEL(conv_i8_narrow_64x64, IntegerConvArguments, 128) { integer_conv<IntegerSquare, false>(arguments); }

// Four neighbours of int8, of which those from count on are not there.
INLINE Pack<int8_t, kFinished> load_bytes(const int8_t *p, int64_t count, bool wide)
{
	if (wide)
		return load<int8_t, kFinished>(p);
	Pack<int8_t, kFinished> pack;
#pragma unroll
	for (int i = 0; i < kFinished; i++)
		pack.at[i] = i < count ? p[i] : static_cast<int8_t>(0);
	return pack;
}

KERNEL(conv_i8_depthwise, IntegerConvArguments, 128)
{
	const ConvArguments &c = arguments.geometry;
	const IntegerOperands &o = arguments.operands;
	const IntegerEpilogue &e = arguments.epilogue;
	const uint32_t packs = static_cast<uint32_t>((c.channels + kFinished - 1) / kFinished);
	const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, pixel = index / packs;
	if (pixel >= e.rows)
		return;
	const int channel = static_cast<int>(index % packs) * kFinished, count = c.channels - channel;
	const bool wide = arguments.packs != 0;
	const int column = static_cast<int>(pixel % c.output_width) * c.stride_width - c.pad_left;
	const int row = static_cast<int>(pixel / c.output_width % c.output_height) * c.stride_height - c.pad_top;
	const int64_t image = pixel / c.output_width / c.output_height;
	const IntegerNumbers n = read_numbers(o, e);
	const int8_t turned = static_cast<int8_t>(e.unsigned_a ? 0x80 : 0);
	Pack<int32_t, kFinished> sums = {}, b_zero = {};
	if (o.b_zero)
		b_zero = load<int32_t, kFinished>(o.b_zero + channel);
#pragma unroll 1
	for (int i = 0; i < c.kernel_height; i++) {
		const int y = row + i * c.dilation_height;
		if (static_cast<unsigned>(y) >= static_cast<unsigned>(c.height))
			continue;
#pragma unroll 1
		for (int j = 0; j < c.kernel_width; j++) {
			const int x = column + j * c.dilation_width;
			if (static_cast<unsigned>(x) >= static_cast<unsigned>(c.width))
				continue;
			const int8_t *from = static_cast<const int8_t *>(o.a) + ((image * c.height + y) * c.width + x) * c.channels + channel;
			const Pack<int8_t, kFinished> a = load_bytes(from, count, wide);
			const Pack<int8_t, kFinished> b = load_bytes(static_cast<const int8_t *>(o.b) + static_cast<int64_t>(i * c.kernel_width + j) * c.channels + channel, count, wide);
#pragma unroll
			for (int k = 0; k < kFinished; k++)
				sums.at[k] += (static_cast<int8_t>(a.at[k] ^ turned) - n.a_zero) * (b.at[k] - b_zero.at[k]);
		}
	}
	finish_integers(o, e, n, pixel, channel, sums);
}
