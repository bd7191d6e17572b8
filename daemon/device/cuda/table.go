//go:build cuda

package cuda

import "github.com/inferd/inferd/daemon/compiler/graph"

// operatorKey names an operator.
type operatorKey struct{ domain, op string }

// selectors lists every operator that has a CUDA kernel.
var selectors = map[operatorKey]selector{
	{graph.DomainONNX, "Add"}:             selectElementwise,
	{graph.DomainONNX, "Sub"}:             selectElementwise,
	{graph.DomainONNX, "Mul"}:             selectElementwise,
	{graph.DomainONNX, "Div"}:             selectElementwise,
	{graph.DomainONNX, "Min"}:             selectElementwise,
	{graph.DomainONNX, "Max"}:             selectElementwise,
	{graph.DomainONNX, "Pow"}:             selectElementwise,
	{graph.DomainONNX, "PRelu"}:           selectElementwise,
	{graph.DomainONNX, "Neg"}:             selectElementwise,
	{graph.DomainONNX, "Abs"}:             selectElementwise,
	{graph.DomainONNX, "Relu"}:            selectElementwise,
	{graph.DomainONNX, "LeakyRelu"}:       selectElementwise,
	{graph.DomainONNX, "Sigmoid"}:         selectElementwise,
	{graph.DomainONNX, "Tanh"}:            selectElementwise,
	{graph.DomainONNX, "Exp"}:             selectElementwise,
	{graph.DomainONNX, "Log"}:             selectElementwise,
	{graph.DomainONNX, "Sqrt"}:            selectElementwise,
	{graph.DomainONNX, "Reciprocal"}:      selectElementwise,
	{graph.DomainONNX, "Erf"}:             selectElementwise,
	{graph.DomainONNX, "Gelu"}:            selectElementwise,
	{graph.DomainONNX, "HardSwish"}:       selectElementwise,
	{graph.DomainONNX, "HardSigmoid"}:     selectElementwise,
	{graph.DomainONNX, "Clip"}:            selectElementwise,
	{graph.DomainONNX, "Softplus"}:        selectElementwise,
	{graph.DomainONNX, "Softsign"}:        selectElementwise,
	{graph.DomainONNX, "Mish"}:            selectElementwise,
	{graph.DomainONNX, "Elu"}:             selectElementwise,
	{graph.DomainONNX, "Floor"}:           selectElementwise,
	{graph.DomainONNX, "Ceil"}:            selectElementwise,
	{graph.DomainONNX, "Round"}:           selectElementwise,
	{graph.DomainONNX, "Sign"}:            selectElementwise,
	{graph.DomainONNX, "IsNaN"}:           selectElementwise,
	{graph.DomainONNX, "Equal"}:           selectElementwise,
	{graph.DomainONNX, "Less"}:            selectElementwise,
	{graph.DomainONNX, "LessOrEqual"}:     selectElementwise,
	{graph.DomainONNX, "Greater"}:         selectElementwise,
	{graph.DomainONNX, "GreaterOrEqual"}:  selectElementwise,
	{graph.DomainONNX, "And"}:             selectElementwise,
	{graph.DomainONNX, "Or"}:              selectElementwise,
	{graph.DomainONNX, "Xor"}:             selectElementwise,
	{graph.DomainONNX, "Not"}:             selectElementwise,
	{graph.DomainONNX, "BitwiseAnd"}:      selectElementwise,
	{graph.DomainONNX, "BitwiseOr"}:       selectElementwise,
	{graph.DomainONNX, "BitwiseXor"}:      selectElementwise,
	{graph.DomainONNX, "Where"}:           selectElementwise,
	{graph.DomainONNX, "CastLike"}:        selectElementwise,
	{graph.DomainONNX, "Celu"}:            selectElementwise,
	{graph.DomainONNX, "Swish"}:           selectElementwise,
	{graph.DomainONNX, "ThresholdedRelu"}: selectElementwise,
	{graph.DomainONNX, "Selu"}:            selectElementwise,
	{graph.DomainONNX, "Shrink"}:          selectElementwise,
	{graph.DomainONNX, "IsInf"}:           selectElementwise,
	{graph.DomainONNX, "Sum"}:             selectElementwise,
	{graph.DomainONNX, "Mod"}:             selectElementwise,
	{graph.DomainONNX, "Cast"}:            selectElementwise,

	{graph.DomainFused, "Elementwise"}: selectElementwise,

	{graph.DomainONNX, "Softmax"}:    selectSoftmax,
	{graph.DomainONNX, "LogSoftmax"}: selectSoftmax,
}
