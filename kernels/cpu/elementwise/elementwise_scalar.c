#define INFERD_ISA_SCALAR
#include "vector.h"
#include "chain_body.h"
#include "vector_end.h"
