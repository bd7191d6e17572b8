package op

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// The table: one line an operator. Versions are those of the operator set that a model imports. Columns:
// name, oldest version, inputs, outputs, attributes, Infer, Batch, Cost, ShapeInputs.

// Newest operator-set versions that the table describes.
const (
	newestONNX  = 28
	newestML    = 4
	newestFused = 28 // nodes that passes make carry the version of the node that they replace
)

// count is a range of inputs or outputs.
type count [2]int

func onnx(name string, oldest int, in, out count, attributes string, infer inferFunc, batch batchFunc, cost costFunc, shapeInputs ...int) Operator {
	return Operator{graph.DomainONNX, name, oldest, newestONNX, in[0], in[1], out[0], out[1], attributes, infer, batch, shapeInputs, cost}
}

func ml(name string, oldest int, out count, attributes string, infer inferFunc, batch batchFunc, cost costFunc) Operator {
	return Operator{graph.DomainML, name, oldest, newestML, 1, 1, out[0], out[1], attributes, infer, batch, nil, cost}
}

func fused(name string, in, out count, attributes string, infer inferFunc, batch batchFunc, cost costFunc) Operator {
	return Operator{graph.DomainFused, name, 0, newestFused, in[0], in[1], out[0], out[1], attributes, infer, batch, nil, cost}
}

func onnxOperators() []Operator {
	return slices.Concat(elementwiseOperators(), tensorOperators(), quantizedOperators())
}

func elementwiseOperators() []Operator {
	return []Operator{
		onnx("Abs", 6, count{1, 1}, count{1, 1}, "", inferUnary(numeric), batchKeep, nil),
		onnx("Acos", 7, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Acosh", 9, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Add", 7, count{2, 2}, count{1, 1}, "", inferArithmetic(numeric, addDims, addAffine), batchElementwise, nil),
		onnx("And", 7, count{2, 2}, count{1, 1}, "", inferCompare(boolean), batchElementwise, nil),
		onnx("Asin", 7, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Asinh", 9, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Atan", 7, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Atanh", 9, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("BitwiseAnd", 18, count{2, 2}, count{1, 1}, "", inferBroadcast(integral), batchElementwise, nil),
		onnx("BitwiseOr", 18, count{2, 2}, count{1, 1}, "", inferBroadcast(integral), batchElementwise, nil),
		onnx("BitwiseXor", 18, count{2, 2}, count{1, 1}, "", inferBroadcast(integral), batchElementwise, nil),
		onnx("Cast", 6, count{1, 1}, count{1, 1}, "to:int saturate:int round_mode:text", inferCast, batchKeep, nil),
		onnx("CastLike", 15, count{2, 2}, count{1, 1}, "saturate:int round_mode:text", inferCastLike, batchKeep, nil),
		onnx("Ceil", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Celu", 12, count{1, 1}, count{1, 1}, "alpha:float", inferUnary(floating), batchKeep, nil),
		onnx("Clip", 6, count{1, 3}, count{1, 1}, "", inferClip, batchElementwise, nil),
		onnx("Cos", 7, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Cosh", 9, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Div", 7, count{2, 2}, count{1, 1}, "", inferArithmetic(numeric, divDims, nil), batchElementwise, nil),
		onnx("Elu", 6, count{1, 1}, count{1, 1}, "alpha:float", inferUnary(floating), batchKeep, nil),
		onnx("Equal", 7, count{2, 2}, count{1, 1}, "", inferCompare(anyType), batchElementwise, nil),
		onnx("Erf", 9, count{1, 1}, count{1, 1}, "", inferUnary(numeric), batchKeep, nil),
		onnx("Exp", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Floor", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Gelu", 20, count{1, 1}, count{1, 1}, "approximate:text", inferUnary(floating), batchKeep, nil),
		onnx("Greater", 7, count{2, 2}, count{1, 1}, "", inferCompare(numeric), batchElementwise, nil),
		onnx("GreaterOrEqual", 12, count{2, 2}, count{1, 1}, "", inferCompare(numeric), batchElementwise, nil),
		onnx("HardSigmoid", 6, count{1, 1}, count{1, 1}, "alpha:float beta:float", inferUnary(floating), batchKeep, nil),
		onnx("HardSwish", 14, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Identity", 1, count{1, 1}, count{1, 1}, "", inferIdentity, batchKeep, nil),
		onnx("IsInf", 10, count{1, 1}, count{1, 1}, "detect_negative:int detect_positive:int", inferTest, batchKeep, nil),
		onnx("IsNaN", 9, count{1, 1}, count{1, 1}, "", inferTest, batchKeep, nil),
		onnx("LeakyRelu", 6, count{1, 1}, count{1, 1}, "alpha:float", inferUnary(floating), batchKeep, nil),
		onnx("Less", 7, count{2, 2}, count{1, 1}, "", inferCompare(numeric), batchElementwise, nil),
		onnx("LessOrEqual", 12, count{2, 2}, count{1, 1}, "", inferCompare(numeric), batchElementwise, nil),
		onnx("Log", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Max", 6, count{1, Variadic}, count{1, 1}, "", inferArithmetic(numeric, maxDims, nil), batchElementwise, nil),
		onnx("Mean", 6, count{1, Variadic}, count{1, 1}, "", inferBroadcast(floating), batchElementwise, nil),
		onnx("Min", 6, count{1, Variadic}, count{1, 1}, "", inferArithmetic(numeric, minDims, nil), batchElementwise, nil),
		onnx("Mish", 18, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Mod", 10, count{2, 2}, count{1, 1}, "fmod:int", inferArithmetic(numeric, modDims, nil), batchElementwise, nil),
		onnx("Mul", 7, count{2, 2}, count{1, 1}, "", inferArithmetic(numeric, mulDims, mulAffine), batchElementwise, nil),
		onnx("Neg", 6, count{1, 1}, count{1, 1}, "", inferNeg, batchKeep, nil),
		onnx("Not", 1, count{1, 1}, count{1, 1}, "", inferUnary(boolean), batchKeep, nil),
		onnx("Or", 7, count{2, 2}, count{1, 1}, "", inferCompare(boolean), batchElementwise, nil),
		onnx("Pow", 7, count{2, 2}, count{1, 1}, "", inferPow, batchElementwise, nil),
		onnx("PRelu", 7, count{2, 2}, count{1, 1}, "", inferPRelu, batchElementwise, nil),
		onnx("Reciprocal", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Relu", 6, count{1, 1}, count{1, 1}, "", inferUnary(numeric), batchKeep, nil),
		onnx("Round", 11, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Selu", 6, count{1, 1}, count{1, 1}, "alpha:float gamma:float", inferUnary(floating), batchKeep, nil),
		onnx("Shrink", 9, count{1, 1}, count{1, 1}, "bias:float lambd:float", inferUnary(numeric), batchKeep, nil),
		onnx("Sigmoid", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Sign", 9, count{1, 1}, count{1, 1}, "", inferUnary(numeric), batchKeep, nil),
		onnx("Sin", 7, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Sinh", 9, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Softplus", 1, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Softsign", 1, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Sqrt", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Sub", 7, count{2, 2}, count{1, 1}, "", inferArithmetic(numeric, subDims, subAffine), batchElementwise, nil),
		onnx("Sum", 6, count{1, Variadic}, count{1, 1}, "", inferBroadcast(floating), batchElementwise, nil),
		onnx("Swish", 24, count{1, 1}, count{1, 1}, "alpha:float", inferUnary(floating), batchKeep, nil),
		onnx("Tan", 7, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("Tanh", 6, count{1, 1}, count{1, 1}, "", inferUnary(floating), batchKeep, nil),
		onnx("ThresholdedRelu", 10, count{1, 1}, count{1, 1}, "alpha:float", inferUnary(floating), batchKeep, nil),
		onnx("Where", 9, count{3, 3}, count{1, 1}, "", inferWhere, batchElementwise, nil),
		onnx("Xor", 7, count{2, 2}, count{1, 1}, "", inferCompare(boolean), batchElementwise, nil),
	}
}

// recurrentAttributes are those that LSTM, GRU and RNN share.
const recurrentAttributes = "activation_alpha:floats activation_beta:floats activations:texts clip:float direction:text " +
	"hidden_size:int layout:int "

// resizeAttributes are those of Resize, whose line would be too long with them.
const resizeAttributes = "antialias:int axes:ints coordinate_transformation_mode:text cubic_coeff_a:float exclude_outside:int " +
	"extrapolation_value:float keep_aspect_ratio_policy:text mode:text nearest_mode:text"

func tensorOperators() []Operator {
	return []Operator{
		onnx("ArgMax", 1, count{1, 1}, count{1, 1}, "axis:int keepdims:int select_last_index:int", inferArgReduce, batchArgReduce, costInput),
		onnx("ArgMin", 1, count{1, 1}, count{1, 1}, "axis:int keepdims:int select_last_index:int", inferArgReduce, batchArgReduce, costInput),
		onnx("AveragePool", 7, count{1, 1}, count{1, 1}, "auto_pad:text dilations:ints kernel_shape:ints pads:ints strides:ints ceil_mode:int count_include_pad:int", inferPool, batchFirst, costPool),
		onnx("BatchNormalization", 7, count{5, 5}, count{1, 1}, "epsilon:float", inferPerChannel, batchFirst, nil),
		onnx("Concat", 4, count{1, Variadic}, count{1, 1}, "axis:int", inferConcat, batchConcat, nil),
		onnx("ConstantOfShape", 9, count{1, 1}, count{1, 1}, "value:tensor", inferConstantOfShape, batchNever("its shape depends on the requests"), nil, 0),
		onnx("Conv", 1, count{2, 3}, count{1, 1}, convAttributes, inferConv, batchFirst, costConv),
		onnx("CumSum", 11, count{2, 2}, count{1, 1}, "exclusive:int reverse:int", inferCumSum, batchCumSum, nil, 1),
		onnx("Expand", 8, count{2, 2}, count{1, 1}, "", inferExpand, batchElementwise, nil, 1),
		onnx("Flatten", 1, count{1, 1}, count{1, 1}, "axis:int", inferFlatten, batchReshape, nil),
		onnx("Gather", 1, count{2, 2}, count{1, 1}, "axis:int", inferGather, batchGather, nil),
		onnx("Gemm", 7, count{2, 3}, count{1, 1}, "alpha:float beta:float transA:int transB:int", inferGemm, batchGemm, costGemm),
		onnx("GlobalAveragePool", 1, count{1, 1}, count{1, 1}, "", inferGlobalPool, batchFirst, costInput),
		onnx("GlobalMaxPool", 1, count{1, 1}, count{1, 1}, "", inferGlobalPool, batchFirst, costInput),
		onnx("GroupNormalization", 21, count{3, 3}, count{1, 1}, "epsilon:float num_groups:int stash_type:int", inferGroupNormalization, batchFirst, costNormalize),
		onnx("GRU", 7, count{3, 6}, count{1, 2}, recurrentAttributes+"linear_before_reset:int", inferRecurrent(3), batchRecurrent, costRecurrent),
		onnx("Hardmax", 1, count{1, 1}, count{1, 1}, "axis:int", inferAlongAxis(floating), batchAcross(-1), costInput),
		onnx("InstanceNormalization", 6, count{3, 3}, count{1, 1}, "epsilon:float", inferPerChannel, batchFirst, costNormalize),
		onnx("LayerNormalization", 17, count{2, 3}, count{1, 3}, "axis:int epsilon:float stash_type:int", inferLayerNormalization, batchLayerNormalization, costNormalize),
		onnx("LogSoftmax", 1, count{1, 1}, count{1, 1}, "axis:int", inferAlongAxis(floating), batchAcross(-1), costNormalize),
		onnx("LpNormalization", 1, count{1, 1}, count{1, 1}, "axis:int p:int", inferAlongAxis(floating), batchAcross(-1), costInput),
		onnx("LRN", 1, count{1, 1}, count{1, 1}, "alpha:float beta:float bias:float size:int", inferPerChannel, batchFirst, costNormalize),
		onnx("LSTM", 7, count{3, 8}, count{1, 3}, recurrentAttributes+"input_forget:int", inferRecurrent(4), batchRecurrent, costRecurrent),
		onnx("MatMul", 1, count{2, 2}, count{1, 1}, "", inferMatMul, batchMatMul, costMatMul),
		onnx("MaxPool", 1, count{1, 1}, count{1, 2}, "auto_pad:text dilations:ints kernel_shape:ints pads:ints strides:ints ceil_mode:int storage_order:int", inferPool, batchFirst, costPool),
		onnx("Pad", 2, count{2, 4}, count{1, 1}, "mode:text", inferPad, batchPad, nil, 1, 3),
		onnx("Range", 11, count{3, 3}, count{1, 1}, "", inferRange, batchNever("its length depends on the requests"), nil, 0, 1, 2),
		onnx("ReduceL1", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("ReduceL2", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("ReduceLogSum", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("ReduceLogSumExp", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("ReduceMax", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numericOrBool), batchReduce, costInput, 1),
		onnx("ReduceMean", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("ReduceMin", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numericOrBool), batchReduce, costInput, 1),
		onnx("ReduceProd", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduceProd, batchReduce, costInput, 1),
		onnx("ReduceSum", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("ReduceSumSquare", 1, count{1, 2}, count{1, 1}, "keepdims:int noop_with_empty_axes:int", inferReduce(numeric), batchReduce, costInput, 1),
		onnx("Reshape", 5, count{2, 2}, count{1, 1}, "allowzero:int", inferReshape, batchReshape, nil, 1),
		onnx("Resize", 10, count{1, 4}, count{1, 1}, resizeAttributes, inferResize, batchResize, costResize, 1, 2, 3),
		onnx("RMSNormalization", 23, count{2, 2}, count{1, 1}, "axis:int epsilon:float stash_type:int", inferLayerNormalization, batchLayerNormalization, costNormalize),
		onnx("RNN", 7, count{3, 6}, count{1, 2}, recurrentAttributes, inferRecurrent(1), batchRecurrent, costRecurrent),
		onnx("Shape", 1, count{1, 1}, count{1, 1}, "start:int end:int", inferShape, batchNever("a shape that is not known belongs to the whole batch"), nil),
		onnx("Size", 1, count{1, 1}, count{1, 1}, "", inferSize, batchNever("a shape that is not known belongs to the whole batch"), nil),
		onnx("Slice", 1, count{3, 5}, count{1, 1}, "", inferSlice, batchSlice, nil, 1, 2, 3, 4),
		onnx("Softmax", 1, count{1, 1}, count{1, 1}, "axis:int", inferAlongAxis(floating), batchAcross(-1), costNormalize),
		onnx("Split", 2, count{1, 2}, count{1, Variadic}, "axis:int num_outputs:int", inferSplit, batchAcross(0), nil, 1),
		onnx("Squeeze", 1, count{1, 2}, count{1, 1}, "", inferSqueeze, batchReshape, nil, 1),
		onnx("Tile", 6, count{2, 2}, count{1, 1}, "", inferTile, batchTile, nil, 1),
		onnx("TopK", 1, count{2, 2}, count{2, 2}, "axis:int largest:int sorted:int", inferTopK, batchAcross(-1), costInput, 1),
		onnx("Transpose", 1, count{1, 1}, count{1, 1}, "perm:ints", inferTranspose, batchTranspose, nil),
		onnx("Unsqueeze", 1, count{2, 2}, count{1, 1}, "", inferUnsqueeze, batchReshape, nil, 1),
	}
}

// convAttributes are those that all convolutions share.
const convAttributes = "auto_pad:text dilations:ints kernel_shape:ints pads:ints strides:ints group:int"

func quantizedOperators() []Operator {
	return []Operator{
		onnx("ConvInteger", 10, count{2, 4}, count{1, 1}, convAttributes, inferConvInteger, batchFirst, costConv),
		onnx("DequantizeLinear", 10, count{2, 3}, count{1, 1}, "axis:int block_size:int output_dtype:int", inferDequantizeLinear, batchQuantize, nil),
		onnx("DynamicQuantizeLinear", 11, count{1, 1}, count{3, 3}, "", inferDynamicQuantizeLinear, batchNever("its scale comes from all rows"), costDynamicQuantize),
		onnx("MatMulInteger", 10, count{2, 4}, count{1, 1}, "", inferMatMulInteger, batchMatMulInteger, costMatMul),
		onnx("QLinearConv", 10, count{8, 9}, count{1, 1}, convAttributes, inferQLinearConv, batchFirst, costConv),
		onnx("QLinearMatMul", 10, count{8, 8}, count{1, 1}, "", inferQLinearMatMul, batchQLinearMatMul, costMatMul),
		onnx("QuantizeLinear", 10, count{2, 3}, count{1, 1}, "axis:int block_size:int output_dtype:int precision:int saturate:int", inferQuantizeLinear, batchQuantize, nil),
	}
}

// treeAttributes are what both tree ensembles have.
const treeAttributes = "base_values:floats nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats " +
	"nodes_missing_value_tracks_true:ints nodes_modes:texts nodes_nodeids:ints nodes_treeids:ints nodes_truenodeids:ints " +
	"nodes_values:floats post_transform:text "

const (
	treeClassAttributes  = treeAttributes + "class_ids:ints class_nodeids:ints class_treeids:ints class_weights:floats classlabels_int64s:ints classlabels_strings:texts"
	treeTargetAttributes = treeAttributes + "aggregate_function:text n_targets:int target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats"
	linearAttributes     = "coefficients:floats intercepts:floats post_transform:text "
	encoderAttributes    = "default_float:float default_int64:int default_string:text default_tensor:tensor keys_floats:floats keys_int64s:ints " +
		"keys_strings:texts keys_tensor:tensor values_floats:floats values_int64s:ints values_strings:texts values_tensor:tensor"
)

func mlOperators() []Operator {
	return []Operator{
		ml("Binarizer", 1, count{1, 1}, "threshold:float", inferUnary(mlNumber), batchKeep, nil),
		ml("Imputer", 1, count{1, 1}, "imputed_value_floats:floats imputed_value_int64s:ints replaced_value_float:float replaced_value_int64:int", inferImputer, batchRows, nil),
		ml("LabelEncoder", 1, count{1, 1}, encoderAttributes, inferLabelEncoder, batchKeep, nil),
		ml("LinearClassifier", 1, count{1, 2}, linearAttributes+"classlabels_ints:ints classlabels_strings:texts multi_class:int", inferClassifier("classlabels_ints", linearClasses), batchRows, costCoefficients),
		ml("LinearRegressor", 1, count{1, 1}, linearAttributes+"targets:int", inferRows(linearTargets), batchRows, costCoefficients),
		ml("Normalizer", 1, count{1, 1}, "norm:text", inferNormalizer, batchRows, costNormalize),
		ml("OneHotEncoder", 1, count{1, 1}, "cats_int64s:ints cats_strings:texts zeros:int", inferOneHotEncoder, batchKeep, nil),
		ml("Scaler", 1, count{1, 1}, "offset:floats scale:floats", inferScaler, batchRows, nil),
		ml("TreeEnsembleClassifier", 1, count{1, 2}, treeClassAttributes, inferClassifier("classlabels_int64s", treeClasses), batchRows, costTrees),
		ml("TreeEnsembleRegressor", 1, count{1, 1}, treeTargetAttributes, inferRows(treeTargets), batchRows, costTrees),
	}
}

// activationAttributes are those of fused operators with an activation behind them; see fused.go.
const (
	activationAttributes = "activation:text activation_alpha:float activation_beta:float residual_after:int "
	windowAttributes     = "strides:ints pads:ints dilations:ints "
	poolAttributes       = windowAttributes + "kernel_shape:ints ceil_mode:int count_include_pad:int"
)

func fusedOperators() []Operator {
	return []Operator{
		fused(FusedLinear, count{2, 4}, count{1, 1}, activationAttributes+"transpose_b:int alpha:float tf32:int", inferFusedLinear, batchLinear, costFusedLinear),
		fused(FusedConv, count{2, 4}, count{1, 1}, activationAttributes+windowAttributes+"kernel_shape:ints group:int tf32:int", inferFusedConv, batchFirstOrResidual(3), costConv),
		fused(FusedQuantizedLinear, count{2, QuantizedInputs}, count{1, 1}, activationAttributes+"transpose_b:int output:int", inferFusedQuantizedLinear, batchQuantizedLinear, costFusedLinear),
		fused(FusedQuantizedConv, count{2, QuantizedInputs}, count{1, 1}, activationAttributes+windowAttributes+"kernel_shape:ints group:int output:int", inferFusedQuantizedConv, batchQuantizedConv, costConv),
		fused(FusedMaxPool, count{1, 1}, count{1, 1}, poolAttributes, inferFusedPool, batchFirst, costPool),
		fused(FusedAveragePool, count{1, 1}, count{1, 1}, poolAttributes, inferFusedPool, batchFirst, costPool),
		fused(FusedGlobalAveragePool, count{1, 1}, count{1, 1}, "", inferFusedGlobalPool, batchFirst, costInput),
		fused(FusedAttention, count{1, 4}, count{1, 1}, "heads:int scale:float packed:int tf32:int", inferFusedAttention, batchAttention, costAttention),
		fused(FusedLayerNormalization, count{1, 4}, count{1, 2}, "epsilon:float", inferFusedLayerNormalization, batchFusedNormalization, costNormalize),
		fused(FusedElementwise, count{1, Variadic}, count{1, 1}, "chain:chain", inferFusedElementwise, batchElementwise, costChain),
	}
}
