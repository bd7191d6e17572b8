#define INFERD_ISA_SCALAR
#include "vector.h"
#include "product_body.h"
#include "vector_end.h"
