// The block shapes of each instruction set: rows of A by vectors of columns. A product takes four or five cycles and one or two start in each, so eight
// sums at least must be under way; sums, a step of the depth of B, a group of A and a product fit the registers (16, and 32 with AVX-512).
typedef void gemm8_kernel(const gemm8_job *job, const gemm8_place *place);

typedef struct {
	int64_t vectors, rows;                     // rows is the most that a block takes
	gemm8_kernel *kernel[GEMM8_MOST_ROWS + 1]; // by the number of rows
} gemm8_shape;

// One function per block shape, so that each gets its own register allocation.
#define GEMM8_KERNEL(rows, vectors) \
	static __attribute__((noinline)) void gemm8_##rows##x##vectors(const gemm8_job *job, const gemm8_place *place) \
	{ \
		gemm8_micro(rows, vectors, job, place); \
	}

// gemm8_panel takes a panel; gemm8_odd the vector at the end that would leave half a panel empty; gemm8_wide[rows], where that many rows are all there are,
// several panels.
#if defined(INFERD_ISA_AVX512)
GEMM8_KERNEL(1, 2)
GEMM8_KERNEL(2, 2)
GEMM8_KERNEL(3, 2)
GEMM8_KERNEL(4, 2)
GEMM8_KERNEL(5, 2)
GEMM8_KERNEL(6, 2)
GEMM8_KERNEL(7, 2)
GEMM8_KERNEL(8, 2)
GEMM8_KERNEL(9, 2)
GEMM8_KERNEL(10, 2)
GEMM8_KERNEL(11, 2)
GEMM8_KERNEL(12, 2)
GEMM8_KERNEL(1, 1)
GEMM8_KERNEL(2, 1)
GEMM8_KERNEL(3, 1)
GEMM8_KERNEL(4, 1)
GEMM8_KERNEL(5, 1)
GEMM8_KERNEL(6, 1)
GEMM8_KERNEL(7, 1)
GEMM8_KERNEL(8, 1)
GEMM8_KERNEL(9, 1)
GEMM8_KERNEL(10, 1)
GEMM8_KERNEL(11, 1)
GEMM8_KERNEL(12, 1)
GEMM8_KERNEL(1, 8)
GEMM8_KERNEL(2, 8)
GEMM8_KERNEL(3, 8)
GEMM8_KERNEL(4, 6)
GEMM8_KERNEL(5, 4)
GEMM8_KERNEL(6, 4)
static const gemm8_shape gemm8_panel = {2, 12, {NULL, gemm8_1x2, gemm8_2x2, gemm8_3x2, gemm8_4x2, gemm8_5x2, gemm8_6x2, gemm8_7x2, gemm8_8x2, gemm8_9x2, gemm8_10x2, gemm8_11x2, gemm8_12x2}};
static const gemm8_shape gemm8_odd = {1, 12, {NULL, gemm8_1x1, gemm8_2x1, gemm8_3x1, gemm8_4x1, gemm8_5x1, gemm8_6x1, gemm8_7x1, gemm8_8x1, gemm8_9x1, gemm8_10x1, gemm8_11x1, gemm8_12x1}};
static const gemm8_shape gemm8_wide[] = {
	{INT64_MAX, 0, {NULL}},
	{8, 1, {NULL, gemm8_1x8}},
	{8, 2, {NULL, NULL, gemm8_2x8}},
	{8, 3, {NULL, NULL, NULL, gemm8_3x8}},
	{6, 4, {NULL, NULL, NULL, NULL, gemm8_4x6}},
	{4, 5, {NULL, NULL, NULL, NULL, NULL, gemm8_5x4}},
	{4, 6, {NULL, NULL, NULL, NULL, NULL, NULL, gemm8_6x4}},
};
#elif defined(INFERD_ISA_AVX2)
GEMM8_KERNEL(1, 2)
GEMM8_KERNEL(2, 2)
GEMM8_KERNEL(3, 2)
GEMM8_KERNEL(4, 2)
GEMM8_KERNEL(5, 2)
GEMM8_KERNEL(6, 2)
GEMM8_KERNEL(1, 1)
GEMM8_KERNEL(2, 1)
GEMM8_KERNEL(3, 1)
GEMM8_KERNEL(4, 1)
GEMM8_KERNEL(5, 1)
GEMM8_KERNEL(6, 1)
GEMM8_KERNEL(1, 8)
GEMM8_KERNEL(2, 6)
GEMM8_KERNEL(3, 4)
static const gemm8_shape gemm8_panel = {2, 6, {NULL, gemm8_1x2, gemm8_2x2, gemm8_3x2, gemm8_4x2, gemm8_5x2, gemm8_6x2}};
static const gemm8_shape gemm8_odd = {1, 6, {NULL, gemm8_1x1, gemm8_2x1, gemm8_3x1, gemm8_4x1, gemm8_5x1, gemm8_6x1}};
static const gemm8_shape gemm8_wide[] = {
	{INT64_MAX, 0, {NULL}},
	{8, 1, {NULL, gemm8_1x8}},
	{6, 2, {NULL, NULL, gemm8_2x6}},
	{4, 3, {NULL, NULL, NULL, gemm8_3x4}},
};
#else
GEMM8_KERNEL(1, 2)
GEMM8_KERNEL(2, 2)
GEMM8_KERNEL(3, 2)
GEMM8_KERNEL(4, 2)
GEMM8_KERNEL(1, 1)
GEMM8_KERNEL(2, 1)
GEMM8_KERNEL(3, 1)
GEMM8_KERNEL(4, 1)
GEMM8_KERNEL(1, 8)
GEMM8_KERNEL(2, 4)
static const gemm8_shape gemm8_panel = {2, 4, {NULL, gemm8_1x2, gemm8_2x2, gemm8_3x2, gemm8_4x2}};
static const gemm8_shape gemm8_odd = {1, 4, {NULL, gemm8_1x1, gemm8_2x1, gemm8_3x1, gemm8_4x1}};
static const gemm8_shape gemm8_wide[] = {
	{INT64_MAX, 0, {NULL}},
	{8, 1, {NULL, gemm8_1x8}},
	{4, 2, {NULL, NULL, gemm8_2x4}},
};
#endif
