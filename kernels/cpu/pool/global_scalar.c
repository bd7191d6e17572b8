#define INFERD_ISA_SCALAR
#include "vector.h"
#include "global_body.h"
#include "vector_end.h"
