// Copies and fills.
#include "memory.h"
#include "stream.h"

#include <string.h>

using namespace fake;

namespace {

void *host(CUdeviceptr address) { return reinterpret_cast<void *>(static_cast<uintptr_t>(address)); }

bool is_host(const void *address, size_t bytes) { return address && !is_device(reinterpret_cast<uintptr_t>(address), bytes); }

// A copy with the host that the caller waits for. It waits for the default stream and for all streams that wait for that, as the real driver does.
CUresult copy_now(void *to, const void *from, size_t bytes)
{
	CUresult code = prohibited_while_capturing();
	if (code != CUDA_SUCCESS)
		return code;
	for (auto &stream : streams().of(current()))
		if (stream->flags != CU_STREAM_NON_BLOCKING)
			stream->drain();
	std::shared_ptr<CUstream_st> stream;
	find_stream(nullptr, &stream);
	stream->drain();
	Access access;
	memcpy(to, from, bytes);
	return current()->lost;
}

CUresult copy_later(void *to, const void *from, size_t bytes, CUstream stream)
{
	return submit(stream, {[=] { memcpy(to, from, bytes); return CUDA_SUCCESS; }});
}

CUresult fill_later(CUdeviceptr to, size_t count, CUstream stream, unsigned value, size_t size)
{
	if (!is_device(to, count * size))
		return CUDA_ERROR_INVALID_VALUE;
	return submit(stream, {[=] {
		auto *p = static_cast<char *>(host(to));
		for (size_t i = 0; i < count; i++)
			memcpy(p + i * size, &value, size);
		return CUDA_SUCCESS;
	}});
}

// Memory that is not pinned is copied through a buffer of the driver's, and the caller waits until that has its bytes.
CUresult wait_unless_pinned(const void *memory, size_t bytes, CUstream handle)
{
	std::shared_ptr<CUstream_st> stream;
	if (!is_pinned(memory, bytes) && find_stream(handle, &stream) == CUDA_SUCCESS && !stream->capture)
		stream->drain();
	return CUDA_SUCCESS;
}

} // namespace

extern "C" {

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes)
{
	ENTER(context);
	if (!is_device(to, bytes) || !is_host(from, bytes))
		return CUDA_ERROR_INVALID_VALUE;
	return copy_now(host(to), from, bytes);
}

CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes)
{
	ENTER(context);
	if (!is_device(from, bytes) || !is_host(to, bytes))
		return CUDA_ERROR_INVALID_VALUE;
	return copy_now(to, host(from), bytes);
}

CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
	ENTER(context);
	if (!is_device(from, bytes) || !is_device(to, bytes))
		return CUDA_ERROR_INVALID_VALUE;
	return copy_now(host(to), host(from), bytes);
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
	ENTER(context);
	if (!is_device(to, bytes) || !is_host(from, bytes))
		return CUDA_ERROR_INVALID_VALUE;
	CUresult code = copy_later(host(to), from, bytes, stream);
	return code != CUDA_SUCCESS ? code : wait_unless_pinned(from, bytes, stream);
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
	ENTER(context);
	if (!is_device(from, bytes) || !is_host(to, bytes))
		return CUDA_ERROR_INVALID_VALUE;
	CUresult code = copy_later(to, host(from), bytes, stream);
	return code != CUDA_SUCCESS ? code : wait_unless_pinned(to, bytes, stream);
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
	ENTER(context);
	if (!is_device(from, bytes) || !is_device(to, bytes))
		return CUDA_ERROR_INVALID_VALUE;
	return copy_later(host(to), host(from), bytes, stream);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream)
{
	ENTER(context);
	return fill_later(to, count, stream, value, 1);
}

CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream)
{
	ENTER(context);
	return fill_later(to, count, stream, value, 2);
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream)
{
	ENTER(context);
	return fill_later(to, count, stream, value, 4);
}
}
