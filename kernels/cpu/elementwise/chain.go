package elementwise

import (
	"errors"
	"fmt"
	"unsafe"
)

// ErrUnsupported is wrapped by errors of chains that are valid but have no fast form: arithmetic on float16, float64 or uint64, or more
// dimensions or values than the interpreter holds.
var ErrUnsupported = errors.New("not supported by the element-wise kernels")

// Type is an element type in memory; the numbers are those of ONNX's TensorProto.DataType.
type Type int32

// The element types that chains read and write.
const (
	Float32 Type = 1
	Uint8   Type = 2
	Int8    Type = 3
	Uint16  Type = 4
	Int16   Type = 5
	Int32   Type = 6
	Int64   Type = 7
	Bool    Type = 9
	Float16 Type = 10
	Float64 Type = 11
	Uint32  Type = 12
)

// size returns the bytes of an element, 0 where the type is not supported.
func (t Type) size() int64 {
	switch t {
	case Uint8, Int8, Bool:
		return 1
	case Uint16, Int16, Float16:
		return 2
	case Float32, Int32, Uint32:
		return 4
	case Int64, Float64:
		return 8
	}
	return 0
}

func (t Type) isFloat() bool { return t == Float32 || t == Float16 || t == Float64 }

// kind returns what registers hold for values of the type.
func (t Type) kind() kind {
	switch {
	case t.isFloat():
		return kindFloat
	case t == Bool:
		return kindMask
	}
	return kindInteger
}

// Input is one input of a chain.
type Input struct {
	Type Type
	// Strides, in elements, along the dimensions of the chain; 0 where the input is broadcast (layout.Broadcast makes them).
	Strides []int64
	// Constant, where set, is the value of every element (Type must be Float32): the input then needs no operand and no strides.
	Constant *float32
}

// Instruction applies the ONNX operator Op to registers. Register i below len(Chain.Inputs) is input i; instruction j writes register
// len(Chain.Inputs)+j, the last one the output.
type Instruction struct {
	Op          string
	Args        []int
	Alpha, Beta float32 // the operator's attributes: LeakyRelu and Elu alpha; HardSigmoid alpha, beta; Clip minimum, maximum
	To          Type    // of Cast
}

// Chain is a sequence of element-wise operators over one index space. The output is row-major.
type Chain struct {
	Dims         []int64
	Inputs       []Input
	Instructions []Instruction
}

// Allocator returns zeroed memory outside Go's heap, aligned to 8 bytes, that lives as long as the step.
type Allocator func(bytes int) (unsafe.Pointer, error)

// Supports reports whether op is the name of an operator that chains know. Beside ONNX's own there are Silu, x sigmoid(x), and GeluTanh,
// Gelu with approximate = tanh.
func Supports(op string) bool { _, ok := operators[op]; return ok }

// value is a register's type while a chain is compiled. A float64 that is only truncated, or only stored, is of kindInteger.
type value struct {
	typ  Type
	kind kind
}

// compiler turns ONNX operators into machine instructions, in single assignment: registers are numbered as values.
type compiler struct {
	chain  *Chain
	values []value // of machine registers
	alias  []int   // the machine register of each register of the chain
	code   []instruction
}

func (c *compiler) unsupported(i int, format string, arguments ...any) error {
	return fmt.Errorf("instruction %d (%s): %s: %w", i, c.chain.Instructions[i].Op, fmt.Sprintf(format, arguments...), ErrUnsupported)
}

// compile returns the machine code and the type and kind of each register.
func compile(chain *Chain) (*compiler, error) {
	c := &compiler{chain: chain}
	for i, in := range chain.Inputs {
		if in.Type.size() == 0 {
			return nil, fmt.Errorf("input %d: type %d: %w", i, in.Type, ErrUnsupported)
		}
		v := value{in.Type, in.Type.kind()}
		switch {
		case in.Type == Float64 && chain.castOnly(i, kindInteger):
			v.kind = kindInteger // truncated as it is loaded
		case (in.Type == Uint8 || in.Type == Int8) && chain.castOnly(i, kindFloat):
			v.kind = kindFloat // converted as it is loaded
		}
		c.values = append(c.values, v)
		c.alias = append(c.alias, i)
	}
	if len(chain.Instructions) == 0 {
		return nil, errors.New("chain without instructions")
	}
	for i := range chain.Instructions {
		if err := c.instruction(i); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// castOnly reports whether register r is read by casts to types of the kind only, which then may happen as it is loaded.
func (chain *Chain) castOnly(r int, to kind) bool {
	for _, in := range chain.Instructions {
		for _, argument := range in.Args {
			if argument == r && (in.Op != "Cast" || in.To.kind() != to) {
				return false
			}
		}
	}
	return true
}

// emit appends an instruction that makes a new register.
func (c *compiler) emit(in instruction, v value) int {
	in.destination = len(c.values)
	c.values = append(c.values, v)
	c.code = append(c.code, in)
	return in.destination
}

func (c *compiler) instruction(i int) error {
	in := &c.chain.Instructions[i]
	op, ok := operators[in.Op]
	if !ok {
		return c.unsupported(i, "unknown operator")
	}
	if len(in.Args) != op.arity {
		return fmt.Errorf("instruction %d (%s): %d arguments, want %d", i, in.Op, len(in.Args), op.arity)
	}
	arguments := make([]int, len(in.Args))
	for a, register := range in.Args {
		if register < 0 || register >= len(c.alias) {
			return fmt.Errorf("instruction %d (%s): argument %d is register %d, which nothing has written", i, in.Op, a, register)
		}
		arguments[a] = c.alias[register]
	}
	if in.Op == "Cast" {
		return c.cast(i, arguments[0], in.To)
	}
	operands := arguments
	if in.Op == "Where" {
		if c.values[arguments[0]].kind != kindMask {
			return fmt.Errorf("instruction %d (Where): the condition is not boolean", i)
		}
		operands = arguments[1:]
	}
	of := c.values[operands[0]]
	for _, register := range operands {
		if c.values[register] != of {
			return fmt.Errorf("instruction %d (%s): arguments of types %d and %d", i, in.Op, of.typ, c.values[register].typ)
		}
	}
	if of.typ == Float16 || of.typ == Float64 {
		return c.unsupported(i, "arithmetic on type %d", of.typ)
	}
	return c.operate(i, op, of, arguments)
}

// operate emits an operator other than Cast, whose arguments have been checked.
func (c *compiler) operate(i int, op operator, of value, arguments []int) error {
	in := &c.chain.Instructions[i]
	code := map[kind]int32{kindFloat: op.float, kindInteger: op.integer, kindMask: op.mask}[of.kind]
	if code == 0 {
		return c.unsupported(i, "no form for type %d", of.typ)
	}
	result := of
	if op.boolean {
		result = value{Bool, kindMask}
	}
	emitted := instruction{op: code, to: of.typ, arguments: arguments, alpha: in.Alpha, beta: in.Beta, cost: op.cost}
	if of.kind == kindInteger && (in.Op == "Less" || in.Op == "LessOrEqual") {
		emitted.arguments = []int{arguments[1], arguments[0]}
	}
	if in.Op == "Pow" {
		c.power(&emitted, in)
	}
	register := c.emit(emitted, result)
	switch {
	case of.kind == kindMask && in.Op == "Equal":
		register = c.emit(instruction{op: opNot, arguments: []int{register}, cost: cheap}, result)
	case of.kind == kindInteger && !op.boolean && of.typ != Int64 && code != opIntNarrow && in.Op != "Where":
		register = c.emit(instruction{op: opIntNarrow, to: of.typ, arguments: []int{register}, cost: cheap}, result)
	}
	c.alias = append(c.alias, register)
	return nil
}

// power replaces a power with one of the usual constant exponents.
func (c *compiler) power(emitted *instruction, in *Instruction) {
	exponent := in.Args[1]
	if exponent >= len(c.chain.Inputs) || c.chain.Inputs[exponent].Constant == nil {
		return
	}
	code, ok := map[float32]int32{1: opCopy, 2: opSquare, 3: opCube, 0.5: opSqrt, -1: opReciprocal}[*c.chain.Inputs[exponent].Constant]
	if ok {
		emitted.op, emitted.arguments, emitted.cost = code, emitted.arguments[:1], medium
	}
}

// cast emits the conversion of a machine register. float16 and float64 exist in memory alone, so a cast to them ends the chain.
// holdsWhole reports whether register r is known to hold whole numbers that the type, one of eight bits, holds: rounded ones that were clipped to its range.
func (chain *Chain) holdsWhole(r int, to Type) bool {
	bounds := map[Type][2]float32{Uint8: {0, 255}, Int8: {-128, 127}}
	limits, ok := bounds[to]
	if !ok || r < len(chain.Inputs) {
		return false
	}
	in := chain.Instructions[r-len(chain.Inputs)]
	return in.Op == "Clip" && in.Alpha >= limits[0] && in.Beta <= limits[1] && chain.isWhole(in.Args[0])
}

// isWhole reports whether register r holds whole numbers: rounded ones, and such to which a whole number was added.
func (chain *Chain) isWhole(r int) bool {
	if r < len(chain.Inputs) {
		constant := chain.Inputs[r].Constant
		return constant != nil && *constant == float32(int32(*constant))
	}
	switch in := chain.Instructions[r-len(chain.Inputs)]; in.Op {
	case "Round":
		return true
	case "Add":
		return chain.isWhole(in.Args[0]) && chain.isWhole(in.Args[1])
	}
	return false
}

func (c *compiler) cast(i, from int, to Type) error {
	last := i == len(c.chain.Instructions)-1
	if to.size() == 0 || !last && (to == Float16 || to == Float64) {
		return c.unsupported(i, "cast to type %d", to)
	}
	emitted := instruction{op: opCopy, to: to, arguments: []int{from}, cost: cheap}
	result := value{to, to.kind()}
	switch of := c.values[from]; {
	case of.kind == kindFloat && result.kind == kindMask:
		emitted.op = opNonZero
	case of.kind == kindFloat && last && c.chain.holdsWhole(c.chain.Instructions[i].Args[0], to): // converted as it is stored
		result.kind = kindFloat
	case of.kind == kindFloat && result.kind == kindInteger:
		emitted.op = opFloatToInt
		from = c.emit(emitted, value{Int64, kindInteger})
		emitted.op, emitted.arguments = opIntNarrow, []int{from}
	case of.kind == kindInteger && to == Float64: // converted as it is stored: by way of float32 it would lose digits
		emitted.op, result.kind = opIntNarrow, kindInteger
	case of.kind == kindInteger && result.kind == kindFloat:
		emitted.op = opIntToFloat
	case of.kind == kindInteger && result.kind == kindMask:
		emitted.op = opIntNonZero
	case of.kind == kindInteger:
		emitted.op = opIntNarrow
	case of.kind == kindMask && result.kind == kindFloat:
		emitted.op = opMaskToFloat
	case of.kind == kindMask && result.kind == kindInteger:
		emitted.op = opMaskToInt
	case of.kind == kindMask:
		emitted.op = opMaskCopy
	}
	c.alias = append(c.alias, c.emit(emitted, result))
	return nil
}
