#define INFERD_ISA_SCALAR
#include "vector.h"
#include "linear_body.h"
#include "vector_end.h"
