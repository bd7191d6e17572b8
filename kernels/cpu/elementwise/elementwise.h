// A chain of element-wise operators as one step: what the interpreter (chain_body.h) shares with its planner (plan.go).
//
// The output is walked in blocks that fit into L1. Every operand of an instruction is a block: a register in scratch memory, or the
// input or output itself where it is contiguous float32. Inputs that are broadcast, strided or of another type are first loaded into a
// register; a block that repeats (a bias, a scale per channel) is loaded once and kept. So instructions know no broadcasting at all.
#ifndef INFERD_ELEMENTWISE_H
#define INFERD_ELEMENTWISE_H

#include "step.h"

enum {
	INFERD_CHAIN_INPUTS = 14,
	INFERD_CHAIN_RANK = 7, // dimensions of the rows
	INFERD_CHAIN_REGISTERS = 40,
	INFERD_CHAIN_OPERAND_PROGRAM = 14,
	INFERD_CHAIN_OPERAND_OUTPUT = 15,
};

// What one element of a register is: a float, a mask of 0 or -1 in 32 bits, or an integer of 64 bits.
enum { INFERD_KIND_FLOAT = 0, INFERD_KIND_MASK = 1, INFERD_KIND_INTEGER = 2 };

// How an input's block comes about.
enum {
	INFERD_INPUT_DIRECT = 0,   // contiguous float32: used where it lies
	INFERD_INPUT_REPEATED = 1, // every row of a group is the same: loaded when the group changes
	INFERD_INPUT_GENERAL = 2,  // loaded for every block
};

// Element types in memory; the numbers are those of ONNX.
enum {
	INFERD_TYPE_FLOAT32 = 1, INFERD_TYPE_UINT8 = 2, INFERD_TYPE_INT8 = 3, INFERD_TYPE_UINT16 = 4, INFERD_TYPE_INT16 = 5,
	INFERD_TYPE_INT32 = 6, INFERD_TYPE_INT64 = 7, INFERD_TYPE_BOOL = 9, INFERD_TYPE_FLOAT16 = 10, INFERD_TYPE_FLOAT64 = 11,
	INFERD_TYPE_UINT32 = 12,
};

// Operations. F, M and I stand for the kinds above; b is the second argument.
enum {
	// F -> F
	INFERD_OP_COPY = 1, INFERD_OP_NEG, INFERD_OP_ABS, INFERD_OP_RELU, INFERD_OP_LEAKY_RELU, INFERD_OP_SIGMOID, INFERD_OP_TANH,
	INFERD_OP_EXP, INFERD_OP_LOG, INFERD_OP_SQRT, INFERD_OP_RECIPROCAL, INFERD_OP_ERF, INFERD_OP_GELU, INFERD_OP_GELU_TANH,
	INFERD_OP_HARD_SWISH, INFERD_OP_HARD_SIGMOID, INFERD_OP_CLIP, INFERD_OP_SOFTPLUS, INFERD_OP_ELU, INFERD_OP_SILU, INFERD_OP_FLOOR,
	INFERD_OP_CEIL, INFERD_OP_ROUND, INFERD_OP_SQUARE, INFERD_OP_CUBE, INFERD_OP_SIGN,
	// F, F -> F
	INFERD_OP_ADD, INFERD_OP_SUB, INFERD_OP_MUL, INFERD_OP_DIV, INFERD_OP_MIN, INFERD_OP_MAX, INFERD_OP_POW, INFERD_OP_PRELU,
	// F, F -> M; F -> M
	INFERD_OP_EQUAL, INFERD_OP_GREATER, INFERD_OP_GREATER_OR_EQUAL, INFERD_OP_LESS, INFERD_OP_LESS_OR_EQUAL, INFERD_OP_NON_ZERO,
	INFERD_OP_IS_NAN,
	// masks
	INFERD_OP_AND, INFERD_OP_OR, INFERD_OP_XOR, INFERD_OP_NOT, INFERD_OP_MASK_COPY,
	INFERD_OP_WHERE, // M, F or M, F or M
	// I
	INFERD_OP_INT_ADD, INFERD_OP_INT_SUB, INFERD_OP_INT_MUL, INFERD_OP_INT_DIV, INFERD_OP_INT_MIN, INFERD_OP_INT_MAX, INFERD_OP_INT_NEG,
	INFERD_OP_INT_ABS, INFERD_OP_INT_EQUAL, INFERD_OP_INT_GREATER, INFERD_OP_INT_GREATER_OR_EQUAL, INFERD_OP_INT_NON_ZERO,
	INFERD_OP_INT_WHERE,
	INFERD_OP_INT_NARROW, // wraps around to the type in `type`
	// conversions between kinds
	INFERD_OP_FLOAT_TO_INT, INFERD_OP_INT_TO_FLOAT, INFERD_OP_MASK_TO_FLOAT, INFERD_OP_MASK_TO_INT,
};

typedef struct {
	int32_t op;
	int32_t type; // of INFERD_OP_INT_NARROW
	int32_t destination;
	int32_t argument[3];
	float alpha, beta;
} inferd_chain_instruction;

typedef struct {
	int32_t type;
	int32_t kind;
	int32_t mode;
	int32_t constant; // 1: `value` is the input, which needs no operand
	float value;
	int32_t unused;
	int64_t inner_stride;                    // bytes
	int64_t row_stride[INFERD_CHAIN_RANK]; // bytes, by dimension of the rows
} inferd_chain_input;

// The output is [groups][group_rows][inner]; rows have the dimensions dim[0..rank), of which the last group_rank lie within a group.
// A block is rows_per_block rows of a group, or, where rows are long and rows_per_block 0, a piece of block_size elements of a row
// (group_rows is then 1).
typedef struct {
	int64_t inputs, instructions, rank, group_rank;
	int64_t inner, group_rows, groups;
	int64_t block_size, rows_per_block, blocks_per_group, blocks_per_tile;
	int64_t register_bytes;
	int32_t output_type, output_kind;
	int32_t output_register;
	int32_t output_direct; // 1: the last instruction writes the output itself
	int64_t dim[INFERD_CHAIN_RANK];
	inferd_chain_input input[INFERD_CHAIN_INPUTS];
	inferd_chain_instruction instruction[];
} inferd_chain;

void inferd_chain_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_chain_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_chain_avx512(const inferd_step *, void *const *, int64_t, void *);

#endif
