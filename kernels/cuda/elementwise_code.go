package cuda

// The places of an operand in a machine instruction; a place below them all is a slot.
const (
	placeInput0      = 128
	placeConstant    = 253
	placeAccumulator = 254
	placeNone        = 255
)

// machineInstruction mirrors ChainInstruction.
type machineInstruction struct {
	op                chainOp
	operand, third    uint8
	replace           uint8
	keep, keepOperand uint8
	_                 uint16
	alpha, beta       float32
}

// generator turns a chain in single assignment into code for one accumulator. A value is kept in a slot from where it is made, or fetched for the first
// time, until it is read for the last time, unless all that reads it is the very next operation.
type generator struct {
	*compiledChain
	live        []bool // values that the output depends on
	reads       []int  // of a value, still to come
	slot        []int  // of a value; -1 where it has none
	accumulator int    // the value in it
	free        []uint8
}

// generate fills c.code and c.slots.
func (c *compiledChain) generate() error {
	g := &generator{compiledChain: c, live: c.live(), reads: make([]int, len(c.values)), slot: make([]int, len(c.values)), accumulator: -1}
	for i := range g.slot {
		g.slot[i] = -1
	}
	for i, o := range c.operations {
		for _, value := range o.args {
			if g.live[len(c.inputs)+i] {
				g.reads[value]++
			}
		}
	}
	for i, o := range c.operations {
		if g.live[len(c.inputs)+i] {
			g.operation(o, len(c.inputs)+i)
		}
	}
	if len(c.code) > maxChainCode {
		return unsupported("a chain of %d instructions, at most %d", len(c.code), maxChainCode)
	}
	if c.slots > maxSlots {
		return unsupported("a chain with %d values alive at once, at most %d", c.slots, maxSlots)
	}
	return nil
}

// maxSlots is as many as leave 64 threads to a block.
const maxSlots = 24

// live reports the values that the output depends on.
func (c *compiledChain) live() []bool {
	live := make([]bool, len(c.values))
	live[len(c.values)-1] = true
	for i := len(c.operations) - 1; i >= 0; i-- {
		if live[len(c.inputs)+i] {
			for _, value := range c.operations[i].args {
				live[value] = true
			}
		}
	}
	return live
}

func (g *generator) operation(o chainOperation, value int) {
	in := machineInstruction{op: o.op, operand: placeNone, keep: placeNone, keepOperand: placeNone, alpha: o.alpha, beta: o.beta}
	switch len(o.args) {
	case 1:
		g.unary(&in, o)
	case 2:
		g.binary(&in, o)
	case 3:
		g.where(&in, o)
	}
	for _, argument := range o.args {
		g.release(argument)
	}
	g.accumulator = value
	if !g.passes(value) {
		in.keep = g.take(value)
	}
	g.code = append(g.code, in)
}

// unary fetches the argument into the accumulator. A constant takes an instruction of its own, because its value lies where the operator's alpha does.
func (g *generator) unary(in *machineInstruction, o chainOperation) {
	x := o.args[0]
	switch {
	case g.accumulator == x:
	case x < len(g.inputs) && g.inputs[x].Constant != nil:
		g.load(o, x)
	default:
		g.fetch(in, o, x)
		in.replace = 1
	}
}

// binary brings the left argument into the accumulator, unless an argument is there already. A right argument of an operator that does not commute never is:
// passes sees to it.
func (g *generator) binary(in *machineInstruction, o chainOperation) {
	x, y := o.args[0], o.args[1]
	if g.accumulator == y && o.commutative {
		x, y = y, x
	}
	if g.accumulator != x {
		g.load(o, x)
	}
	g.fetch(in, o, y)
}

// where wants the condition in the accumulator, its second argument as the operand and its third one in a slot.
func (g *generator) where(in *machineInstruction, o chainOperation) {
	if g.slot[o.args[2]] < 0 {
		fetched := machineInstruction{op: chainNothing, operand: placeNone, keep: placeNone, keepOperand: placeNone}
		g.place(&fetched, o.args[2])
		fetched.keepOperand = g.take(o.args[2])
		g.code = append(g.code, fetched)
	}
	if g.accumulator != o.args[0] {
		g.load(o, o.args[0])
	}
	g.fetch(in, o, o.args[1])
	in.third = uint8(g.slot[o.args[2]])
}

// load brings an argument into the accumulator.
func (g *generator) load(o chainOperation, value int) {
	in := machineInstruction{op: chainCopy, operand: placeNone, keep: placeNone, keepOperand: placeNone, replace: 1}
	g.fetch(&in, o, value)
	g.code = append(g.code, in)
	g.accumulator = value
}

// fetch makes an argument the instruction's operand, and keeps an input that later operations read.
func (g *generator) fetch(in *machineInstruction, o chainOperation, value int) {
	g.place(in, value)
	later := g.reads[value]
	for _, argument := range o.args {
		if argument == value {
			later--
		}
	}
	if in.operand >= placeInput0 && in.operand < placeConstant && later > 0 {
		in.keepOperand = g.take(value)
	}
}

func (g *generator) place(in *machineInstruction, value int) {
	switch {
	case g.accumulator == value:
		in.operand = placeAccumulator
	case g.slot[value] >= 0:
		in.operand = uint8(g.slot[value])
	case g.inputs[value].Constant != nil:
		in.operand, in.alpha = placeConstant, *g.inputs[value].Constant
	default:
		in.operand = placeInput0 + uint8(value)
	}
}

// passes reports whether a value that was just made needs no slot: the next operation takes it from the accumulator and nothing else reads it.
func (g *generator) passes(value int) bool {
	if g.reads[value] == 0 {
		return true
	}
	next := value + 1 - len(g.inputs)
	for next < len(g.operations) && !g.live[len(g.inputs)+next] {
		next++
	}
	if next == len(g.operations) {
		return false
	}
	o, reads := g.operations[next], 0
	for i, argument := range o.args {
		if argument == value && (i == 0 || i == 1 && (o.commutative || o.args[0] == value)) {
			reads++
		}
	}
	return reads == g.reads[value]
}

// take gives a value a slot.
func (g *generator) take(value int) uint8 {
	if len(g.free) == 0 {
		g.free = append(g.free, uint8(g.slots))
		g.slots++
	}
	slot := g.free[len(g.free)-1]
	g.free = g.free[:len(g.free)-1]
	g.slot[value] = int(slot)
	return slot
}

// release counts a read, and gives the slot back after the last one.
func (g *generator) release(value int) {
	g.reads[value]--
	if g.reads[value] == 0 && g.slot[value] >= 0 {
		g.free = append(g.free, uint8(g.slot[value]))
		g.slot[value] = -1
	}
}
