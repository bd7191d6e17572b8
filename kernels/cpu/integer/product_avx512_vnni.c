#define INFERD_ISA_AVX512_VNNI
#include "vector.h"
#include "product_body.h"
#include "vector_end.h"
