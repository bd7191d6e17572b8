#define INFERD_ISA_SCALAR
#include "vector.h"
#include "winograd_body.h"
#include "vector_end.h"
