// Kernel launches: checked as the real driver checks them, run by the emulation.
#include "module.h"
#include "stream.h"

#include <string.h>
#include <time.h>

using namespace fake;

namespace {

typedef int (*Launcher)(void (*kernel)(const void *), const uint32_t grid[3], const uint32_t threads[3], uint32_t shared_bytes, const void *arguments);

struct Launch {
	std::shared_ptr<CUfunc_st> function;
	uint32_t grid[3], block[3], shared_bytes;
	std::vector<unsigned char> arguments;
};

bool within(const uint32_t size[3], const uint32_t limit[3])
{
	for (int i = 0; i < 3; i++)
		if (size[i] == 0 || size[i] > limit[i])
			return false;
	return true;
}

CUresult check(const Launch &l)
{
	static const uint32_t most_blocks[3] = {0x7fffffff, 65535, 65535}, most_threads[3] = {1024, 1024, 64};
	if (!within(l.grid, most_blocks) || !within(l.block, most_threads))
		return CUDA_ERROR_INVALID_VALUE;
	uint64_t threads = uint64_t{l.block[0]} * l.block[1] * l.block[2];
	if (threads > 1024 || l.shared_bytes > l.function->dynamic_shared)
		return CUDA_ERROR_INVALID_VALUE;
	if (threads > l.function->most_threads || l.arguments.size() != l.function->argument_bytes)
		return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES; // so says the manual of arguments that are too many
	return CUDA_SUCCESS;
}

void read_extra(void **extra, Launch *l)
{
	const void *buffer = nullptr;
	size_t bytes = 0;
	for (; *extra != CU_LAUNCH_PARAM_END; extra += 2)
		if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
			buffer = extra[1];
		else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE)
			bytes = *static_cast<size_t *>(extra[1]);
	auto *first = static_cast<const unsigned char *>(buffer);
	l->arguments.assign(first, first + bytes);
}

void sleep_for(long nanoseconds)
{
	struct timespec t = {nanoseconds / 1000000000, nanoseconds % 1000000000};
	if (nanoseconds > 0)
		nanosleep(&t, nullptr);
}

CUresult run(const Launch &l, CUcontext context)
{
	static auto launcher = reinterpret_cast<Launcher>(kernel_symbol("emulation_launch"));
	CUresult code = ordered_failure("kernel", context);
	if (code != CUDA_SUCCESS)
		return code;
	sleep_for(settings().latency_ns);
	return launcher(l.function->kernel, l.grid, l.block, l.shared_bytes, l.arguments.data()) == 0 ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
}

} // namespace

extern "C" {

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
	unsigned shared_bytes, CUstream stream, void **parameters, void **extra)
{
	ENTER(context);
	Launch l = {functions().find(function), {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, {}};
	if (!l.function)
		return CUDA_ERROR_INVALID_HANDLE;
	if ((parameters == nullptr) == (extra == nullptr))
		return CUDA_ERROR_INVALID_VALUE;
	if (extra) {
		read_extra(extra, &l);
	} else {
		auto *first = static_cast<const unsigned char *>(parameters[0]);
		l.arguments.assign(first, first + l.function->argument_bytes);
	}
	CUresult code = check(l);
	if (code != CUDA_SUCCESS)
		return code;
	CUcontext context = current();
	return submit(stream, {[l, context] { return run(l, context); }});
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction function, void **parameters, void **extra)
{
	return cuLaunchKernel(function, c->gridDimX, c->gridDimY, c->gridDimZ, c->blockDimX, c->blockDimY, c->blockDimZ, c->sharedMemBytes, c->hStream, parameters, extra);
}
}
