// The one contract between the planner (Go) and the kernels (C): a step.
//
// A program is a flat array of steps. Each step names a kernel, the number of independent tiles that the kernel's work
// divides into, where its operands lie, and its parameters. "Go plans, C runs": everything that can be decided before
// the run (shapes, strides, blocking, which variant) is decided in Go and stored here; a kernel only reads it.
//
// The layout is mirrored in Go by package kernels/cpu/step; a test there compares sizes and offsets.
#ifndef INFERD_STEP_H
#define INFERD_STEP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(INFERD_ALLOW_UNOPTIMIZED)
#error "inferd's kernels must be compiled with optimisation: CGO_CFLAGS replaced the default '-O2 -g'; add -O2 to it"
#endif

#if !defined(__x86_64__) || !defined(__linux__)
#error "inferd supports Linux on x86-64 only"
#endif

enum {
	INFERD_STEP_OPERANDS = 16,
	INFERD_STEP_PARAMETERS = 40,
};

// An operand lies `offset` bytes after bases[base]. Base 0 is the null pointer, so base 0 holds absolute addresses
// (weights); an operand of base 0 and offset 0 is absent. Base 1 is the arena; the inputs and outputs of the program follow.
typedef struct {
	int64_t base;
	int64_t offset;
} inferd_operand;

typedef struct inferd_step inferd_step;

// Computes one tile, 0 <= tile < step->tiles. Tiles of a step run in any order on any thread of the pool, so no two may
// write the same byte. `scratch` is this thread's own, step->scratch_bytes long, 64-byte aligned, with unspecified content.
typedef void (*inferd_kernel)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

struct inferd_step {
	inferd_kernel kernel;
	int64_t tiles;
	int64_t scratch_bytes;
	int64_t cost_ns; // the planner's estimate for the whole step on one thread; decides whether it is worth sharing
	inferd_operand operand[INFERD_STEP_OPERANDS];
	int64_t parameter[INFERD_STEP_PARAMETERS];
};

// The address of operand `index`, or NULL where it is absent.
static inline void *inferd_address(const inferd_step *step, void *const *bases, int index)
{
	const inferd_operand *operand = &step->operand[index];
	return (void *)((uintptr_t)bases[operand->base] + (uintptr_t)operand->offset);
}

// Parameter `index` read as the double that Go stored with math.Float64bits.
static inline double inferd_parameter_double(const inferd_step *step, int index)
{
	double value;
	memcpy(&value, &step->parameter[index], sizeof value);
	return value;
}

#endif
