// Loops of nothing but multiply-adds, 12 vectors a repetition: the speed that no kernel exceeds.
#include <stdint.h>

void inferd_peak_avx2(int64_t repetitions);
void inferd_peak_avx512(int64_t repetitions);
