package cuda

// chainOp is an operator of the machine that runs chains; the numbers are those of elementwise_operators.cuh.
type chainOp uint8

const (
	chainCopy chainOp = iota
	chainNegate
	chainAbsolute
	chainRelu
	chainLeakyRelu
	chainSigmoid
	chainTanh
	chainExp
	chainLog
	chainSquareRoot
	chainReciprocal
	chainErf
	chainGelu
	chainGeluTanh
	chainHardSwish
	chainHardSigmoid
	chainClip
	chainSoftplus
	chainElu
	chainSilu
	chainFloor
	chainCeil
	chainRound
	chainSign
	chainSoftsign
	chainMish
	chainSwish
	chainCelu
	chainSelu
	chainThresholdedRelu
	chainShrink
	chainCube
	chainToHalf
	chainToBFloat
	chainAdd
	chainSubtract
	chainMultiply
	chainDivide
	chainMinimum
	chainMaximum
	chainPower
	chainPRelu
	chainEqual
	chainGreater
	chainGreaterOrEqual
	chainIsNaN
	chainIsInfinite
	chainNonZero
	chainIntegerAdd
	chainIntegerSubtract
	chainIntegerMultiply
	chainIntegerDivide
	chainIntegerMinimum
	chainIntegerMaximum
	chainIntegerNegate
	chainIntegerAbsolute
	chainIntegerModulo
	chainIntegerRemainder
	chainAnd
	chainOr
	chainXor
	chainNarrowInt8
	chainNarrowUint8
	chainNarrowInt32
	chainIntegerEqual
	chainIntegerGreater
	chainIntegerGreaterOrEqual
	chainIntegerNonZero
	chainNot
	chainWhere
	chainFloatToInteger
	chainIntegerToFloat
	chainNothing // no operator: there is none for the type
	// The operators from here on have a kernel of their own, functions.cu, and are not for chains of several.
	chainSin
	chainCos
	chainTan
	chainAsin
	chainAcos
	chainAtan
	chainSinh
	chainCosh
	chainAsinh
	chainAcosh
	chainAtanh
)

// elementwiseOperator says how an operator is done for each kind of argument.
type elementwiseOperator struct {
	arity                 int
	float, integer, truth chainOp // of floats, integers and bool
	boolean, swapped      bool    // the result is bool; the arguments change their places
	flop                  int64   // of an element, about
	commutative           bool    // the arguments may change their places
}

const none = chainNothing

// elementwiseOperators lists the operators by the names that ONNX gives them. Beside there are Silu, x sigmoid(x), GeluTanh, Gelu with approximate = tanh,
// and Remainder, Mod with fmod = 1.
var elementwiseOperators = map[string]elementwiseOperator{
	"Identity":        {arity: 1, float: chainCopy, integer: chainCopy, truth: chainCopy},
	"Neg":             {arity: 1, float: chainNegate, integer: chainIntegerNegate, truth: none, flop: 1},
	"Abs":             {arity: 1, float: chainAbsolute, integer: chainIntegerAbsolute, truth: none, flop: 1},
	"Relu":            {arity: 1, float: chainRelu, integer: none, truth: none, flop: 1},
	"LeakyRelu":       {arity: 1, float: chainLeakyRelu, integer: none, truth: none, flop: 2},
	"Sigmoid":         {arity: 1, float: chainSigmoid, integer: none, truth: none, flop: 10},
	"Tanh":            {arity: 1, float: chainTanh, integer: none, truth: none, flop: 15},
	"Exp":             {arity: 1, float: chainExp, integer: none, truth: none, flop: 8},
	"Log":             {arity: 1, float: chainLog, integer: none, truth: none, flop: 12},
	"Sqrt":            {arity: 1, float: chainSquareRoot, integer: none, truth: none, flop: 4},
	"Reciprocal":      {arity: 1, float: chainReciprocal, integer: none, truth: none, flop: 4},
	"Erf":             {arity: 1, float: chainErf, integer: none, truth: none, flop: 20},
	"Gelu":            {arity: 1, float: chainGelu, integer: none, truth: none, flop: 23},
	"GeluTanh":        {arity: 1, float: chainGeluTanh, integer: none, truth: none, flop: 15},
	"HardSwish":       {arity: 1, float: chainHardSwish, integer: none, truth: none, flop: 5},
	"HardSigmoid":     {arity: 1, float: chainHardSigmoid, integer: none, truth: none, flop: 4},
	"Clip":            {arity: 1, float: chainClip, integer: none, truth: none, flop: 2},
	"Softplus":        {arity: 1, float: chainSoftplus, integer: none, truth: none, flop: 25},
	"Elu":             {arity: 1, float: chainElu, integer: none, truth: none, flop: 12},
	"Silu":            {arity: 1, float: chainSilu, integer: none, truth: none, flop: 11},
	"Floor":           {arity: 1, float: chainFloor, integer: none, truth: none, flop: 1},
	"Ceil":            {arity: 1, float: chainCeil, integer: none, truth: none, flop: 1},
	"Round":           {arity: 1, float: chainRound, integer: none, truth: none, flop: 1},
	"Sign":            {arity: 1, float: chainSign, integer: none, truth: none, flop: 2},
	"Softsign":        {arity: 1, float: chainSoftsign, integer: none, truth: none, flop: 6},
	"Mish":            {arity: 1, float: chainMish, integer: none, truth: none, flop: 40},
	"Swish":           {arity: 1, float: chainSwish, integer: none, truth: none, flop: 12},
	"Celu":            {arity: 1, float: chainCelu, integer: none, truth: none, flop: 16},
	"Selu":            {arity: 1, float: chainSelu, integer: none, truth: none, flop: 13},
	"ThresholdedRelu": {arity: 1, float: chainThresholdedRelu, integer: none, truth: none, flop: 1},
	"Shrink":          {arity: 1, float: chainShrink, integer: none, truth: none, flop: 3},
	"IsInf":           {arity: 1, float: chainIsInfinite, integer: none, truth: none, boolean: true, flop: 2},
	"IsNaN":           {arity: 1, float: chainIsNaN, integer: none, truth: none, boolean: true, flop: 1},
	"Not":             {arity: 1, float: none, integer: none, truth: chainNot, boolean: true, flop: 1},
	"Add":             {arity: 2, float: chainAdd, integer: chainIntegerAdd, truth: none, flop: 1, commutative: true},
	"Sub":             {arity: 2, float: chainSubtract, integer: chainIntegerSubtract, truth: none, flop: 1},
	"Mul":             {arity: 2, float: chainMultiply, integer: chainIntegerMultiply, truth: none, flop: 1, commutative: true},
	"Div":             {arity: 2, float: chainDivide, integer: chainIntegerDivide, truth: none, flop: 5},
	"Min":             {arity: 2, float: chainMinimum, integer: chainIntegerMinimum, truth: none, flop: 2},
	"Max":             {arity: 2, float: chainMaximum, integer: chainIntegerMaximum, truth: none, flop: 2},
	"Pow":             {arity: 2, float: chainPower, integer: none, truth: none, flop: 60},
	"PRelu":           {arity: 2, float: chainPRelu, integer: none, truth: none, flop: 2},
	"Equal":           {arity: 2, float: chainEqual, integer: chainIntegerEqual, truth: chainIntegerEqual, boolean: true, flop: 1, commutative: true},
	"Greater":         {arity: 2, float: chainGreater, integer: chainIntegerGreater, truth: none, boolean: true, flop: 1},
	"GreaterOrEqual":  {arity: 2, float: chainGreaterOrEqual, integer: chainIntegerGreaterOrEqual, truth: none, boolean: true, flop: 1},
	"Less":            {arity: 2, float: chainGreater, integer: chainIntegerGreater, truth: none, boolean: true, swapped: true, flop: 1},
	"LessOrEqual":     {arity: 2, float: chainGreaterOrEqual, integer: chainIntegerGreaterOrEqual, truth: none, boolean: true, swapped: true, flop: 1},
	"And":             {arity: 2, float: none, integer: none, truth: chainAnd, boolean: true, flop: 1, commutative: true},
	"Or":              {arity: 2, float: none, integer: none, truth: chainOr, boolean: true, flop: 1, commutative: true},
	"Xor":             {arity: 2, float: none, integer: none, truth: chainXor, boolean: true, flop: 1, commutative: true},
	"Mod":             {arity: 2, float: none, integer: chainIntegerModulo, truth: none, flop: 8},
	"Remainder":       {arity: 2, float: none, integer: chainIntegerRemainder, truth: none, flop: 8},
	"BitwiseAnd":      {arity: 2, float: none, integer: chainAnd, truth: none, flop: 1, commutative: true},
	"BitwiseOr":       {arity: 2, float: none, integer: chainOr, truth: none, flop: 1, commutative: true},
	"BitwiseXor":      {arity: 2, float: none, integer: chainXor, truth: none, flop: 1, commutative: true},
	"Sin":             {arity: 1, float: chainSin, integer: none, truth: none, flop: 20},
	"Cos":             {arity: 1, float: chainCos, integer: none, truth: none, flop: 20},
	"Tan":             {arity: 1, float: chainTan, integer: none, truth: none, flop: 20},
	"Asin":            {arity: 1, float: chainAsin, integer: none, truth: none, flop: 20},
	"Acos":            {arity: 1, float: chainAcos, integer: none, truth: none, flop: 20},
	"Atan":            {arity: 1, float: chainAtan, integer: none, truth: none, flop: 20},
	"Sinh":            {arity: 1, float: chainSinh, integer: none, truth: none, flop: 20},
	"Cosh":            {arity: 1, float: chainCosh, integer: none, truth: none, flop: 20},
	"Asinh":           {arity: 1, float: chainAsinh, integer: none, truth: none, flop: 20},
	"Acosh":           {arity: 1, float: chainAcosh, integer: none, truth: none, flop: 20},
	"Atanh":           {arity: 1, float: chainAtanh, integer: none, truth: none, flop: 20},
	"Where":           {arity: 3, float: chainWhere, integer: chainWhere, truth: chainWhere, flop: 1},
	"Cast":            {arity: 1, float: chainCopy, integer: chainCopy, truth: chainCopy, flop: 1},
}
