// Kernels that show what threads of a block see of each other. Each writes one number for each thread.
#include "common.cuh"

struct FibersArguments {
	int64_t *out;
	int64_t rounds;
};

INLINE int thread_of_block() { return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)); }
INLINE int threads_of_block() { return static_cast<int>(blockDim.x * blockDim.y * blockDim.z); }

// Every thread adds its right neighbour's number of the round before.
KERNEL(test_barriers, FibersArguments, 1024)
{
	__shared__ int64_t numbers[1024];
	const int me = thread_of_block(), count = threads_of_block();
	numbers[me] = me;
	for (int64_t i = 0; i < arguments.rounds; i++) {
		__syncthreads();
		const int64_t next = numbers[(me + 1) % count];
		__syncthreads();
		numbers[me] += next;
	}
	arguments.out[static_cast<int64_t>(blockIdx.x) * count + me] = numbers[me] + blockIdx.x;
}

// Lanes 4 and up of each warp end at once; the others go on meeting.
KERNEL(test_early_ends, FibersArguments, 1024)
{
	__shared__ int64_t sum;
	const int me = thread_of_block();
	arguments.out[me] = -1;
	if (me % 32 >= 4)
		return;
	if (me == 0)
		sum = 0;
	for (int64_t i = 0; i < arguments.rounds; i++) {
		__syncthreads();
		sum += me;
	}
	__syncthreads();
	arguments.out[me] = sum;
}

KERNEL(test_shuffles, FibersArguments, 1024)
{
	const int me = thread_of_block(), lane = me % 32;
	const int64_t value = 1000 + me;
	int64_t sum = __shfl_xor_sync(0xffffffff, value, 1);
	sum = sum * 3 + __shfl_up_sync(0xffffffff, value, 2);
	sum = sum * 3 + __shfl_down_sync(0xffffffff, value, 3);
	sum = sum * 3 + __shfl_sync(0xffffffff, value, 35);
	__syncwarp();
	const unsigned odd = __ballot_sync(0xffffffff, lane % 2);
	arguments.out[me] = sum * 3 + (odd == 0xaaaaaaaa) + 2 * __any_sync(0xffffffff, lane == 31) + 4 * __all_sync(0xffffffff, lane < 31);
}

// The halves of a warp go their own ways for different numbers of operations, and meet at the end.
KERNEL(test_halves, FibersArguments, 1024)
{
	const int me = thread_of_block(), lane = me % 32;
	int64_t value = lane;
	if (lane < 16) {
		for (int i = 0; i < 3; i++)
			value += __shfl_xor_sync(0x0000ffff, value, 1 << i);
	} else {
		for (int i = 0; i < 7; i++)
			value += __shfl_xor_sync(0xffff0000, value, 1 << (i % 4));
	}
	value = value * 100 + __shfl_xor_sync(0xffffffff, value, 16);
	if (lane % 2)
		value += __shfl_xor_sync(0xaaaaaaaa, value, 2);
	arguments.out[me] = value;
}

KERNEL(test_nothing, FibersArguments, 1024) { arguments.out[thread_of_block()] = thread_of_block() * arguments.rounds; }

// What follows is wrong.

KERNEL(test_two_barriers, FibersArguments, 1024)
{
	if (threadIdx.x < 40)
		__syncthreads();
	else
		__syncthreads();
}

KERNEL(test_missing_lanes, FibersArguments, 1024)
{
	if (threadIdx.x % 32 < 16)
		arguments.out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1, 1);
}

KERNEL(test_two_shuffles, FibersArguments, 1024)
{
	if (threadIdx.x % 2)
		arguments.out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1, 1);
	else
		arguments.out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1, 2);
}

KERNEL(test_outside_of_mask, FibersArguments, 1024) { arguments.out[threadIdx.x] = __shfl_xor_sync(0x0000ffff, 1, 1); }

KERNEL(test_shared_overflow, FibersArguments, 1024)
{
	DYNAMIC_SHARED(int64_t, numbers);
	numbers[threadIdx.x + arguments.rounds] = 1;
}
