package reference

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// name is an operator's domain and name.
type name struct{ domain, op string }

// table lists every operator of the device.
var table = map[name]operator{
	// elementwise arithmetic
	{graph.DomainONNX, "Add"}:        arithmetic(addition),
	{graph.DomainONNX, "Sub"}:        arithmetic(subtraction),
	{graph.DomainONNX, "Mul"}:        arithmetic(multiplication),
	{graph.DomainONNX, "Div"}:        arithmetic(division),
	{graph.DomainONNX, "Max"}:        arithmetic(maximum),
	{graph.DomainONNX, "Min"}:        arithmetic(minimum),
	{graph.DomainONNX, "Sum"}:        arithmetic(addition),
	{graph.DomainONNX, "Mean"}:       mean,
	{graph.DomainONNX, "Mod"}:        mod,
	{graph.DomainONNX, "Pow"}:        power,
	{graph.DomainONNX, "Clip"}:       clip,
	{graph.DomainONNX, "PRelu"}:      parametricRelu,
	{graph.DomainONNX, "BitwiseAnd"}: arithmetic(bitAnd),
	{graph.DomainONNX, "BitwiseOr"}:  arithmetic(bitOr),
	{graph.DomainONNX, "BitwiseXor"}: arithmetic(bitXor),

	// comparison and logic
	{graph.DomainONNX, "Equal"}:          relate(equal),
	{graph.DomainONNX, "Less"}:           relate(less),
	{graph.DomainONNX, "LessOrEqual"}:    relate(lessOrEqual),
	{graph.DomainONNX, "Greater"}:        relate(greater),
	{graph.DomainONNX, "GreaterOrEqual"}: relate(greaterOrEqual),
	{graph.DomainONNX, "And"}:            logical(and),
	{graph.DomainONNX, "Or"}:             logical(or),
	{graph.DomainONNX, "Xor"}:            logical(xor),
	{graph.DomainONNX, "Not"}:            not,
	{graph.DomainONNX, "IsNaN"}:          classify(isNaN),
	{graph.DomainONNX, "IsInf"}:          classify(isInf),
	{graph.DomainONNX, "Where"}:          where,

	// elementwise functions
	{graph.DomainONNX, "Abs"}:             signed(math.Abs, absoluteInteger),
	{graph.DomainONNX, "Neg"}:             signed(negate, func(x int64) int64 { return -x }),
	{graph.DomainONNX, "Sign"}:            signed(sign, func(x int64) int64 { return max(min(x, 1), -1) }),
	{graph.DomainONNX, "Relu"}:            signed(relu, func(x int64) int64 { return max(x, 0) }),
	{graph.DomainONNX, "Exp"}:             unary(math.Exp),
	{graph.DomainONNX, "Log"}:             unary(math.Log),
	{graph.DomainONNX, "Sqrt"}:            unary(math.Sqrt),
	{graph.DomainONNX, "Reciprocal"}:      unary(reciprocal),
	{graph.DomainONNX, "Floor"}:           unary(math.Floor),
	{graph.DomainONNX, "Ceil"}:            unary(math.Ceil),
	{graph.DomainONNX, "Round"}:           unary(math.RoundToEven),
	{graph.DomainONNX, "Erf"}:             unary(math.Erf),
	{graph.DomainONNX, "Sin"}:             unary(math.Sin),
	{graph.DomainONNX, "Cos"}:             unary(math.Cos),
	{graph.DomainONNX, "Tan"}:             unary(math.Tan),
	{graph.DomainONNX, "Asin"}:            unary(math.Asin),
	{graph.DomainONNX, "Acos"}:            unary(math.Acos),
	{graph.DomainONNX, "Atan"}:            unary(math.Atan),
	{graph.DomainONNX, "Sinh"}:            unary(math.Sinh),
	{graph.DomainONNX, "Cosh"}:            unary(math.Cosh),
	{graph.DomainONNX, "Tanh"}:            unary(math.Tanh),
	{graph.DomainONNX, "Asinh"}:           unary(math.Asinh),
	{graph.DomainONNX, "Acosh"}:           unary(math.Acosh),
	{graph.DomainONNX, "Atanh"}:           unary(math.Atanh),
	{graph.DomainONNX, "Sigmoid"}:         unary(sigmoid),
	{graph.DomainONNX, "Softplus"}:        unary(softplus),
	{graph.DomainONNX, "Softsign"}:        unary(softsign),
	{graph.DomainONNX, "Mish"}:            unary(mish),
	{graph.DomainONNX, "HardSwish"}:       unary(hardSwish),
	{graph.DomainONNX, "HardSigmoid"}:     parametric(0.2, 0.5, hardSigmoid),
	{graph.DomainONNX, "LeakyRelu"}:       parametric(0.01, 0, leakyRelu),
	{graph.DomainONNX, "Elu"}:             parametric(1, 0, elu),
	{graph.DomainONNX, "Celu"}:            parametric(1, 0, celu),
	{graph.DomainONNX, "Swish"}:           parametric(1, 0, swish),
	{graph.DomainONNX, "ThresholdedRelu"}: parametric(1, 0, thresholdedRelu),
	{graph.DomainONNX, "Selu"}:            selu,
	{graph.DomainONNX, "Shrink"}:          shrink,
	{graph.DomainONNX, "Gelu"}:            gelu,
	{graph.DomainONNX, "Identity"}:        identity,
	{graph.DomainONNX, "Dropout"}:         dropout,
	{graph.DomainONNX, "Cast"}:            cast,
	{graph.DomainONNX, "CastLike"}:        castLike,

	// shapes and constants
	{graph.DomainONNX, "Reshape"}:         reshape,
	{graph.DomainONNX, "Flatten"}:         flatten,
	{graph.DomainONNX, "Squeeze"}:         squeeze,
	{graph.DomainONNX, "Unsqueeze"}:       unsqueeze,
	{graph.DomainONNX, "Shape"}:           shapeOf,
	{graph.DomainONNX, "Size"}:            sizeOf,
	{graph.DomainONNX, "Constant"}:        constant,
	{graph.DomainONNX, "ConstantOfShape"}: constantOfShape,
	{graph.DomainONNX, "Range"}:           rangeOf,
	{graph.DomainONNX, "Expand"}:          expand,

	// data movement
	{graph.DomainONNX, "Transpose"}: transpose,
	{graph.DomainONNX, "Concat"}:    concat,
	{graph.DomainONNX, "Split"}:     split,
	{graph.DomainONNX, "Slice"}:     slice,
	{graph.DomainONNX, "Gather"}:    gather,
	{graph.DomainONNX, "Tile"}:      tile,
	{graph.DomainONNX, "Pad"}:       pad,
	{graph.DomainONNX, "Resize"}:    resize,

	// products
	{graph.DomainONNX, "MatMul"}: matmul,
	{graph.DomainONNX, "Gemm"}:   gemm,
	{graph.DomainONNX, "Conv"}:   conv,

	// quantisation
	{graph.DomainONNX, "QuantizeLinear"}:        quantizeLinear,
	{graph.DomainONNX, "DequantizeLinear"}:      dequantizeLinear,
	{graph.DomainONNX, "DynamicQuantizeLinear"}: dynamicQuantizeLinear,
	{graph.DomainONNX, "MatMulInteger"}:         matmulInteger,
	{graph.DomainONNX, "QLinearMatMul"}:         quantizedMatmul,
	{graph.DomainONNX, "ConvInteger"}:           convInteger,
	{graph.DomainONNX, "QLinearConv"}:           quantizedConv,

	// pooling
	{graph.DomainONNX, "MaxPool"}:           maxPool,
	{graph.DomainONNX, "AveragePool"}:       averagePool,
	{graph.DomainONNX, "GlobalAveragePool"}: globalPool(average),
	{graph.DomainONNX, "GlobalMaxPool"}:     globalPool(largest),

	// normalisation
	{graph.DomainONNX, "Softmax"}:               alongAxis(-1, softmax),
	{graph.DomainONNX, "LogSoftmax"}:            alongAxis(-1, logSoftmax),
	{graph.DomainONNX, "Hardmax"}:               alongAxis(-1, hardmax),
	{graph.DomainONNX, "LayerNormalization"}:    layerNormalization,
	{graph.DomainONNX, "RMSNormalization"}:      rmsNormalization,
	{graph.DomainONNX, "BatchNormalization"}:    batchNormalization,
	{graph.DomainONNX, "InstanceNormalization"}: instanceNormalization,
	{graph.DomainONNX, "GroupNormalization"}:    groupNormalization,
	{graph.DomainONNX, "LpNormalization"}:       lpNormalization,
	{graph.DomainONNX, "LRN"}:                   localResponseNormalization,

	// reduction
	{graph.DomainONNX, "ReduceSum"}:       reducer(reduceSum),
	{graph.DomainONNX, "ReduceMean"}:      reducer(reduceMean),
	{graph.DomainONNX, "ReduceMax"}:       reducer(reduceMax),
	{graph.DomainONNX, "ReduceMin"}:       reducer(reduceMin),
	{graph.DomainONNX, "ReduceProd"}:      reducer(reduceProd),
	{graph.DomainONNX, "ReduceL1"}:        reducer(reduceL1),
	{graph.DomainONNX, "ReduceL2"}:        reducer(reduceL2),
	{graph.DomainONNX, "ReduceSumSquare"}: reducer(reduceSumSquare),
	{graph.DomainONNX, "ReduceLogSum"}:    reducer(reduceLogSum),
	{graph.DomainONNX, "ReduceLogSumExp"}: reduceLogSumExp,
	{graph.DomainONNX, "ArgMax"}:          argument(larger),
	{graph.DomainONNX, "ArgMin"}:          argument(smaller),
	{graph.DomainONNX, "CumSum"}:          cumulativeSum,
	{graph.DomainONNX, "TopK"}:            topK,

	// recurrence
	{graph.DomainONNX, "LSTM"}: lstm,
	{graph.DomainONNX, "GRU"}:  gru,
	{graph.DomainONNX, "RNN"}:  rnn,

	// classical machine learning
	{graph.DomainML, "Binarizer"}:              binarizer,
	{graph.DomainML, "Imputer"}:                imputer,
	{graph.DomainML, "LabelEncoder"}:           labelEncoder,
	{graph.DomainML, "LinearClassifier"}:       linearClassifier,
	{graph.DomainML, "LinearRegressor"}:        linearRegressor,
	{graph.DomainML, "Normalizer"}:             normalizer,
	{graph.DomainML, "OneHotEncoder"}:          oneHotEncoder,
	{graph.DomainML, "Scaler"}:                 scaler,
	{graph.DomainML, "TreeEnsembleClassifier"}: treeEnsembleClassifier,
	{graph.DomainML, "TreeEnsembleRegressor"}:  treeEnsembleRegressor,
}

// Operator names an operator that the device runs.
type Operator struct{ Domain, Name string }

// Operators lists the operators that the device runs, sorted.
func Operators() []Operator {
	list := make([]Operator, 0, len(table))
	for key := range maps.Keys(table) {
		list = append(list, Operator{key.domain, key.op})
	}
	slices.SortFunc(list, func(a, b Operator) int {
		if a.Domain != b.Domain {
			return strings.Compare(a.Domain, b.Domain)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}
