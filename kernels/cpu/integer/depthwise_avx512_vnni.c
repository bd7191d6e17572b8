#define INFERD_ISA_AVX512_VNNI
#include "vector.h"
#include "depthwise_body.h"
#include "vector_end.h"
