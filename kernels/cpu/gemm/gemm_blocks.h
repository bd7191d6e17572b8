// The block shapes of each instruction set: up to GEMM_ROWS rows by one panel, and, where all rows fit one block, fewer
// rows by several panels, because a multiply-add takes four cycles and two start in each: eight sums at least must be under
// way. Sums, one row of B and one element of A fit the registers (16, and 32 with AVX-512).
// gemm_panels[rows] says how many panels wide the block for that number of rows is.
typedef void gemm_kernel(const gemm_job *job, const gemm_place *place);

// One function per block shape, so that each gets its own register allocation.
#define GEMM_KERNEL(rows, panels) \
	static __attribute__((noinline)) void gemm_##rows##x##panels(const gemm_job *job, const gemm_place *place) \
	{ \
		gemm_micro(rows, panels, job, place); \
	}

#if defined(INFERD_ISA_AVX512)
enum { GEMM_ROWS = 14 };
GEMM_KERNEL(1, 1)
GEMM_KERNEL(2, 1)
GEMM_KERNEL(3, 1)
GEMM_KERNEL(4, 1)
GEMM_KERNEL(5, 1)
GEMM_KERNEL(6, 1)
GEMM_KERNEL(7, 1)
GEMM_KERNEL(8, 1)
GEMM_KERNEL(9, 1)
GEMM_KERNEL(10, 1)
GEMM_KERNEL(11, 1)
GEMM_KERNEL(12, 1)
GEMM_KERNEL(13, 1)
GEMM_KERNEL(14, 1)
GEMM_KERNEL(1, 4)
GEMM_KERNEL(2, 4)
GEMM_KERNEL(3, 4)
GEMM_KERNEL(4, 3)
GEMM_KERNEL(5, 2)
GEMM_KERNEL(6, 2)
static gemm_kernel *const gemm_narrow[] = {NULL, gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1, gemm_5x1, gemm_6x1, gemm_7x1, gemm_8x1, gemm_9x1, gemm_10x1, gemm_11x1, gemm_12x1, gemm_13x1, gemm_14x1};
static gemm_kernel *const gemm_wide[] = {NULL, gemm_1x4, gemm_2x4, gemm_3x4, gemm_4x3, gemm_5x2, gemm_6x2};
static const int64_t gemm_panels[] = {1, 4, 4, 4, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1};
#elif defined(INFERD_ISA_AVX2)
enum { GEMM_ROWS = 6 };
GEMM_KERNEL(1, 1)
GEMM_KERNEL(2, 1)
GEMM_KERNEL(3, 1)
GEMM_KERNEL(4, 1)
GEMM_KERNEL(5, 1)
GEMM_KERNEL(6, 1)
GEMM_KERNEL(1, 4)
GEMM_KERNEL(2, 3)
GEMM_KERNEL(3, 2)
static gemm_kernel *const gemm_narrow[] = {NULL, gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1, gemm_5x1, gemm_6x1};
static gemm_kernel *const gemm_wide[] = {NULL, gemm_1x4, gemm_2x3, gemm_3x2};
static const int64_t gemm_panels[] = {1, 4, 3, 2, 1, 1, 1};
#else
enum { GEMM_ROWS = 4 };
GEMM_KERNEL(1, 1)
GEMM_KERNEL(2, 1)
GEMM_KERNEL(3, 1)
GEMM_KERNEL(4, 1)
GEMM_KERNEL(1, 4)
GEMM_KERNEL(2, 2)
static gemm_kernel *const gemm_narrow[] = {NULL, gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1};
static gemm_kernel *const gemm_wide[] = {NULL, gemm_1x4, gemm_2x2};
static const int64_t gemm_panels[] = {1, 4, 2, 1, 1};
#endif
