#define INFERD_ISA_SCALAR
#include "vector.h"
#include "attention_body.h"
#include "vector_end.h"
