#define INFERD_ISA_AVX512
#include "vector.h"
#include "nearest_body.h"
#include "vector_end.h"
