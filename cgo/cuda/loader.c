//go:build cuda

#define _GNU_SOURCE
#include "loader.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct inferd_cuda_driver driver;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

static void initialise(void)
{
	CUresult (*init)(unsigned) = dlsym(driver.handle, "cuInit");
	CUresult (*get_version)(int *) = dlsym(driver.handle, "cuDriverGetVersion");
	if (init == NULL || get_version == NULL) {
		driver.status = CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND;
		return;
	}
	if (get_version(&driver.version) != CUDA_SUCCESS)
		driver.version = 0;
	driver.status = init(0);
}

static void load(void)
{
	const char *chosen = getenv("INFERD_CUDA_LIBRARY");
	driver.chosen = chosen != NULL && chosen[0] != '\0';
	copy_text(driver.path, sizeof driver.path, driver.chosen ? chosen : "libcuda.so.1");
	driver.handle = dlopen(driver.path, RTLD_NOW | RTLD_LOCAL);
	if (driver.handle == NULL) {
		copy_text(driver.failure, sizeof driver.failure, dlerror());
		driver.status = CUDA_ERROR_SHARED_OBJECT_INIT_FAILED;
		return;
	}
	struct link_map *map;
	if (dlinfo(driver.handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != '\0')
		copy_text(driver.path, sizeof driver.path, map->l_name);
	initialise();
}

const struct inferd_cuda_driver *inferd_cuda_load(void)
{
	pthread_once(&once, load);
	return &driver;
}

void *inferd_cuda_find(int slot)
{
	void *handle = inferd_cuda_load()->handle;
	if (handle == NULL)
		return NULL;
	void *address = dlsym(handle, inferd_cuda_slots[slot].symbol);
	if (address != NULL)
		atomic_store_explicit(&inferd_cuda_slots[slot].address, address, memory_order_release);
	return address;
}

CUresult inferd_cuda_missing(void)
{
	return inferd_cuda_load()->handle == NULL ? CUDA_ERROR_SHARED_OBJECT_INIT_FAILED : CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND;
}

// gorgonia.org/cu calls this when the process starts, and exits where it fails. The driver is initialised by inferd_cuda_load instead, whose status
// Probe explains.
INFERD_CUDA_HIDDEN CUresult cuInit(unsigned flags)
{
	return flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
