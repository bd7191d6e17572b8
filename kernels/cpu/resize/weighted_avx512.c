#define INFERD_ISA_AVX512
#include "vector.h"
#include "weighted_body.h"
#include "vector_end.h"
