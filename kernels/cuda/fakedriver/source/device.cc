// Devices: what they say about themselves.
#include "driver.h"

#include <stdio.h>
#include <string.h>

using namespace fake;

namespace {

// The bytes of a UUID that tells its ordinal.
void make_uuid(CUuuid *uuid, int ordinal, bool part)
{
	for (int i = 0; i < 16; i++)
		uuid->bytes[i] = static_cast<char>(0x10 * (part ? 0xb : 0xa) + i);
	uuid->bytes[15] = static_cast<char>(ordinal);
}

bool exists(CUdevice device) { return device >= 0 && device < settings().devices; }

} // namespace

extern "C" {

CUresult cuInit(unsigned flags)
{
	ENTER(nothing);
	return flags ? CUDA_ERROR_INVALID_VALUE : settings().initialisation;
}

CUresult cuDriverGetVersion(int *version)
{
	ENTER(nothing);
	*version = settings().version;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count)
{
	ENTER(nothing);
	*count = settings().devices;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
	ENTER(nothing);
	if (!exists(ordinal))
		return CUDA_ERROR_INVALID_DEVICE;
	*device = ordinal;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	snprintf(name, static_cast<size_t>(length), "Fake GPU %d", device);
	return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	*bytes = settings().memory;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	make_uuid(uuid, settings().partitioned ? 0 : device, false);
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	make_uuid(uuid, device, settings().partitioned);
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *text, int length, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	snprintf(text, static_cast<size_t>(length), "0000:%02X:00.0", 0x41 + device);
	return CUDA_SUCCESS;
}

// Limits of compute capability 8.0 where they matter.
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device)
{
	ENTER(nothing);
	if (!exists(device))
		return CUDA_ERROR_INVALID_DEVICE;
	static const std::map<int, int> values = {
		{CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
		{CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
		{CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 166912},
		{CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 167936},
		{CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
		{CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
		{CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
		{CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 4},
		{CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
		{CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 40 << 20},
		{CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
		{CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1215000},
		{CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1410000},
		{CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 3},
		{CU_DEVICE_ATTRIBUTE_INTEGRATED, 0},
		{CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
		{CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
	};
	if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) {
		*value = settings().capability / 10;
		return CUDA_SUCCESS;
	}
	if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR) {
		*value = settings().capability % 10;
		return CUDA_SUCCESS;
	}
	auto at = values.find(attribute);
	if (at == values.end())
		return CUDA_ERROR_INVALID_VALUE;
	*value = at->second;
	return CUDA_SUCCESS;
}
}
