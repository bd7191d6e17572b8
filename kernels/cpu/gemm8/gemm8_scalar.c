#define INFERD_ISA_SCALAR
#include "vector.h"
#include "gemm8_body.h"
#include "vector_end.h"
