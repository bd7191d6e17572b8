#define INFERD_ISA_SCALAR
#include "vector.h"
#include "weighted_body.h"
#include "vector_end.h"
