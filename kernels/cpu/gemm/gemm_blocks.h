// The block shapes of each instruction set: rows of A by vectors of C's columns. A multiply-add takes four cycles and two start
// in each, so eight sums at least must be under way; sums, one row of B and one element of A fit the registers (16, and 32 with AVX-512).
typedef void gemm_kernel(const gemm_job *job, const gemm_place *place);

typedef struct {
	int64_t vectors, rows;                   // rows is the most that a block takes
	gemm_kernel *kernel[GEMM_MOST_ROWS + 1]; // by the number of rows
} gemm_shape;

// One function per block shape, so that each gets its own register allocation.
#define GEMM_KERNEL(rows, vectors) \
	static __attribute__((noinline)) void gemm_##rows##x##vectors(const gemm_job *job, const gemm_place *place) \
	{ \
		gemm_micro(rows, vectors, job, place); \
	}

// gemm_panel takes a panel; gemm_odd the vectors at the end that would leave half a panel empty; gemm_wide[rows], where that
// many rows are all there are, several panels.
#if defined(INFERD_ISA_AVX512)
GEMM_KERNEL(1, 2)
GEMM_KERNEL(2, 2)
GEMM_KERNEL(3, 2)
GEMM_KERNEL(4, 2)
GEMM_KERNEL(5, 2)
GEMM_KERNEL(6, 2)
GEMM_KERNEL(7, 2)
GEMM_KERNEL(8, 2)
GEMM_KERNEL(9, 2)
GEMM_KERNEL(10, 2)
GEMM_KERNEL(11, 2)
GEMM_KERNEL(12, 2)
GEMM_KERNEL(13, 2)
GEMM_KERNEL(14, 2)
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
GEMM_KERNEL(1, 8)
GEMM_KERNEL(2, 8)
GEMM_KERNEL(3, 8)
GEMM_KERNEL(4, 6)
GEMM_KERNEL(5, 4)
GEMM_KERNEL(6, 4)
static const gemm_shape gemm_panel = {2, 14, {NULL, gemm_1x2, gemm_2x2, gemm_3x2, gemm_4x2, gemm_5x2, gemm_6x2, gemm_7x2, gemm_8x2, gemm_9x2, gemm_10x2, gemm_11x2, gemm_12x2, gemm_13x2, gemm_14x2}};
static const gemm_shape gemm_odd = {1, 14, {NULL, gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1, gemm_5x1, gemm_6x1, gemm_7x1, gemm_8x1, gemm_9x1, gemm_10x1, gemm_11x1, gemm_12x1, gemm_13x1, gemm_14x1}};
static const gemm_shape gemm_wide[] = {
	{INT64_MAX, 0, {NULL}},
	{8, 1, {NULL, gemm_1x8}},
	{8, 2, {NULL, NULL, gemm_2x8}},
	{8, 3, {NULL, NULL, NULL, gemm_3x8}},
	{6, 4, {NULL, NULL, NULL, NULL, gemm_4x6}},
	{4, 5, {NULL, NULL, NULL, NULL, NULL, gemm_5x4}},
	{4, 6, {NULL, NULL, NULL, NULL, NULL, NULL, gemm_6x4}},
};
#elif defined(INFERD_ISA_AVX2)
GEMM_KERNEL(1, 2)
GEMM_KERNEL(2, 2)
GEMM_KERNEL(3, 2)
GEMM_KERNEL(4, 2)
GEMM_KERNEL(5, 2)
GEMM_KERNEL(6, 2)
GEMM_KERNEL(1, 3)
GEMM_KERNEL(2, 3)
GEMM_KERNEL(3, 3)
GEMM_KERNEL(4, 3)
GEMM_KERNEL(1, 8)
GEMM_KERNEL(2, 6)
GEMM_KERNEL(3, 4)
static const gemm_shape gemm_panel = {2, 6, {NULL, gemm_1x2, gemm_2x2, gemm_3x2, gemm_4x2, gemm_5x2, gemm_6x2}};
static const gemm_shape gemm_odd = {3, 4, {NULL, gemm_1x3, gemm_2x3, gemm_3x3, gemm_4x3}};
static const gemm_shape gemm_wide[] = {
	{INT64_MAX, 0, {NULL}},
	{8, 1, {NULL, gemm_1x8}},
	{6, 2, {NULL, NULL, gemm_2x6}},
	{4, 3, {NULL, NULL, NULL, gemm_3x4}},
};
#else
GEMM_KERNEL(1, 2)
GEMM_KERNEL(2, 2)
GEMM_KERNEL(3, 2)
GEMM_KERNEL(4, 2)
GEMM_KERNEL(1, 1)
GEMM_KERNEL(2, 1)
GEMM_KERNEL(3, 1)
GEMM_KERNEL(4, 1)
GEMM_KERNEL(1, 8)
GEMM_KERNEL(2, 4)
static const gemm_shape gemm_panel = {2, 4, {NULL, gemm_1x2, gemm_2x2, gemm_3x2, gemm_4x2}};
static const gemm_shape gemm_odd = {1, 4, {NULL, gemm_1x1, gemm_2x1, gemm_3x1, gemm_4x1}};
static const gemm_shape gemm_wide[] = {
	{INT64_MAX, 0, {NULL}},
	{8, 1, {NULL, gemm_1x8}},
	{4, 2, {NULL, NULL, gemm_2x4}},
};
#endif
