#define INFERD_ISA_AVX2
#include "vector.h"
#include "global_body.h"
#include "vector_end.h"
