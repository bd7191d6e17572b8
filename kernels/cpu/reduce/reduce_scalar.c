#define INFERD_ISA_SCALAR
#include "vector.h"
#include "float_body.h"
#include "argument_body.h"
#include "vector_end.h"
