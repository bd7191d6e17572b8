#define INFERD_ISA_AVX512
#include "vector.h"
#include "copy_body.h"
#include "transpose_body.h"
#include "gather_body.h"
#include "vector_end.h"
