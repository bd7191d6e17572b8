//go:build cuda

#define _GNU_SOURCE
#include "loader.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct inferd_cublas_library library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// The sonames to try, newest first: the declarations hold for both.
static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};

static const struct {
	const char *symbol;
	size_t offset;
} functions[] = {
#define FUNCTION(name) {"cublasLt" #name, offsetof(struct inferd_cublas_functions, name)}
	FUNCTION(GetVersion),
	FUNCTION(GetStatusName),
	FUNCTION(GetStatusString),
	FUNCTION(Create),
	FUNCTION(Destroy),
	FUNCTION(MatmulDescCreate),
	FUNCTION(MatmulDescDestroy),
	FUNCTION(MatmulDescSetAttribute),
	FUNCTION(MatrixLayoutCreate),
	FUNCTION(MatrixLayoutDestroy),
	FUNCTION(MatrixLayoutSetAttribute),
	FUNCTION(MatmulPreferenceCreate),
	FUNCTION(MatmulPreferenceDestroy),
	FUNCTION(MatmulPreferenceSetAttribute),
	FUNCTION(MatmulAlgoGetHeuristic),
	FUNCTION(MatmulAlgoCheck),
	FUNCTION(MatmulAlgoConfigGetAttribute),
	FUNCTION(Matmul),
#undef FUNCTION
};

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

static void open_library(const char *path)
{
	copy_text(library.path, sizeof library.path, path);
	library.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	// The first failure is kept: it names the version that is recommended.
	if (library.handle == NULL && library.failure[0] == '\0')
		copy_text(library.failure, sizeof library.failure, dlerror());
}

static void find_functions(void)
{
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		void *address = dlsym(library.handle, functions[i].symbol);
		if (address == NULL) {
			copy_text(library.missing, sizeof library.missing, functions[i].symbol);
			return;
		}
		memcpy((char *)&library.functions + functions[i].offset, &address, sizeof address);
	}
	library.version = (int)library.functions.GetVersion();
}

static void load(void)
{
	const char *chosen = getenv("INFERD_CUBLASLT_LIBRARY");
	library.chosen = chosen != NULL && chosen[0] != '\0';
	if (library.chosen)
		open_library(chosen);
	for (size_t i = 0; !library.chosen && library.handle == NULL && i < sizeof names / sizeof names[0]; i++)
		open_library(names[i]);
	if (library.handle == NULL)
		return;
	struct link_map *map;
	if (dlinfo(library.handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != '\0')
		copy_text(library.path, sizeof library.path, map->l_name);
	find_functions();
}

const struct inferd_cublas_library *inferd_cublas_load(void)
{
	pthread_once(&once, load);
	return &library;
}
