#define INFERD_ISA_SCALAR
#include "vector.h"
#include "depthwise_body.h"
#include "vector_end.h"
