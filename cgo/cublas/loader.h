// How the library is found and loaded: at the first call of inferd_cublas_load, never when the process starts.
#ifndef INFERD_CUBLAS_LOADER_H
#define INFERD_CUBLAS_LOADER_H

#include "cublaslt.h"

#define INFERD_CUBLAS_HIDDEN __attribute__((visibility("hidden")))

// The library's functions, all of them or none. Their types are those of the declarations.
struct inferd_cublas_functions {
	__typeof__(cublasLtGetVersion) *GetVersion;
	__typeof__(cublasLtGetStatusName) *GetStatusName;
	__typeof__(cublasLtGetStatusString) *GetStatusString;
	__typeof__(cublasLtCreate) *Create;
	__typeof__(cublasLtDestroy) *Destroy;
	__typeof__(cublasLtMatmulDescCreate) *MatmulDescCreate;
	__typeof__(cublasLtMatmulDescDestroy) *MatmulDescDestroy;
	__typeof__(cublasLtMatmulDescSetAttribute) *MatmulDescSetAttribute;
	__typeof__(cublasLtMatrixLayoutCreate) *MatrixLayoutCreate;
	__typeof__(cublasLtMatrixLayoutDestroy) *MatrixLayoutDestroy;
	__typeof__(cublasLtMatrixLayoutSetAttribute) *MatrixLayoutSetAttribute;
	__typeof__(cublasLtMatmulPreferenceCreate) *MatmulPreferenceCreate;
	__typeof__(cublasLtMatmulPreferenceDestroy) *MatmulPreferenceDestroy;
	__typeof__(cublasLtMatmulPreferenceSetAttribute) *MatmulPreferenceSetAttribute;
	__typeof__(cublasLtMatmulAlgoGetHeuristic) *MatmulAlgoGetHeuristic;
	__typeof__(cublasLtMatmulAlgoCheck) *MatmulAlgoCheck;
	__typeof__(cublasLtMatmulAlgoConfigGetAttribute) *MatmulAlgoConfigGetAttribute;
	__typeof__(cublasLtMatmul) *Matmul;
};

// What became of loading the library.
struct inferd_cublas_library {
	void *handle;                             // NULL where it could not be loaded
	char path[1024];                          // of the library as it was found, or as it was looked for
	char failure[1024];                       // why it could not be loaded
	char missing[64];                         // a function that it lacks; empty where it has all
	int chosen;                               // the path came from INFERD_CUBLASLT_LIBRARY
	int version;                              // 10000 * major + 100 * minor + patch
	struct inferd_cublas_functions functions; // where none is missing
};

// Loads the library, at the first call.
INFERD_CUBLAS_HIDDEN const struct inferd_cublas_library *inferd_cublas_load(void);

#endif
