#define INFERD_ISA_SCALAR
#include "vector.h"
#include "vectormath_body.h"
#include "vector_end.h"
