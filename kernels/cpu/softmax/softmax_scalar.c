#define INFERD_ISA_SCALAR
#include "vector.h"
#include "softmax_body.h"
#include "vector_end.h"
