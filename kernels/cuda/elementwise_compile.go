package cuda

import "fmt"

// elementwiseValue is the type of a value of a chain.
type elementwiseValue struct {
	Type Type
	Bool bool
}

func (v elementwiseValue) isFloat() bool { return v.Type.IsFloat() && !v.Bool }

func (v elementwiseValue) String() string {
	if v.Bool {
		return "bool"
	}
	return v.Type.String()
}

// operation is an instruction in single assignment: it makes the value of its number.
type chainOperation struct {
	op          chainOp
	args        []int
	alpha, beta float32
	commutative bool
}

// compiledChain is a chain in single assignment, and then the code of the kernel's machine. Values below len(inputs) are the inputs.
type compiledChain struct {
	inputs     []ElementwiseInput
	values     []elementwiseValue
	operations []chainOperation
	alias      []int // the value of each register of the chain
	flop       int64
	wide       bool // has an int64 anywhere
	code       []machineInstruction
	slots      int
}

func (c *compiledChain) output() elementwiseValue { return c.values[len(c.values)-1] }

func compileChain(e *Elementwise) (*compiledChain, error) {
	c := &compiledChain{inputs: e.Inputs}
	for i, in := range e.Inputs {
		c.values = append(c.values, elementwiseValue{in.Type, in.Bool})
		c.alias = append(c.alias, i)
	}
	for i := range e.Instructions {
		if err := c.instruction(&e.Instructions[i]); err != nil {
			return nil, err
		}
	}
	c.joinSilu()
	for _, o := range c.operations {
		if o.op > chainNothing && len(c.operations) > 1 {
			return nil, unsupported("a function that is not for chains, in one")
		}
	}
	for _, v := range c.values {
		c.wide = c.wide || v.Type == Int64
	}
	if c.wide {
		for _, o := range c.operations {
			if (o.op < chainNonZero || o.op > chainNothing) && o.op != chainCopy {
				return nil, unsupported("a chain mixes int64 and arithmetic of floats")
			}
		}
	}
	return c, c.generate()
}

// add appends an operation that makes a new value.
func (c *compiledChain) add(v elementwiseValue, op chainOp, args ...int) int {
	c.values = append(c.values, v)
	c.operations = append(c.operations, chainOperation{op: op, args: args})
	return len(c.values) - 1
}

func (c *compiledChain) instruction(in *ElementwiseInstruction) error {
	operator, ok := elementwiseOperators[in.Op]
	if !ok {
		return unsupported("there is no element-wise operator %q", in.Op)
	}
	if len(in.Args) != operator.arity {
		return fmt.Errorf("%s has %d arguments, want %d", in.Op, len(in.Args), operator.arity)
	}
	args := make([]int, len(in.Args))
	for i, register := range in.Args {
		if register < 0 || register >= len(c.alias) {
			return fmt.Errorf("%s reads register %d, which nothing has written", in.Op, register)
		}
		args[i] = c.alias[register]
	}
	c.flop += operator.flop
	if in.Op == "Cast" {
		c.alias = append(c.alias, c.cast(args[0], elementwiseValue{in.To, in.ToBool}))
		return nil
	}
	operands := args
	if in.Op == "Where" {
		if !c.values[args[0]].Bool {
			return unsupported("the condition of Where is %v", c.values[args[0]])
		}
		operands = args[1:]
	}
	of := c.values[operands[0]]
	for _, value := range operands {
		if c.values[value] != of {
			return unsupported("%s of %v and %v", in.Op, of, c.values[value])
		}
	}
	return c.operate(in, operator, of, args)
}

// operate adds the operation of an operator other than Cast, whose arguments have been checked.
func (c *compiledChain) operate(in *ElementwiseInstruction, operator elementwiseOperator, of elementwiseValue, args []int) error {
	op, result := operator.integer, of
	switch {
	case of.Bool:
		op = operator.truth
	case of.isFloat():
		op = operator.float
	}
	if op == chainNothing {
		return unsupported("%s of %v", in.Op, of)
	}
	if operator.boolean {
		result = elementwiseValue{Uint8, true}
	}
	if operator.swapped {
		args = []int{args[1], args[0]}
	}
	if in.Op == "Pow" {
		op, args = c.power(op, args)
	}
	value := c.add(result, op, args...)
	last := &c.operations[len(c.operations)-1]
	last.alpha, last.beta, last.commutative = in.Alpha, in.Beta, operator.commutative && len(args) == 2
	if !of.isFloat() && !of.Bool && !operator.boolean && op != chainCopy && op != chainWhere {
		value = c.narrow(value, of)
	}
	c.alias = append(c.alias, value)
	return nil
}

// narrow wraps an integer around to its type, which words are wider than.
func (c *compiledChain) narrow(value int, to elementwiseValue) int {
	switch to.Type {
	case Int8:
		return c.add(to, chainNarrowInt8, value)
	case Uint8:
		return c.add(to, chainNarrowUint8, value)
	case Int32: // words of 32 bits wrap by themselves
		if c.values[value].Type == Int64 {
			return c.add(to, chainNarrowInt32, value)
		}
	}
	return value
}

// power replaces a power with one of the usual constant exponents.
func (c *compiledChain) power(op chainOp, args []int) (chainOp, []int) {
	base, exponent := args[0], args[1]
	if exponent >= len(c.inputs) || c.inputs[exponent].Constant == nil {
		return op, args
	}
	switch *c.inputs[exponent].Constant {
	case 1:
		return chainCopy, args[:1]
	case 2:
		return chainMultiply, []int{base, base}
	case 3:
		return chainCube, args[:1]
	case 0.5:
		return chainSquareRoot, args[:1]
	case -1:
		return chainReciprocal, args[:1]
	}
	return op, args
}

// cast adds the conversion of a value.
func (c *compiledChain) cast(from int, to elementwiseValue) int {
	of := c.values[from]
	switch {
	case of == to:
		return c.add(to, chainCopy, from)
	case of.isFloat() && to.isFloat():
		// The value is rounded here, not where it is stored, because more may be done with it.
		return c.add(to, map[Type]chainOp{Float32: chainCopy, Float16: chainToHalf, BFloat16: chainToBFloat}[to.Type], from)
	case of.isFloat() && to.Bool:
		return c.add(to, chainNonZero, from)
	case of.isFloat():
		return c.narrowFrom64(c.add(elementwiseValue{Type: to.Type}, chainFloatToInteger, from), to)
	case to.isFloat():
		return c.add(to, chainIntegerToFloat, from)
	case to.Bool:
		return c.add(to, chainIntegerNonZero, from)
	case of.Bool || to.Type == Int64:
		return c.add(to, chainCopy, from)
	case of.Type == Int64:
		return c.narrowFrom64(from, to)
	case to.Type == Int32:
		return c.add(to, chainCopy, from)
	}
	return c.narrow(from, to)
}

// narrowFrom64 wraps an integer of any size around to a type.
func (c *compiledChain) narrowFrom64(value int, to elementwiseValue) int {
	switch to.Type {
	case Int8, Uint8:
		return c.narrow(value, to)
	case Int32:
		return c.add(to, chainNarrowInt32, value)
	}
	return value
}

// joinSilu makes x sigmoid(x), which exporters write as two operators, one.
func (c *compiledChain) joinSilu() {
	readers := make([]int, len(c.values))
	for _, o := range c.operations {
		for _, value := range o.args {
			readers[value]++
		}
	}
	for i := range c.operations {
		o := &c.operations[i]
		if o.op != chainMultiply {
			continue
		}
		for side := range 2 {
			x, factor := o.args[side], o.args[1-side]-len(c.inputs)
			if factor >= 0 && c.operations[factor].op == chainSigmoid && c.operations[factor].args[0] == x && readers[o.args[1-side]] == 1 {
				// The sigmoid, which nothing reads any more, is dropped while code is generated.
				*o = chainOperation{op: chainSilu, args: []int{x}}
				break
			}
		}
	}
}
