#define INFERD_ISA_SCALAR
#include "vector.h"
#include "lstm_body.h"
#include "vector_end.h"
