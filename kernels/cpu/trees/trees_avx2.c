#define INFERD_ISA_AVX2
#include "vector.h"
#include "quick_body.h"
#include "walk_body.h"
#include "vector_end.h"
