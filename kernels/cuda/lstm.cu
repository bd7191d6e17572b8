// The recurrence of ONNX's LSTM: gates = G + H R^T + bias, and from them the next state, where G [steps * batch, directions * units * 4], a matrix product ahead of
// this kernel, is what the inputs contribute.
//
// Bound by the bytes of R, 4 * hidden^2 elements a step and direction, which come from the L2 cache or, where they are few, from the first level: then one block
// has all units of its sequences and runs all steps, else there is a launch for each step. The gates of a unit lie side by side, so that one pass over R
// gives all that its new state needs, as in Appleyard, Kocisky and Blunsom, "Optimizing Performance of Recurrent Neural Networks on GPUs", 2016.
//
// A warp has four units. Eight lanes share a unit's sum, every eighth hidden value each, so that a load of the warp is a whole stretch of R; when they have
// added up what they have, each makes the new state of one sequence. States are float whatever the elements are.
#include "common.cuh"

struct LstmArguments {
	const void *inputs;    // G
	const void *recurrent; // R [directions, groups, hidden, 4 units, 4 gates], zeros beyond the last unit; gates in the order input, output, forget, cell
	const void *bias;      // float [directions, units, 4]
	const void *peephole;  // float [directions, 3, units] in the order input, output, forget; may be absent
	const void *lengths;   // int32 [batch]; may be absent
	const void *initial_h, *initial_c; // [directions, batch, units]; may be absent
	void *state_h;         // float [2, directions, batch, units]; a step reads one half and writes the other
	void *state_c;         // float [directions, batch, units]
	void *y;               // [steps, directions, batch, units]; may be absent, as may
	void *y_h, *y_c;       // [directions, batch, units]
	int64_t batch, hidden;
	int32_t steps, first_step, last_step; // of the sequences; of this launch, the last one excluded
	int32_t directions, reverse, groups, group_blocks; // reverse: the first direction runs backwards; groups of units share a warp
	float clip; // infinite: none
};

constexpr int kUnits = 4, kGates = 4, kShares = kWarp / kUnits;

INLINE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// NaN stays NaN.
INLINE float clipped(float x, float most) { return x > most ? most : x < -most ? -most : x; }

// A block's sequences of one direction, at one step.
template <typename T, int Rows> struct LstmStep {
	const LstmArguments &a;
	const float *h; // in shared memory: [Rows, hidden]
	int direction, step;
	int64_t first; // sequence

	// sum[row][gate] over this lane's share of the hidden values.
	__device__ __forceinline__ void multiply_hidden(int group, int unit, int share, float (&sum)[Rows][kGates]) const
	{
		const int64_t row = static_cast<int64_t>(direction) * a.groups + group;
		const T *weights = static_cast<const T *>(a.recurrent) + row * a.hidden * (kUnits * kGates) + unit * kGates;
#pragma unroll 4
		for (int k = share; k < a.hidden; k += kShares) {
			const Pack<T, kGates> weight = load<T, kGates>(weights + static_cast<int64_t>(k) * (kUnits * kGates));
#pragma unroll
			for (int r = 0; r < Rows; r++) {
				const float value = h[r * a.hidden + k];
#pragma unroll
				for (int g = 0; g < kGates; g++)
					sum[r][g] += value * to_float(weight.at[g]);
			}
		}
	}

	// Adds up the shares; lane `share` gets the gates of sequence `share`.
	__device__ __forceinline__ void join_shares(float (&sum)[Rows][kGates], int share, float (&gate)[kGates]) const
	{
#pragma unroll
		for (int r = 0; r < Rows; r++)
#pragma unroll
			for (int g = 0; g < kGates; g++) {
				float total = sum[r][g];
#pragma unroll
				for (int distance = kShares / 2; distance > 0; distance /= 2)
					total += __shfl_xor_sync(kAllLanes, total, distance);
				if (r == share || r == 0)
					gate[g] = total;
			}
	}

	// The new state of one unit of one sequence. A sequence that has ended keeps its state and gives zeros.
	__device__ __forceinline__ void advance(int row, int64_t unit, float (&gate)[kGates]) const
	{
		const int64_t sequence = first + row, states = a.directions * a.batch * a.hidden, at = (direction * a.batch + sequence) * a.hidden + unit;
		const int64_t length = a.lengths ? min(static_cast<const int32_t *>(a.lengths)[sequence], a.steps) : a.steps;
		const bool active = step < length, backwards = direction == 1 || a.reverse;
		const int64_t time = backwards && active ? length - 1 - step : step;
		float *state_c = static_cast<float *>(a.state_c) + at;
		float c = step > 0 ? *state_c : a.initial_c ? to_float(static_cast<const T *>(a.initial_c)[at]) : 0.0f, out = h[row * a.hidden + unit];
		if (active) {
			const Pack<T, kGates> input = load<T, kGates>(
				static_cast<const T *>(a.inputs) + ((time * a.batch + sequence) * a.directions + direction) * a.hidden * kGates + unit * kGates);
			const Pack<float, kGates> bias = load<float, kGates>(static_cast<const float *>(a.bias) + (direction * a.hidden + unit) * kGates);
#pragma unroll
			for (int g = 0; g < kGates; g++)
				gate[g] += to_float(input.at[g]) + bias.at[g];
			out = new_state(gate, unit, c);
		}
		*state_c = c;
		static_cast<float *>(a.state_h)[(step + 1) % 2 * states + at] = out;
		if (a.y)
			static_cast<T *>(a.y)[((time * a.directions + direction) * a.batch + sequence) * a.hidden + unit] = from_float<T>(active ? out : 0.0f);
		if (step + 1 < a.steps)
			return;
		if (a.y_h)
			static_cast<T *>(a.y_h)[at] = from_float<T>(out);
		if (a.y_c)
			static_cast<T *>(a.y_c)[at] = from_float<T>(c);
	}

	// Replaces the cell's state and returns the hidden one.
	__device__ __forceinline__ float new_state(const float (&gate)[kGates], int64_t unit, float &c) const
	{
		const float *peephole = a.peephole ? static_cast<const float *>(a.peephole) + direction * 3 * a.hidden + unit : nullptr;
		float in = gate[0], out = gate[1], forget = gate[2];
		if (peephole) {
			in += peephole[0] * c;
			forget += peephole[2 * a.hidden] * c;
		}
		c = sigmoid(clipped(forget, a.clip)) * c + sigmoid(clipped(in, a.clip)) * tanhf(clipped(gate[3], a.clip));
		if (peephole)
			out += peephole[a.hidden] * c;
		return sigmoid(clipped(out, a.clip)) * tanhf(c);
	}
};

template <typename T, int Rows> INLINE void lstm(const LstmArguments &a)
{
	DYNAMIC_SHARED(float, h);
	const int64_t tiles = (a.batch + Rows - 1) / Rows, tile = blockIdx.x / a.group_blocks, first = tile % tiles * Rows, states = a.directions * a.batch * a.hidden;
	const int block = static_cast<int>(blockIdx.x % a.group_blocks), warps = static_cast<int>(blockDim.x) / kWarp, direction = static_cast<int>(tile / tiles);
	const int unit = lane_of_thread() / kShares, share = lane_of_thread() % kShares;
	const int rows = static_cast<int>(min(a.batch - first, static_cast<int64_t>(Rows)));
	for (int step = a.first_step; step < a.last_step; step++) {
		const LstmStep<T, Rows> now{a, h, direction, step, first};
		const int64_t state = (direction * a.batch + first) * a.hidden;
		for (int64_t i = threadIdx.x; i < Rows * a.hidden; i += blockDim.x) {
			float value = 0.0f;
			if (i < rows * a.hidden && step > 0)
				value = static_cast<const float *>(a.state_h)[step % 2 * states + state + i];
			else if (i < rows * a.hidden && a.initial_h)
				value = to_float(static_cast<const T *>(a.initial_h)[state + i]);
			h[i] = value;
		}
		__syncthreads();
		for (int group = block * warps + warp_of_thread(); group < a.groups; group += a.group_blocks * warps) {
			float sum[Rows][kGates] = {}, gate[kGates];
			now.multiply_hidden(group, unit, share, sum);
			now.join_shares(sum, share, gate);
			if (share < rows && group * kUnits + unit < a.hidden)
				now.advance(share, group * kUnits + unit, gate);
		}
		__syncthreads(); // the new state is there, and nobody reads the old one
	}
}

KERNEL(lstm_f32_1, LstmArguments, 512) { lstm<float, 1>(arguments); }
KERNEL(lstm_f32_4, LstmArguments, 512) { lstm<float, 4>(arguments); }
KERNEL(lstm_f32_8, LstmArguments, 512) { lstm<float, 8>(arguments); }
KERNEL(lstm_f16_1, LstmArguments, 512) { lstm<half_t, 1>(arguments); }
KERNEL(lstm_f16_4, LstmArguments, 512) { lstm<half_t, 4>(arguments); }
KERNEL(lstm_f16_8, LstmArguments, 512) { lstm<half_t, 8>(arguments); }
KERNEL(lstm_bf16_1, LstmArguments, 512) { lstm<bfloat_t, 1>(arguments); }
KERNEL(lstm_bf16_4, LstmArguments, 512) { lstm<bfloat_t, 4>(arguments); }
KERNEL(lstm_bf16_8, LstmArguments, 512) { lstm<bfloat_t, 8>(arguments); }
