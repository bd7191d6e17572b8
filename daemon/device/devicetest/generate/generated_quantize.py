"""Cases of quantised operators: types, axes, zero points, and sums in every mix of signed and unsigned bytes.

They draw from numbers of their own, so that those of module generated stay what they are.
"""

import numpy
from onnx import TensorProto

from build import single

EXACT = (0.0, 0.0)
# One rounding of float32.
ROUNDED = (2e-7, 0.0)

U8, I8, I32, F32, F16 = numpy.uint8, numpy.int8, numpy.int32, numpy.float32, numpy.float16

_random = numpy.random.default_rng(20250610)


def floats(*shape, scale=1.0, dtype=F32):
    return numpy.asarray(_random.standard_normal(shape) * scale, dtype=dtype)


def scales(*shape, size=0.05, dtype=F32):
    return numpy.asarray(_random.uniform(0.2, 1.0, shape) * size, dtype=dtype)


def whole(dtype, *shape):
    """Return integers over the whole range of the type."""
    info = numpy.iinfo(dtype)
    return numpy.asarray(_random.integers(info.min, info.max + 1, size=shape), dtype=dtype)


def zeros(dtype, *shape):
    """Return zero points around the middle of the type's range, where neither end saturates at once."""
    info = numpy.iinfo(dtype)
    middle, part = (info.min + info.max + 1) // 2, (info.max - info.min) // 6
    return numpy.asarray(_random.integers(middle - part, middle + part, size=shape), dtype=dtype)


def name_of(*dtypes):
    return "_".join(numpy.dtype(d).name for d in dtypes)


def cases():
    yield from quantize()
    yield from dequantize()
    yield from dynamic()
    yield from matmul_integer()
    yield from quantized_matmul()
    yield from convolutions()


# Shape and axis, with the scales that belong to it; no axis is one scale for the tensor.
LAYOUTS = (
    ((1,), None), ((7,), None), ((16,), None), ((257,), None), ((3, 33), None), ((0, 4), None), ((2, 3, 5, 7), None),
    ((9,), 0), ((5, 8), 0), ((5, 8), 1), ((5, 8), -1), ((5, 8), -2), ((4, 64), 1), ((3, 17), -1), ((2, 3, 16), 1), ((2, 3, 5, 7), 1), ((2, 3, 5, 7), -4), ((2, 3, 4, 8), 3),
)


def layout(shape, axis):
    """Return the shape of the scales, the attributes and a name."""
    name = "x".join(map(str, shape))
    if axis is None:
        return (), {}, name
    return (shape[axis],), {"axis": axis}, f"{name}_axis_{axis}".replace("-", "minus_")


def quantize():
    ties = numpy.concatenate([numpy.arange(-8, 8, 0.25), [numpy.inf, -numpy.inf, 1e9, -1e9, 127.5, 126.5, -128.5, 255.5, 254.5, 1e-40, -0.0]]).astype(F32)
    for dtype in (U8, I8, numpy.uint16, numpy.int16):
        for zero in (0, 3):
            yield single(f"quantizelinear_ties_{name_of(dtype)}_{zero}", "QuantizeLinear", [ties, F32(0.5), dtype(zero)], tolerance=EXACT)
        yield single(f"quantizelinear_nan_{name_of(dtype)}", "QuantizeLinear", [numpy.full(20, numpy.nan, F32), F32(0.5), dtype(3)], tolerance=EXACT)
        yield single(f"quantizelinear_wide_{name_of(dtype)}", "QuantizeLinear", [floats(6, 50, scale=40), scales(), zeros(dtype)], tolerance=EXACT)
    for shape, axis in LAYOUTS:
        count, attributes, name = layout(shape, axis)
        for dtype in (U8, I8):
            inputs = [floats(*shape, scale=3), scales(*count), zeros(dtype, *count)]
            yield single(f"quantizelinear_{name}_{name_of(dtype)}", "QuantizeLinear", inputs, tolerance=EXACT, **attributes)
        yield single(f"quantizelinear_{name}_no_zero", "QuantizeLinear", [floats(*shape, scale=3), scales(*count)], tolerance=EXACT, **attributes)
    yield single("quantizelinear_one_element_scale", "QuantizeLinear", [floats(3, 5), scales(1), zeros(U8, 1)], tolerance=EXACT)
    yield single("quantizelinear_output_dtype", "QuantizeLinear", [floats(3, 5), scales()], tolerance=EXACT, output_dtype=TensorProto.INT8)
    yield single("quantizelinear_float16", "QuantizeLinear", [floats(3, 40, scale=2, dtype=F16), scales(dtype=F16), zeros(U8)], tolerance=EXACT)
    for version in (19, 21, 23):
        inputs = [floats(8, 100, scale=30, dtype=F16), F16(0.3), U8(100)]
        yield single(f"quantizelinear_float16_version_{version}", "QuantizeLinear", inputs, tolerance=EXACT, version=version)
    for precision in (TensorProto.FLOAT, TensorProto.FLOAT16):
        inputs = [floats(8, 100, scale=30, dtype=F16), F16(0.3), U8(100)]
        yield single(f"quantizelinear_float16_precision_{precision}", "QuantizeLinear", inputs, tolerance=EXACT, version=23, precision=precision)
        yield single(f"quantizelinear_precision_{precision}", "QuantizeLinear", [floats(8, 100, scale=30), F32(0.3), U8(100)], tolerance=EXACT, version=23, precision=precision)
    for axis in (0, 1, -1):
        x = floats(6, 10, scale=2)
        shape = list(x.shape)
        shape[axis] = -(-shape[axis] // 4)
        yield single(f"quantizelinear_blocks_{axis}".replace("-", "minus_"), "QuantizeLinear", [x, scales(*shape), zeros(I8, *shape)], tolerance=EXACT, axis=axis, block_size=4)
    for version, axis in ((10, None), (13, 1), (19, 1), (23, 1)):
        count, attributes, _ = layout((4, 6), axis)
        yield single(f"quantizelinear_version_{version}", "QuantizeLinear", [floats(4, 6), scales(*count), zeros(U8, *count)], tolerance=EXACT, version=version, **attributes)


def dequantize():
    for dtype in (U8, I8, numpy.uint16, numpy.int16):
        yield single(f"dequantizelinear_wide_{name_of(dtype)}", "DequantizeLinear", [whole(dtype, 6, 50), scales(), zeros(dtype)], tolerance=ROUNDED)
    yield single("dequantizelinear_int32", "DequantizeLinear", [whole(I32, 6, 50), scales()], tolerance=ROUNDED)
    yield single("dequantizelinear_int32_axis", "DequantizeLinear", [whole(I32, 6, 50), scales(6)], tolerance=ROUNDED, axis=0)
    for shape, axis in LAYOUTS:
        count, attributes, name = layout(shape, axis)
        for dtype in (U8, I8):
            inputs = [whole(dtype, *shape), scales(*count), zeros(dtype, *count)]
            yield single(f"dequantizelinear_{name}_{name_of(dtype)}", "DequantizeLinear", inputs, tolerance=ROUNDED, **attributes)
        yield single(f"dequantizelinear_{name}_no_zero", "DequantizeLinear", [whole(I8, *shape), scales(*count)], tolerance=ROUNDED, **attributes)
    yield single("dequantizelinear_one_element_scale", "DequantizeLinear", [whole(U8, 3, 5), scales(1), zeros(U8, 1)], tolerance=ROUNDED)
    yield single("dequantizelinear_float16", "DequantizeLinear", [whole(U8, 3, 40), scales(dtype=F16), zeros(U8)], tolerance=(1e-3, 0.0))
    for axis in (0, 1, -1):
        x = whole(I8, 6, 10)
        shape = list(x.shape)
        shape[axis] = -(-shape[axis] // 4)
        yield single(f"dequantizelinear_blocks_{axis}".replace("-", "minus_"), "DequantizeLinear", [x, scales(*shape), zeros(I8, *shape)], tolerance=ROUNDED, axis=axis, block_size=4)
    for version, axis in ((10, None), (13, 1), (19, 1), (23, 1)):
        count, attributes, _ = layout((4, 6), axis)
        yield single(f"dequantizelinear_version_{version}", "DequantizeLinear", [whole(I8, 4, 6), scales(*count), zeros(I8, *count)], tolerance=ROUNDED, version=version, **attributes)


def dynamic():
    def case(name, x):
        return single(f"dynamicquantizelinear_{name}", "DynamicQuantizeLinear", [x], outputs=3, tolerance=ROUNDED)

    for size in (1, 7, 16, 33, 1000):
        yield case(str(size), floats(size))
    yield case("4d", floats(2, 3, 5, 7, scale=10))
    yield case("positive", numpy.abs(floats(5, 20)) + 3)
    yield case("negative", -numpy.abs(floats(5, 20)) - 3)
    yield case("zero", numpy.zeros((3, 4), F32))
    yield case("small", floats(40, scale=1e-30))
    yield case("large", floats(40, scale=1e30))
    yield case("scalar", F32(-2.5))


SIZES = ((1, 1, 1), (1, 64, 48), (2, 3, 5), (5, 17, 33), (8, 100, 65), (13, 130, 16), (3, 257, 7), (0, 4, 3), (70, 300, 45))


def matmul_integer():
    def case(name, a, b, a_zero=None, b_zero=None):
        inputs = [a, b, a_zero, b_zero]
        while inputs[-1] is None:
            inputs.pop()
        return single(f"matmulinteger_{name}", "MatMulInteger", inputs, version=10, tolerance=EXACT)

    for number, (m, k, n) in enumerate(SIZES):
        a, b = ((U8, I8), (U8, U8), (I8, I8))[number % 3] if m < 70 else (U8, I8)
        yield case(f"{m}x{k}x{n}", whole(a, m, k), whole(b, k, n), zeros(a))
    for a in (U8, I8):
        for b in (U8, I8):
            name = name_of(a, b)
            x, w = whole(a, 6, 37), whole(b, 37, 19)
            yield case(name, x, w)
            yield case(f"{name}_zeros", x, w, zeros(a), zeros(b))
            yield case(f"{name}_columns", x, w, zeros(a, 1), zeros(b, 19))
            yield case(f"{name}_only_columns", x, w, None, zeros(b, 19))
            ends = numpy.iinfo(a).max, numpy.iinfo(b).max
            yield case(f"{name}_ends", numpy.full((3, 70), ends[0], a), numpy.full((70, 5), ends[1], b), a(numpy.iinfo(a).min), b(numpy.iinfo(b).min))
    for a, b in (((2, 3, 4, 5), (2, 3, 5, 6)), ((2, 3, 4, 5), (5, 6)), ((2, 1, 4, 5), (3, 5, 6)), ((4, 5), (2, 5, 6)), ((5,), (5, 6)), ((5,), (2, 5, 3)), ((2, 3, 5), (5,))):
        yield case(f"{'x'.join(map(str, a))}_{'x'.join(map(str, b))}", whole(U8, *a), whole(I8, *b), zeros(U8), zeros(I8))
    yield case("stack_columns", whole(U8, 2, 4, 5), whole(I8, 2, 5, 6), zeros(U8), zeros(I8, 2, 1, 6))


def quantized_matmul():
    def case(name, a, b, y, m, k, n, columns=False, lead=()):
        count = (n,) if columns else ()
        # The sums spread over some of Y's range, and a few saturate.
        inputs = [whole(a, *lead, m, k), scales(), zeros(a), whole(b, k, n), scales(*count), zeros(b, *count), F32(0.05 * 0.03 * 60 * k**0.5), zeros(y)]
        return single(f"qlinearmatmul_{name}", "QLinearMatMul", inputs, version=10, tolerance=EXACT)

    for number, (m, k, n) in enumerate(SIZES):
        a, b = ((U8, I8), (U8, U8), (I8, I8))[number % 3] if m < 70 else (U8, I8)
        yield case(f"{m}x{k}x{n}", a, b, a, m, k, n, columns=number % 2 == 0)
    for a, b in ((U8, U8), (U8, I8), (I8, I8)):
        for columns in (False, True):
            yield case(f"{name_of(a, b)}{'_columns' if columns else ''}", a, b, a, 6, 37, 19, columns)
    yield case("stack", U8, I8, U8, 4, 9, 7, columns=True, lead=(2, 3))


def convolutions():
    def integer(name, x, w, types=(U8, I8), zero=True, **attributes):
        inputs = [whole(types[0], *x), whole(types[1], *w)] + ([zeros(types[0]), zeros(types[1])] if zero else [])
        return single(f"convinteger_{name}", "ConvInteger", inputs, version=10, tolerance=EXACT, **attributes)

    def quantized(name, x, w, types=(U8, I8, U8), filters=True, bias=True, **attributes):
        size = numpy.prod(w[1:])
        count = (w[0],) if filters else ()
        inputs = [whole(types[0], *x), scales(), zeros(types[0]), whole(types[1], *w), scales(*count), numpy.full(count, zeros(types[1]) if types[1] == U8 else 0, types[1]),
                  F32(0.05 * 0.03 * 60 * size**0.5), zeros(types[2])] + ([_random.integers(-4000, 4000, w[0]).astype(I32)] if bias else [])
        return single(f"qlinearconv_{name}", "QLinearConv", inputs, version=10, tolerance=EXACT, **attributes)

    shapes = {
        "1x1": ((2, 16, 7, 9), (24, 16, 1, 1), {}),
        "1x1_stride": ((1, 16, 7, 9), (8, 16, 1, 1), {"strides": [2, 2]}),
        "3x3": ((1, 3, 9, 11), (16, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
        "3x3_batch": ((3, 8, 6, 6), (8, 8, 3, 3), {"pads": [1, 1, 1, 1]}),
        "3x3_strides": ((2, 4, 15, 13), (5, 4, 3, 3), {"strides": [3, 2], "pads": [0, 1, 2, 1]}),
        "3x3_dilations": ((1, 5, 13, 14), (7, 5, 3, 3), {"dilations": [2, 3], "pads": [2, 2, 2, 2]}),
        "5x3_same": ((1, 3, 10, 9), (4, 3, 5, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        "groups": ((2, 8, 7, 7), (12, 4, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
        "depthwise": ((2, 19, 9, 8), (19, 1, 3, 3), {"group": 19, "pads": [1, 1, 1, 1]}),
        "depthwise_stride": ((1, 32, 11, 11), (32, 1, 5, 5), {"group": 32, "pads": [2, 2, 2, 2], "strides": [2, 2]}),
        "1d": ((2, 6, 30), (5, 6, 4), {"pads": [1, 2], "strides": [2]}),
        "3d": ((1, 3, 5, 6, 4), (4, 3, 2, 3, 2), {"pads": [1, 1, 0, 0, 1, 1]}),
    }
    for name, (x, w, attributes) in shapes.items():
        yield integer(name, x, w, **attributes)
        yield quantized(name, x, w, **attributes)
    x, w, attributes = shapes["3x3_batch"]
    for types in ((U8, U8), (I8, I8), (I8, U8)):
        if types != (I8, U8):
            yield quantized(f"{name_of(*types)}", x, w, (*types, types[0]), **attributes)
            yield quantized(f"{name_of(*types)}_one_scale", x, w, (*types, types[0]), filters=False, bias=False, **attributes)
        yield integer(f"{name_of(*types)}", x, w, types, **attributes)
    yield integer("no_zero", x, w, zero=False, **attributes)
    yield quantized("70_channels", (1, 70, 6, 7), (45, 70, 3, 3), pads=[1, 1, 1, 1])
