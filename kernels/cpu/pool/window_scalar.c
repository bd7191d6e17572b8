#define INFERD_ISA_SCALAR
#include "vector.h"
#include "window_body.h"
#include "vector_end.h"
