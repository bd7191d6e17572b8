#define INFERD_ISA_AVX2
#include "vector.h"
#include "product_body.h"
#include "vector_end.h"
