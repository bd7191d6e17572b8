// The interpreter of a chain. Bound by memory where the instructions are cheap: each input is read once, the output written once, and
// what lies between stays in L1. An instruction costs one indirect jump per block.
#include "convert_body.h"
#include "float_body.h"

typedef struct {
	const inferd_chain *chain;
	const char *source[INFERD_CHAIN_INPUTS]; // the inputs, at the present group
	const char *loaded[INFERD_CHAIN_INPUTS]; // what a repeated input's register holds at present
	char *registers[INFERD_CHAIN_REGISTERS]; // the inputs' blocks, then those of the instructions
} chain_state;

INLINE void load_run(const inferd_chain_input *input, char *to, const char *source, int64_t n)
{
	if (input->kind == INFERD_KIND_FLOAT)
		load_floats((float *)to, source, input->inner_stride, n, input->type);
	else if (input->kind == INFERD_KIND_MASK)
		load_masks((int32_t *)to, source, input->inner_stride, n);
	else
		load_integers((int64_t *)to, source, input->inner_stride, n, input->type);
}

INLINE int64_t element_bytes(int32_t kind) { return kind == INFERD_KIND_INTEGER ? 8 : 4; }

// Sets the inputs' addresses to the first row of a group.
static void enter_group(chain_state *state, const inferd_step *step, void *const *bases, int64_t group)
{
	const inferd_chain *chain = state->chain;
	int64_t index[INFERD_CHAIN_RANK];
	int64_t outer = chain->rank - chain->group_rank;
	for (int64_t d = outer; d-- > 0; group /= chain->dim[d])
		index[d] = group % chain->dim[d];
	for (int64_t i = 0; i < chain->inputs; i++) {
		const inferd_chain_input *input = &chain->input[i];
		const char *source = input->constant ? (const char *)&input->value : inferd_address(step, bases, (int)i);
		for (int64_t d = 0; d < outer; d++)
			source += index[d] * input->row_stride[d];
		state->source[i] = source;
	}
}

// Loads rows [first, first + rows) of the present group, walking the group's dimensions like an odometer.
static void load_rows(const inferd_chain *chain, const inferd_chain_input *input, char *to, const char *source, int64_t first, int64_t rows)
{
	int64_t index[INFERD_CHAIN_RANK];
	int64_t outer = chain->rank - chain->group_rank;
	for (int64_t d = chain->rank; d-- > outer; first /= chain->dim[d]) {
		index[d] = first % chain->dim[d];
		source += index[d] * input->row_stride[d];
	}
	for (int64_t row = 0; row < rows; row++) {
		load_run(input, to, source, chain->inner);
		to += chain->inner * element_bytes(input->kind);
		for (int64_t d = chain->rank; d-- > outer;) {
			source += input->row_stride[d];
			if (++index[d] < chain->dim[d])
				break;
			source -= chain->dim[d] * input->row_stride[d];
			index[d] = 0;
		}
	}
}

// Makes register i the input's part of a block: `rows` whole rows from `row` on, or (pieces) `count` elements from `column` on.
static void load_block(chain_state *state, int64_t i, int64_t row, int64_t rows, int64_t column, int64_t count)
{
	const inferd_chain *chain = state->chain;
	const inferd_chain_input *input = &chain->input[i];
	const char *source = state->source[i] + column * input->inner_stride;
	if (input->mode == INFERD_INPUT_DIRECT) {
		state->registers[i] = (char *)source + row * chain->inner * 4;
	} else if (input->mode == INFERD_INPUT_REPEATED) {
		if (state->loaded[i] == source)
			return;
		state->loaded[i] = source;
		if (input->inner_stride == 0) {
			load_run(input, state->registers[i], source, chain->block_size);
			return;
		}
		int64_t bytes = chain->inner * element_bytes(input->kind);
		load_run(input, state->registers[i], source, chain->inner);
		for (int64_t copy = 1; copy < chain->rows_per_block; copy++)
			memcpy(state->registers[i] + copy * bytes, state->registers[i], (size_t)bytes);
	} else if (chain->rows_per_block == 0) {
		load_run(input, state->registers[i], source, count);
	} else {
		load_rows(chain, input, state->registers[i], source, row, rows);
	}
}

static void run_block(chain_state *state, char *output, int64_t n)
{
	const inferd_chain *chain = state->chain;
	if (chain->output_direct)
		state->registers[chain->output_register] = output;
	for (int64_t i = 0; i < chain->instructions; i++) {
		const inferd_chain_instruction *in = &chain->instruction[i];
		void *to = state->registers[in->destination];
		const void *a = state->registers[in->argument[0]], *b = state->registers[in->argument[1]], *c = state->registers[in->argument[2]];
		if (!run_binary(in, to, a, b, c, n) && !run_unary(in, to, a, n))
			run_integer(in, to, a, b, c, n);
	}
	if (chain->output_direct)
		return;
	const void *result = state->registers[chain->output_register];
	if (chain->output_kind == INFERD_KIND_FLOAT)
		store_floats(output, result, n, chain->output_type);
	else if (chain->output_kind == INFERD_KIND_MASK)
		store_masks(output, result, n);
	else
		store_integers(output, result, n, chain->output_type);
}

// Operands: the inputs, the chain's program, the output. Scratch: the registers.
void INFERD_NAME(inferd_chain)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	chain_state state = {.chain = inferd_address(step, bases, INFERD_CHAIN_OPERAND_PROGRAM)};
	const inferd_chain *chain = state.chain;
	for (int64_t i = 0; i < INFERD_CHAIN_REGISTERS && i * chain->register_bytes < step->scratch_bytes; i++)
		state.registers[i] = (char *)scratch + i * chain->register_bytes;
	char *output = inferd_address(step, bases, INFERD_CHAIN_OPERAND_OUTPUT);
	int64_t size = step->parameter[0]; // bytes of an output element
	int64_t first = tile * chain->blocks_per_tile, end = first + chain->blocks_per_tile, total = chain->groups * chain->blocks_per_group;
	end = end < total ? end : total;
	for (int64_t block = first; block < end; block++) {
		int64_t group = block / chain->blocks_per_group, within = block % chain->blocks_per_group;
		if (block == first || within == 0)
			enter_group(&state, step, bases, group);
		int64_t row = 0, rows = 1, column = 0, count;
		if (chain->rows_per_block > 0) {
			row = within * chain->rows_per_block;
			rows = chain->group_rows - row < chain->rows_per_block ? chain->group_rows - row : chain->rows_per_block;
			count = rows * chain->inner;
		} else {
			column = within * chain->block_size;
			count = chain->inner - column < chain->block_size ? chain->inner - column : chain->block_size;
		}
		for (int64_t i = 0; i < chain->inputs; i++)
			load_block(&state, i, row, rows, column, count);
		run_block(&state, output + ((group * chain->group_rows + row) * chain->inner + column) * size, count);
	}
}
