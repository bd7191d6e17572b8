#include "module.h"

#include "stream.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

CUmod_st::~CUmod_st()
{
	for (auto &entry : functions)
		fake::functions().take(entry.second);
}

namespace fake {

Table<CUmod_st> &modules()
{
	static auto *table = new Table<CUmod_st>;
	return *table;
}

Table<CUfunc_st> &functions()
{
	static auto *table = new Table<CUfunc_st>;
	return *table;
}

void *kernel_symbol(const std::string &name)
{
	static void *library = [] {
		void *handle = settings().kernels.empty() ? nullptr : dlopen(settings().kernels.c_str(), RTLD_NOW | RTLD_LOCAL);
		if (!handle)
			fprintf(stderr, "fake driver: no kernels: INFERD_FAKE_KERNELS: %s\n", settings().kernels.empty() ? "not set" : dlerror());
		return handle;
	}();
	return library ? dlsym(library, name.c_str()) : nullptr;
}

namespace {

// What the real driver takes: a fat binary, a cubin, PTX.
bool is_image(const char *image)
{
	static const unsigned char fat_binary[] = {0x50, 0xed, 0x55, 0xba}, cubin[] = {0x7f, 'E', 'L', 'F'};
	return memcmp(image, fat_binary, 4) == 0 || memcmp(image, cubin, 4) == 0 || strncmp(image, ".version", 8) == 0 || strncmp(image, "//", 2) == 0;
}

CUresult load(CUmodule *module, const void *image)
{
	CUresult code = prohibited_while_capturing();
	if (code != CUDA_SUCCESS)
		return code;
	if (!is_image(static_cast<const char *>(image)))
		return CUDA_ERROR_INVALID_IMAGE;
	auto made = std::make_shared<CUmod_st>();
	made->context = current();
	*module = modules().add(made);
	return CUDA_SUCCESS;
}

CUfunction make_function(const std::string &name)
{
	auto kernel = reinterpret_cast<void (*)(const void *)>(kernel_symbol(name));
	auto *bytes = static_cast<const uint32_t *>(kernel_symbol(name + "_arguments_size"));
	auto *threads = static_cast<const uint32_t *>(kernel_symbol(name + "_most_threads"));
	if (!kernel || !bytes || !threads)
		return nullptr;
	auto made = std::make_shared<CUfunc_st>();
	made->context = current();
	made->name = name;
	made->kernel = kernel;
	made->argument_bytes = *bytes;
	made->most_threads = *threads;
	return functions().add(made);
}

} // namespace
} // namespace fake

using namespace fake;

extern "C" {

CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
	ENTER(context);
	return load(module, image);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
	ENTER(context);
	return load(module, image);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, CUjit_option *options, void **values)
{
	ENTER(context);
	CUresult code = load(module, image);
	for (unsigned i = 0; i < count && code != CUDA_SUCCESS; i++)
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
			strcpy(static_cast<char *>(values[i]), "fake compiler: this is no image of kernels");
	return code;
}

CUresult cuModuleUnload(CUmodule module)
{
	ENTER_RELEASE;
	if (!modules().take(module))
		return CUDA_ERROR_INVALID_HANDLE;
	return call.code;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
	ENTER(context);
	auto found = modules().find(module);
	if (!found)
		return CUDA_ERROR_INVALID_HANDLE;
	CUfunction &known = found->functions[name];
	if (!known)
		known = make_function(name);
	*function = known;
	return known ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult cuFuncLoad(CUfunction function)
{
	ENTER(context);
	return functions().find(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function)
{
	ENTER(context);
	auto found = functions().find(function);
	if (!found)
		return CUDA_ERROR_INVALID_HANDLE;
	switch (attribute) {
	case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
		*value = static_cast<int>(found->most_threads);
		return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_NUM_REGS:
		*value = 32;
		return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
		*value = 0;
		return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
		*value = settings().capability;
		return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
		*value = static_cast<int>(found->dynamic_shared);
		return CUDA_SUCCESS;
	default:
		return CUDA_ERROR_INVALID_VALUE;
	}
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value)
{
	ENTER(context);
	auto found = functions().find(function);
	if (!found)
		return CUDA_ERROR_INVALID_HANDLE;
	if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || value > 166912)
		return CUDA_ERROR_INVALID_VALUE;
	found->dynamic_shared = static_cast<unsigned>(value);
	return CUDA_SUCCESS;
}
}
