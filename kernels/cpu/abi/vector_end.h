// Ends what vector.h began; the last line of every variant file. clang wants its attribute popped in the same file.
#if defined(__clang__) && defined(INFERD_TARGET) && !(defined(INFERD_ISA_AVX512) && defined(INFERD_EMULATE_AVX512))
#pragma clang attribute pop
#endif
