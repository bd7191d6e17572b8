#define INFERD_ISA_SCALAR
#include "vector.h"
#include "quantize_body.h"
#include "vector_end.h"
