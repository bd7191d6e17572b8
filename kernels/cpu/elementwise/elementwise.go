// Package elementwise plans and implements chains of element-wise operators: one step that reads each input once and writes the output
// once, whatever the number of operators between.
//
// In: a Chain (dimensions, inputs with broadcast strides and types, instructions named as ONNX names its operators). Out: a step, whose
// operands the caller sets, and a program block in memory of the caller's. float32 chains are vectorised; integers, booleans and casts
// among all types run in the same interpreter, so that preparing a mask is never a slow step.
package elementwise

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include "elementwise.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

var byLevel = [...]step.Kernel{
	isa.Scalar: step.Kernel(unsafe.Pointer(C.inferd_chain_scalar)),
	isa.AVX2:   step.Kernel(unsafe.Pointer(C.inferd_chain_avx2)),
	isa.AVX512: step.Kernel(unsafe.Pointer(C.inferd_chain_avx512)),
}

const (
	maxInputs      = C.INFERD_CHAIN_INPUTS
	maxRank        = C.INFERD_CHAIN_RANK
	maxRegisters   = C.INFERD_CHAIN_REGISTERS
	operandProgram = C.INFERD_CHAIN_OPERAND_PROGRAM
	// OperandOutput is the output's operand; input i is operand i.
	OperandOutput = C.INFERD_CHAIN_OPERAND_OUTPUT
)

// kind is what one element of a register is.
type kind int32

const (
	kindFloat   kind = C.INFERD_KIND_FLOAT
	kindMask    kind = C.INFERD_KIND_MASK
	kindInteger kind = C.INFERD_KIND_INTEGER
)

const (
	modeDirect   = C.INFERD_INPUT_DIRECT
	modeRepeated = C.INFERD_INPUT_REPEATED
	modeGeneral  = C.INFERD_INPUT_GENERAL
)

// Opcodes that the planner picks itself.
const (
	opCopy        = C.INFERD_OP_COPY
	opMaskCopy    = C.INFERD_OP_MASK_COPY
	opSquare      = C.INFERD_OP_SQUARE
	opCube        = C.INFERD_OP_CUBE
	opSqrt        = C.INFERD_OP_SQRT
	opReciprocal  = C.INFERD_OP_RECIPROCAL
	opNonZero     = C.INFERD_OP_NON_ZERO
	opIntNonZero  = C.INFERD_OP_INT_NON_ZERO
	opIntNarrow   = C.INFERD_OP_INT_NARROW
	opFloatToInt  = C.INFERD_OP_FLOAT_TO_INT
	opIntToFloat  = C.INFERD_OP_INT_TO_FLOAT
	opMaskToFloat = C.INFERD_OP_MASK_TO_FLOAT
	opMaskToInt   = C.INFERD_OP_MASK_TO_INT
)

// operator says how an ONNX operator is done for each kind of argument; opcode 0 means that it is not.
type operator struct {
	arity                int
	float, integer, mask int32
	boolean              bool    // the result is a mask
	cost                 float64 // nanoseconds per element with AVX2
}

// costs of classes of operators.
const (
	cheap   = 0.06
	medium  = 0.2 // a division, a root, a few dependent operations
	costly  = 0.7 // a transcendental function
	library = 15  // a call per element
)

var operators = map[string]operator{
	"Identity":       {1, C.INFERD_OP_COPY, C.INFERD_OP_INT_NARROW, C.INFERD_OP_MASK_COPY, false, cheap},
	"Neg":            {1, C.INFERD_OP_NEG, C.INFERD_OP_INT_NEG, 0, false, cheap},
	"Abs":            {1, C.INFERD_OP_ABS, C.INFERD_OP_INT_ABS, 0, false, cheap},
	"Relu":           {1, C.INFERD_OP_RELU, 0, 0, false, cheap},
	"LeakyRelu":      {1, C.INFERD_OP_LEAKY_RELU, 0, 0, false, cheap},
	"Sigmoid":        {1, C.INFERD_OP_SIGMOID, 0, 0, false, costly},
	"Tanh":           {1, C.INFERD_OP_TANH, 0, 0, false, costly},
	"Exp":            {1, C.INFERD_OP_EXP, 0, 0, false, costly},
	"Log":            {1, C.INFERD_OP_LOG, 0, 0, false, costly},
	"Sqrt":           {1, C.INFERD_OP_SQRT, 0, 0, false, medium},
	"Reciprocal":     {1, C.INFERD_OP_RECIPROCAL, 0, 0, false, medium},
	"Erf":            {1, C.INFERD_OP_ERF, 0, 0, false, costly},
	"Gelu":           {1, C.INFERD_OP_GELU, 0, 0, false, costly},
	"GeluTanh":       {1, C.INFERD_OP_GELU_TANH, 0, 0, false, costly},
	"HardSwish":      {1, C.INFERD_OP_HARD_SWISH, 0, 0, false, medium},
	"HardSigmoid":    {1, C.INFERD_OP_HARD_SIGMOID, 0, 0, false, medium},
	"Clip":           {1, C.INFERD_OP_CLIP, 0, 0, false, cheap},
	"Softplus":       {1, C.INFERD_OP_SOFTPLUS, 0, 0, false, 2 * costly},
	"Elu":            {1, C.INFERD_OP_ELU, 0, 0, false, costly},
	"Silu":           {1, C.INFERD_OP_SILU, 0, 0, false, costly},
	"Floor":          {1, C.INFERD_OP_FLOOR, 0, 0, false, cheap},
	"Ceil":           {1, C.INFERD_OP_CEIL, 0, 0, false, cheap},
	"Round":          {1, C.INFERD_OP_ROUND, 0, 0, false, cheap},
	"Sign":           {1, C.INFERD_OP_SIGN, 0, 0, false, cheap},
	"IsNaN":          {1, C.INFERD_OP_IS_NAN, 0, 0, true, cheap},
	"Not":            {1, 0, 0, C.INFERD_OP_NOT, true, cheap},
	"Add":            {2, C.INFERD_OP_ADD, C.INFERD_OP_INT_ADD, 0, false, cheap},
	"Sub":            {2, C.INFERD_OP_SUB, C.INFERD_OP_INT_SUB, 0, false, cheap},
	"Mul":            {2, C.INFERD_OP_MUL, C.INFERD_OP_INT_MUL, 0, false, cheap},
	"Div":            {2, C.INFERD_OP_DIV, C.INFERD_OP_INT_DIV, 0, false, medium},
	"Min":            {2, C.INFERD_OP_MIN, C.INFERD_OP_INT_MIN, 0, false, cheap},
	"Max":            {2, C.INFERD_OP_MAX, C.INFERD_OP_INT_MAX, 0, false, cheap},
	"Pow":            {2, C.INFERD_OP_POW, 0, 0, false, library},
	"PRelu":          {2, C.INFERD_OP_PRELU, 0, 0, false, cheap},
	"Equal":          {2, C.INFERD_OP_EQUAL, C.INFERD_OP_INT_EQUAL, C.INFERD_OP_XOR, true, cheap}, // masks: the planner inverts it
	"Greater":        {2, C.INFERD_OP_GREATER, C.INFERD_OP_INT_GREATER, 0, true, cheap},
	"GreaterOrEqual": {2, C.INFERD_OP_GREATER_OR_EQUAL, C.INFERD_OP_INT_GREATER_OR_EQUAL, 0, true, cheap},
	"Less":           {2, C.INFERD_OP_LESS, C.INFERD_OP_INT_GREATER, 0, true, cheap},                   // integers: arguments swapped
	"LessOrEqual":    {2, C.INFERD_OP_LESS_OR_EQUAL, C.INFERD_OP_INT_GREATER_OR_EQUAL, 0, true, cheap}, // integers: arguments swapped
	"And":            {2, 0, 0, C.INFERD_OP_AND, true, cheap},
	"Or":             {2, 0, 0, C.INFERD_OP_OR, true, cheap},
	"Xor":            {2, 0, 0, C.INFERD_OP_XOR, true, cheap},
	"Where":          {3, C.INFERD_OP_WHERE, C.INFERD_OP_INT_WHERE, C.INFERD_OP_WHERE, false, cheap},
	"Cast":           {1, C.INFERD_OP_COPY, C.INFERD_OP_INT_NARROW, C.INFERD_OP_MASK_COPY, false, cheap},
}

const opNot = C.INFERD_OP_NOT

// instruction is one machine instruction.
type instruction struct {
	op          int32
	to          Type // of opIntNarrow
	destination int
	arguments   []int
	alpha, beta float32
	cost        float64
}

// write stores the planned chain at the address p, programBytes long.
func (p *plan) write(at unsafe.Pointer) {
	program := (*C.inferd_chain)(at)
	*program = C.inferd_chain{
		inputs: C.int64_t(len(p.inputs)), instructions: C.int64_t(len(p.code)),
		rank: C.int64_t(len(p.dims)), group_rank: C.int64_t(p.groupRank),
		inner: C.int64_t(p.inner), group_rows: C.int64_t(p.groupRows), groups: C.int64_t(p.groups),
		block_size: C.int64_t(p.blockSize), rows_per_block: C.int64_t(p.rowsPerBlock),
		blocks_per_group: C.int64_t(p.blocksPerGroup), blocks_per_tile: C.int64_t(p.blocksPerTile),
		register_bytes: C.int64_t(p.registerBytes), output_type: C.int32_t(p.output), output_kind: C.int32_t(p.outputKind),
		output_register: C.int32_t(p.code[len(p.code)-1].destination),
	}
	if p.outputKind == kindFloat && p.output == Float32 {
		program.output_direct = 1
	}
	for d, dim := range p.dims {
		program.dim[d] = C.int64_t(dim)
	}
	for i, in := range p.inputs {
		slot := &program.input[i]
		slot._type, slot.kind, slot.mode = C.int32_t(in.Type), C.int32_t(in.kind), C.int32_t(in.mode)
		if in.Constant != nil {
			slot.constant, slot.value = 1, C.float(*in.Constant)
		}
		slot.inner_stride = C.int64_t(in.innerStride)
		for d, stride := range in.rowStrides {
			slot.row_stride[d] = C.int64_t(stride)
		}
	}
	code := unsafe.Slice((*C.inferd_chain_instruction)(unsafe.Add(at, C.sizeof_inferd_chain)), len(p.code))
	for i, in := range p.code {
		code[i] = C.inferd_chain_instruction{op: C.int32_t(in.op), _type: C.int32_t(in.to), destination: C.int32_t(in.destination), alpha: C.float(in.alpha), beta: C.float(in.beta)}
		for a, register := range in.arguments {
			code[i].argument[a] = C.int32_t(register)
		}
	}
}

// programBytes is the size of the program of a chain with count instructions.
func programBytes(count int) int {
	return C.sizeof_inferd_chain + count*C.sizeof_inferd_chain_instruction
}
