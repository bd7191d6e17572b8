#define INFERD_ISA_AVX2
#include "vector.h"
#include "nearest_body.h"
#include "vector_end.h"
