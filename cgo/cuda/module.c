//go:build cuda

#include "module.h"

CUresult inferd_cuda_load_module(CUmodule *module, const void *image, char *log, size_t log_bytes)
{
	CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
	void *values[] = {log, (void *)log_bytes};
	return cuModuleLoadDataEx(module, image, 2, options, values);
}

// cuFuncLoad is of CUDA 12.4; with older drivers asking for an attribute loads the kernel.
static CUresult load_function(CUfunction function)
{
	CUresult code = cuFuncLoad(function);
	return code == CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND ? CUDA_SUCCESS : code;
}

static CUresult read_attributes(struct inferd_cuda_function *f)
{
	struct {
		CUfunction_attribute attribute;
		int *to;
	} wanted[] = {
		{CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &f->most_threads},
		{CU_FUNC_ATTRIBUTE_NUM_REGS, &f->registers},
		{CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, &f->static_shared},
		{CU_FUNC_ATTRIBUTE_BINARY_VERSION, &f->binary_version},
	};
	CUresult code = CUDA_SUCCESS;
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && code == CUDA_SUCCESS; i++)
		code = cuFuncGetAttribute(wanted[i].to, wanted[i].attribute, f->function);
	return code;
}

CUresult inferd_cuda_find_function(CUmodule module, const char *name, int shared_bytes, struct inferd_cuda_function *found)
{
	found->call = "cuModuleGetFunction";
	CUresult code = cuModuleGetFunction(&found->function, module, name);
	if (code != CUDA_SUCCESS)
		return code;
	found->call = "cuFuncLoad";
	code = load_function(found->function);
	if (code != CUDA_SUCCESS)
		return code;
	found->call = "cuFuncGetAttribute";
	code = read_attributes(found);
	if (code != CUDA_SUCCESS)
		return code;
	found->call = "cuFuncSetAttribute";
	found->dynamic_shared = shared_bytes - found->static_shared;
	return cuFuncSetAttribute(found->function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, found->dynamic_shared);
}
