#define INFERD_ISA_SCALAR
#include "vector.h"
#include "norm_body.h"
#include "vector_end.h"
