#define INFERD_ISA_SCALAR
#include "vector.h"
#include "direct_body.h"
#include "vector_end.h"
