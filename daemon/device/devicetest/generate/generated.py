"""Cases beside those of the package onnx: odd sizes, broadcasting, special values, attributes and old operator sets.

Each is (name, model, inputs, tolerance); the expected outputs are what onnxruntime computes.
"""

import itertools

import numpy
from onnx import helper

import generated_ml
import generated_quantize
import generated_resize
from build import floats, ints, single, special

SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 257)


def cases():
    yield from elementwise()
    yield from comparisons()
    yield from products()
    yield from convolutions()
    yield from pools()
    yield from normalizations()
    yield from reductions()
    yield from movements()
    yield from recurrences()
    yield from old_versions()
    yield from generated_ml.cases()
    yield from generated_quantize.cases()
    yield from generated_resize.cases()


def elementwise():
    functions = """Abs Ceil Cos Erf Exp Floor HardSigmoid HardSwish LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus
        Softsign Sqrt Tanh Elu Celu ThresholdedRelu Identity Gelu""".split()
    for op in functions:
        x = special()
        if op in ("Gelu", "HardSwish"):
            x = x[~numpy.isneginf(x)]  # NaN by the formula, 0 by the limit
        yield single(f"{op.lower()}_special", op, [x])
        for size in (1, 7, 8, 16, 33):
            yield single(f"{op.lower()}_{size}", op, [floats(3, size, scale=3)])
        yield single(f"{op.lower()}_wide", op, [numpy.linspace(-100, 100, 401, dtype=numpy.float32)])
    yield single("gelu_tanh_wide", "Gelu", [numpy.linspace(-20, 20, 201, dtype=numpy.float32)], approximate="tanh")
    for alpha, beta in ((0.1, 0.3), (1 / 6, 0.5)):
        yield single(f"hardsigmoid_{alpha:.1f}", "HardSigmoid", [floats(5, 13, scale=4)], alpha=alpha, beta=beta)
    yield single("leakyrelu_alpha", "LeakyRelu", [floats(5, 13)], alpha=0.3)
    shapes = [((3, 5), (5,)), ((3, 5), (3, 1)), ((3, 5), ()), ((1, 5), (3, 1)), ((2, 3, 4, 5), (3, 1, 1)), ((2, 1, 4, 1), (1, 3, 1, 5)), ((0, 3), (1, 3))]
    for op in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"):
        for number, (a, b) in enumerate(shapes):
            yield single(f"{op.lower()}_broadcast_{number}", op, [numpy.abs(floats(*a)) + 0.5, numpy.abs(floats(*b)) + 0.5])
            yield single(f"{op.lower()}_broadcast_{number}_swapped", op, [numpy.abs(floats(*b)) + 0.5, numpy.abs(floats(*a)) + 0.5])
        pairs = numpy.array(list(itertools.product(special()[:10], repeat=2)), dtype=numpy.float32)
        if op not in ("Max", "Min"):  # onnxruntime's choice between NaN and a number depends on the position there
            yield single(f"{op.lower()}_special", op, [pairs[:, 0].copy(), pairs[:, 1].copy()])
    for op in ("Add", "Sub", "Mul", "Div"):
        for size in SIZES:
            yield single(f"{op.lower()}_{size}", op, [floats(2, size), floats(2, size) + 3])
        for dtype in (numpy.int32, numpy.int64, numpy.float64):
            yield single(f"{op.lower()}_{numpy.dtype(dtype).name}", op, [ints(-50, 50, 4, 6).astype(dtype), ints(1, 9, 4, 6).astype(dtype)])
    yield single("max_three", "Max", [floats(3, 5), floats(5), floats(3, 1)])
    yield single("sum_three", "Sum", [floats(3, 5), floats(5), floats(3, 1)])
    for target in (numpy.float32, numpy.float64, numpy.int32, numpy.int64, numpy.uint8, numpy.bool_, numpy.float16):
        for source in (numpy.float32, numpy.float64, numpy.int32, numpy.int64, numpy.uint8, numpy.bool_, numpy.float16):
            x = numpy.array([[0, 1, 2.5, 3.5, 100, 0.4]]).astype(source)
            to = helper.np_dtype_to_tensor_dtype(numpy.dtype(target))
            yield single(f"cast_{numpy.dtype(source).name}_{numpy.dtype(target).name}", "Cast", [x], to=to)
    for size in (1, 7, 8, 33):
        yield single(f"clip_{size}", "Clip", [floats(2, size, scale=3), numpy.float32(-1), numpy.float32(1.5)])
    yield single("clip_special", "Clip", [special(), numpy.float32(-1), numpy.float32(1.5)])
    yield single("clip_low", "Clip", [floats(9), numpy.float32(-0.25)])
    yield single("clip_high", "Clip", [floats(9), None, numpy.float32(0.25)])


def comparisons():
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        for dtype in (numpy.int32, numpy.int64, numpy.float32, numpy.float64):
            yield single(f"{op.lower()}_{numpy.dtype(dtype).name}", op, [ints(0, 4, 5, 7).astype(dtype), ints(0, 4, 1, 7).astype(dtype)])
        pairs = numpy.array(list(itertools.product(special()[:8], repeat=2)), dtype=numpy.float32)
        yield single(f"{op.lower()}_special", op, [pairs[:, 0].copy(), pairs[:, 1].copy()])
    yield single("equal_string", "Equal", [numpy.array(["a", "bc", ""], dtype=object), numpy.array(["a", "bd", ""], dtype=object)])
    for op in ("And", "Or", "Xor"):
        yield single(f"{op.lower()}_broadcast", op, [ints(0, 2, 4, 1).astype(bool), ints(0, 2, 1, 9).astype(bool)])
    for size in (1, 9, 64):
        yield single(f"not_{size}", "Not", [ints(0, 2, 3, size).astype(bool)])
    for dtype in (numpy.float32, numpy.int64, numpy.uint8):
        yield single(f"where_{numpy.dtype(dtype).name}", "Where",
                     [ints(0, 2, 4, 1).astype(bool), ints(0, 99, 4, 9).astype(dtype), ints(0, 99, 9).astype(dtype)])
    words = numpy.array([["a", "b"], ["c", "dd"]], dtype=object)
    yield single("where_string", "Where", [ints(0, 2, 2, 2).astype(bool), words, words[:, ::-1].copy()])


def products():
    for m, k, n in ((1, 1, 1), (1, 64, 48), (2, 3, 5), (5, 17, 33), (7, 31, 16), (8, 100, 65), (13, 130, 97), (3, 257, 7), (0, 4, 3)):
        yield single(f"matmul_{m}x{k}x{n}", "MatMul", [floats(m, k), floats(k, n)])
        yield single(f"gemm_{m}x{k}x{n}", "Gemm", [floats(m, k), floats(k, n), floats(n)])
        yield single(f"gemm_{m}x{k}x{n}_transposed", "Gemm", [floats(m, k), floats(n, k), floats(n)], transB=1)
    for a, b in (((2, 3, 4, 5), (2, 3, 5, 6)), ((2, 3, 4, 5), (5, 6)), ((2, 1, 4, 5), (3, 5, 6)), ((4, 5), (2, 5, 6)), ((5,), (5,)), ((5,), (2, 5, 3)), ((2, 3, 5), (5,))):
        yield single(f"matmul_{'x'.join(map(str, a))}_{'x'.join(map(str, b))}", "MatMul", [floats(*a), floats(*b)])
    yield single("matmul_float64", "MatMul", [floats(4, 5).astype(numpy.float64), floats(5, 6).astype(numpy.float64)])
    yield single("matmul_int32", "MatMul", [ints(-9, 9, 4, 5).astype(numpy.int32), ints(-9, 9, 5, 6).astype(numpy.int32)])
    infinite = floats(4, 5)
    infinite[1, 2], infinite[2, 0] = numpy.inf, numpy.nan
    yield single("matmul_nan", "MatMul", [infinite, floats(5, 6)])
    for number, bias in enumerate(((4, 6), (6,), (1, 6), (4, 1), (1, 1), ())):
        yield single(f"gemm_bias_{number}", "Gemm", [floats(5, 4), floats(6, 5), floats(*bias)], transA=1, transB=1, alpha=0.5, beta=2.0)
    yield single("gemm_without_bias", "Gemm", [floats(4, 5), floats(5, 6)], alpha=1.5)


def convolutions():
    def conv(name, x, w, bias=True, **attributes):
        inputs = [floats(*x), floats(*w, scale=0.3)] + ([floats(w[0])] if bias else [])
        return single(f"conv_{name}", "Conv", inputs, **attributes)

    yield conv("1x1", (2, 16, 7, 9), (24, 16, 1, 1))
    yield conv("1x1_stride", (1, 16, 7, 9), (8, 16, 1, 1), strides=[2, 2])
    yield conv("1x1_odd", (3, 5, 3, 3), (7, 5, 1, 1), bias=False)
    yield conv("3x3", (1, 3, 9, 11), (16, 3, 3, 3), pads=[1, 1, 1, 1])
    yield conv("3x3_batch", (3, 8, 6, 6), (8, 8, 3, 3), pads=[1, 1, 1, 1])
    yield conv("3x3_16", (1, 16, 12, 12), (16, 16, 3, 3), pads=[1, 1, 1, 1])
    yield conv("3x3_stride", (1, 3, 15, 13), (8, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
    yield conv("3x3_strides", (1, 4, 15, 13), (5, 4, 3, 3), strides=[3, 2])
    yield conv("uneven_pads", (1, 4, 8, 8), (5, 4, 3, 3), pads=[0, 1, 2, 3])
    yield conv("5x3", (1, 3, 9, 9), (4, 3, 5, 3), pads=[2, 1, 2, 1])
    yield conv("dilated", (1, 3, 11, 11), (4, 3, 3, 3), dilations=[2, 3], pads=[2, 3, 2, 3])
    yield conv("groups", (2, 8, 7, 7), (12, 2, 3, 3), group=4, pads=[1, 1, 1, 1])
    yield conv("depthwise", (2, 17, 9, 9), (17, 1, 3, 3), group=17, pads=[1, 1, 1, 1])
    yield conv("depthwise_stride", (1, 16, 9, 9), (16, 1, 5, 5), group=16, pads=[2, 2, 2, 2], strides=[2, 2])
    yield conv("depthwise_multiplier", (1, 6, 7, 7), (12, 1, 3, 3), group=6)
    yield conv("patch", (1, 3, 16, 16), (12, 3, 8, 8), strides=[8, 8])
    yield conv("1d", (2, 4, 19), (6, 4, 3), pads=[1, 1])
    yield conv("3d", (1, 2, 5, 6, 7), (3, 2, 3, 3, 3), pads=[1, 1, 1, 1, 1, 1])
    yield conv("same_upper", (1, 3, 8, 9), (4, 3, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2])
    yield conv("same_lower", (1, 3, 8, 9), (4, 3, 3, 2), auto_pad="SAME_LOWER", strides=[2, 2])
    yield conv("valid", (1, 3, 8, 9), (4, 3, 3, 2), auto_pad="VALID")
    yield conv("whole_input", (2, 3, 4, 5), (6, 3, 4, 5))


def pools():
    kernels = [
        ("3x3", dict(kernel_shape=[3, 3])),
        ("2x2_stride", dict(kernel_shape=[2, 2], strides=[2, 2])),
        ("3x3_stride_pads", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
        ("uneven", dict(kernel_shape=[3, 2], strides=[2, 1], pads=[0, 1, 1, 0])),
        ("ceil", dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)),
        ("ceil_pads", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)),
        ("dilated", dict(kernel_shape=[2, 3], dilations=[2, 2])),
        ("same", dict(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")),
    ]
    for name, attributes in kernels:
        yield single(f"maxpool_{name}", "MaxPool", [floats(2, 5, 10, 9) - 3], **attributes)
        yield single(f"averagepool_{name}", "AveragePool", [floats(2, 5, 10, 9)], **attributes)
        yield single(f"averagepool_{name}_counted", "AveragePool", [floats(2, 16, 8, 9)], count_include_pad=1, **attributes)
    yield single("maxpool_1d", "MaxPool", [floats(2, 3, 11)], kernel_shape=[3], strides=[2])
    yield single("maxpool_indices", "MaxPool", [floats(2, 3, 6, 7)], outputs=2, kernel_shape=[2, 3], strides=[2, 2])
    yield single("maxpool_uint8", "MaxPool", [ints(0, 255, 1, 3, 6, 7).astype(numpy.uint8)], kernel_shape=[2, 3])
    for shape in ((1, 1, 1, 1), (2, 17, 7, 7), (3, 5, 1, 9), (2, 4, 11), (1, 3, 2, 3, 4)):
        text = "x".join(map(str, shape))
        yield single(f"globalaveragepool_{text}", "GlobalAveragePool", [floats(*shape)])
        yield single(f"globalmaxpool_{text}", "GlobalMaxPool", [floats(*shape) - 4])


def normalizations():
    for size in SIZES:
        yield single(f"softmax_{size}", "Softmax", [floats(3, size, scale=5)])
        yield single(f"layernormalization_{size}", "LayerNormalization", [floats(3, size) + 1, floats(size), floats(size)], epsilon=1e-5)
    for axis in (0, 1, 2, -2):
        yield single(f"softmax_axis_{axis}", "Softmax", [floats(4, 5, 6)], axis=axis)
        yield single(f"logsoftmax_axis_{axis}", "LogSoftmax", [floats(4, 5, 6)], axis=axis)
    yield single("softmax_large", "Softmax", [numpy.array([[1000, 999, -1000], [-1e30, 0, 1e30], [-numpy.inf, 0, 1]], dtype=numpy.float32)])
    yield single("softmax_masked", "Softmax", [numpy.array([[-3.4e38, -3.4e38, -3.4e38], [0, -3.4e38, 1]], dtype=numpy.float32)])
    yield single("softmax_nan", "Softmax", [numpy.array([[0, numpy.nan, 1], [0, 2, 1]], dtype=numpy.float32)])
    yield single("layernormalization_without_bias", "LayerNormalization", [floats(3, 20), floats(20)])
    yield single("layernormalization_axis_1", "LayerNormalization", [floats(2, 3, 8), floats(3, 8), floats(3, 8)], axis=1)
    yield single("layernormalization_constant_row", "LayerNormalization", [numpy.full((2, 16), 3, numpy.float32), floats(16), floats(16)])
    yield single("layernormalization_large_mean", "LayerNormalization", [floats(2, 33) + 100, floats(33), floats(33)])
    for shape in ((2, 5, 4, 3), (3, 7), (2, 16, 9)):
        c = shape[1]
        yield single(f"batchnormalization_{'x'.join(map(str, shape))}", "BatchNormalization",
                     [floats(*shape), floats(c), floats(c), floats(c), numpy.abs(floats(c)) + 0.1], epsilon=1e-3)
    yield single("instancenormalization_odd", "InstanceNormalization", [floats(2, 3, 5, 7), floats(3), floats(3)])


def reductions():
    for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceL1", "ReduceProd", "ReduceSumSquare", "ReduceLogSumExp"):
        for axes in ([0], [1], [-1], [0, 2], [2, 3], [0, 1, 2, 3]):
            text = "_".join(map(str, axes))
            yield single(f"{op.lower()}_{text}", op, [floats(2, 3, 4, 9), numpy.array(axes)], keepdims=len(axes) % 2)
        yield single(f"{op.lower()}_all", op, [floats(3, 17)])
    for op in ("ReduceSum", "ReduceMax", "ReduceMin"):
        yield single(f"{op.lower()}_int64", op, [ints(-9, 9, 3, 7), numpy.array([1])])
    for op in ("ArgMax", "ArgMin"):
        for axis in (0, 1, -1):
            yield single(f"{op.lower()}_ties_{axis}", op, [ints(0, 3, 4, 5, 6).astype(numpy.float32)], axis=axis, keepdims=axis % 2)
            yield single(f"{op.lower()}_last_{axis}", op, [ints(0, 3, 4, 5, 6).astype(numpy.float32)], axis=axis, select_last_index=1)
    for largest in (0, 1):
        yield single(f"topk_{largest}", "TopK", [floats(3, 17), numpy.array([4])], outputs=2, largest=largest)
        yield single(f"topk_ties_{largest}", "TopK", [ints(0, 3, 4, 6, 3).astype(numpy.float32), numpy.array([5])], outputs=2, axis=1, largest=largest)
    for axis in (0, -1):
        yield single(f"cumsum_{axis}", "CumSum", [floats(4, 9), numpy.array(axis)], exclusive=-axis)
        yield single(f"cumsum_int32_{axis}", "CumSum", [ints(-9, 9, 4, 9).astype(numpy.int32), numpy.array(axis)], reverse=1)


def movements():
    for dtype in (numpy.float32, numpy.int64, numpy.uint8, numpy.float16, numpy.float64, object):
        x = ints(0, 99, 2, 3, 4, 5)
        x = x.astype(str).astype(object) if dtype is object else x.astype(dtype)
        name = "string" if dtype is object else numpy.dtype(dtype).name
        for perm in ((0, 2, 1, 3), (3, 1, 0, 2), (0, 2, 3, 1), (0, 3, 1, 2)):
            yield single(f"transpose_{name}_{''.join(map(str, perm))}", "Transpose", [x], perm=list(perm))
        yield single(f"concat_{name}", "Concat", [x, x[:, :1], x[:, 1:]], axis=1)
        # onnxruntime copies only the first string of each block.
        yield single(f"gather_{name}", "Gather", [x, numpy.array([[0, -1], [2, 1]])], axis=3 if name == "string" else 1)
        yield single(f"slice_{name}", "Slice", [x, numpy.array([1, -1]), numpy.array([3, -9]), numpy.array([1, 3]), numpy.array([1, -2])])
        yield single(f"split_{name}", "Split", [x, numpy.array([1, 2, 1])], outputs=3, axis=2)
        if name not in ("uint8", "float16"):
            yield single(f"expand_{name}", "Expand", [x[:, :, :1], numpy.array([2, 1, 6, 1])])
        yield single(f"reshape_{name}", "Reshape", [x, numpy.array([0, -1, 10])])
        yield single(f"unsqueeze_{name}", "Unsqueeze", [x, numpy.array([0, -1])])
        yield single(f"squeeze_{name}", "Squeeze", [x[:1], numpy.array([0])])
        yield single(f"flatten_{name}", "Flatten", [x], axis=2)
    yield single("transpose_large", "Transpose", [floats(37, 41)], perm=[1, 0])
    yield single("transpose_attention", "Transpose", [floats(2, 9, 4, 8)], perm=[0, 2, 3, 1])
    yield single("gather_rows", "Gather", [floats(11, 24), ints(0, 11, 3, 5)])
    yield single("gather_scalar", "Gather", [floats(4, 6), numpy.array(1)], axis=1)
    yield single("gather_int32", "Gather", [floats(4, 6), numpy.array([3, 0], dtype=numpy.int32)])
    yield single("concat_last", "Concat", [floats(3, 5), floats(3, 1), floats(3, 16)], axis=-1)
    yield single("slice_empty", "Slice", [floats(4, 6), numpy.array([3]), numpy.array([1])])
    yield single("slice_clamped", "Slice", [floats(4, 6), numpy.array([-100, 2]), numpy.array([2**62, 2**62])])
    yield single("slice_reversed", "Slice", [floats(7), numpy.array([-1]), numpy.array([-(2**63)]), numpy.array([0]), numpy.array([-1])])
    yield single("split_even", "Split", [floats(2, 12, 3)], outputs=3, axis=1, num_outputs=3)
    yield single("tile_odd", "Tile", [floats(2, 3), numpy.array([3, 2])])
    for mode in ("constant", "edge", "reflect"):
        yield single(f"pad_{mode}_odd", "Pad", [floats(2, 3, 5), numpy.array([0, 1, 2, 1, 0, 3])[[0, 1, 2, 3, 4, 5]]], mode=mode)
    yield single("pad_value", "Pad", [floats(2, 5), numpy.array([0, 2, 1, -1]), numpy.float32(7)])
    yield single("constantofshape_int64", "ConstantOfShape", [numpy.array([2, 3])], value=helper.make_tensor("", 7, [1], [5]))
    yield single("range_float", "Range", [numpy.float32(1), numpy.float32(4.1), numpy.float32(0.5)])
    yield single("range_down", "Range", [numpy.array(5), numpy.array(-3), numpy.array(-2)])


def recurrences():
    for direction, number in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
            for sequence, batch, size, hidden in ((1, 1, 3, 5), (6, 3, 7, 9), (5, 2, 16, 16)):
                inputs = [
                    floats(sequence, batch, size),
                    floats(number, gates * hidden, size, scale=0.5),
                    floats(number, gates * hidden, hidden, scale=0.5),
                    floats(number, 2 * gates * hidden, scale=0.5),
                ]
                count = 3 if op == "LSTM" else 2
                name = f"{op.lower()}_{direction}_{sequence}x{batch}x{size}x{hidden}"
                yield single(name, op, inputs, outputs=count, hidden_size=hidden, direction=direction)
                states = [floats(number, batch, hidden) for _ in range(count - 1)]
                lengths = (numpy.arange(batch) % sequence + 1).astype(numpy.int32)
                yield single(f"{name}_states", op, [*inputs, lengths, *states], outputs=count, hidden_size=hidden, direction=direction)
    lstm = [floats(4, 2, 3), floats(1, 20, 3), floats(1, 20, 5)]
    peepholes = [*lstm, floats(1, 40), None, floats(1, 2, 5), floats(1, 2, 5), floats(1, 15)]
    yield single("lstm_peepholes_states", "LSTM", peepholes, outputs=3, hidden_size=5)
    yield single("lstm_clip", "LSTM", lstm, outputs=3, hidden_size=5, clip=0.3)
    yield single("lstm_activations", "LSTM", lstm, outputs=3, hidden_size=5, activations=["HardSigmoid", "Relu", "Softsign"],
                 activation_alpha=[0.3], activation_beta=[0.4])
    gru = [floats(4, 2, 3), floats(1, 15, 3), floats(1, 15, 5), floats(1, 30)]
    yield single("gru_linear_before_reset", "GRU", gru, outputs=2, hidden_size=5, linear_before_reset=1)


def old_versions():
    yield single("squeeze_11", "Squeeze", [floats(1, 3, 1)], version=11, axes=[0, 2])
    yield single("unsqueeze_11", "Unsqueeze", [floats(3, 4)], version=11, axes=[0, 3])
    yield single("slice_9", "Slice", [floats(5, 6)], version=9, starts=[1, -3], ends=[4, 6], axes=[0, 1])
    yield single("split_11", "Split", [floats(2, 9)], version=11, outputs=2, axis=1, split=[4, 5])
    yield single("split_11_even", "Split", [floats(2, 8)], version=11, outputs=2, axis=1)
    yield single("clip_6", "Clip", [floats(3, 9, scale=4)], version=10, min=-1.0, max=2.0)
    yield single("reducesum_11", "ReduceSum", [floats(3, 4, 5)], version=11, axes=[1], keepdims=0)
    yield single("reducemean_17", "ReduceMean", [floats(3, 4, 5)], version=17, axes=[0, 2])
    yield single("softmax_11", "Softmax", [floats(2, 3, 4)], version=11, axis=1)
    yield single("logsoftmax_11", "LogSoftmax", [floats(2, 3, 4)], version=11, axis=1)
    yield single("pad_10", "Pad", [floats(3, 4)], version=10, pads=[0, 1, 2, 0], value=1.5)
    yield single("batchnormalization_9", "BatchNormalization", [floats(2, 3, 4), floats(3), floats(3), floats(3), numpy.abs(floats(3)) + 1], version=9)
    yield single("gemm_9", "Gemm", [floats(3, 4), floats(4, 5), floats(5)], version=9)
    yield single("dropout_10", "Dropout", [floats(3, 4)], version=10, ratio=0.4)
    yield single("add_7", "Add", [floats(3, 4), floats(4)], version=7)
    yield single("equal_7", "Equal", [ints(0, 3, 9), ints(0, 3, 9)], version=8)
