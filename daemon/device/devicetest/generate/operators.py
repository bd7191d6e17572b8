"""The operators that cases are made for, and which of their inputs are constants in real models."""

_ONNX = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitwiseAnd BitwiseOr BitwiseXor Cast CastLike
    Ceil Celu Clip Concat Constant ConstantOfShape Conv Cos Cosh CumSum Div Dropout Elu Equal Erf Exp Expand Flatten Floor GRU Gather Gelu
    Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Hardmax Identity
    InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul Max
    MaxPool Mean Min Mish Mod Mul Neg Not Or PRelu Pad Pow RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round Selu Shape Shrink Sigmoid Sign
    Sin Sinh Size Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Unsqueeze Where
    Xor Resize Upsample
"""

_QUANTIZED = "ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul QuantizeLinear"

_ML = "Binarizer Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder Scaler TreeEnsembleClassifier TreeEnsembleRegressor"

OPERATORS = {("", name) for name in (_ONNX + _QUANTIZED).split()} | {("ai.onnx.ml", name) for name in _ML.split()}

# Inputs that decide the shape of an output: always constant here, since shapes must be known when a program is made.
SHAPE_INPUTS = {
    ("", name): indices
    for indices, names in {
        (0,): "ConstantOfShape",
        (0, 1, 2): "Range",
        (1,): "CumSum Expand Reshape Split Squeeze Tile TopK Unsqueeze Upsample ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean "
        "ReduceMin ReduceProd ReduceSum ReduceSumSquare",
        (1, 2, 3): "Pad Resize",
        (1, 2, 3, 4): "Slice",
    }.items()
    for name in names.split()
}

# Inputs that are weights: the cases come with them as inputs and as constants.
WEIGHT_INPUTS = {
    ("", name): indices
    for indices, names in {
        (1,): "Add Div MatMul Mul PRelu Pow Sub",
        (1, 2): "Clip Conv DequantizeLinear Gemm GroupNormalization InstanceNormalization LayerNormalization QuantizeLinear RMSNormalization",
        (1, 2, 3): "GRU RNN",
        (1, 2, 3, 4): "BatchNormalization",
        (1, 2, 3, 7): "LSTM",
        (1, 3): "ConvInteger MatMulInteger",
        (1, 2, 3, 4, 5, 6, 7): "QLinearMatMul",
        (1, 2, 3, 4, 5, 6, 7, 8): "QLinearConv",
    }.items()
    for name in names.split()
}
