#define INFERD_ISA_SCALAR
#include "vector.h"
#include "gemm_body.h"
#include "vector_end.h"
