#define INFERD_ISA_SCALAR
#include "vector.h"
#include "nearest_body.h"
#include "vector_end.h"
