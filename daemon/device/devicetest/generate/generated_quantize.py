"""Cases of quantised operators, as onnxruntime computes them."""

import itertools

import numpy

from build import floats, ints, single

EIGHT = (numpy.uint8, numpy.int8)
SIXTEEN = (numpy.uint16, numpy.int16)


def name(dtype):
    return numpy.dtype(dtype).name


def whole(dtype, *shape):
    """Integers of the whole range of a type."""
    info = numpy.iinfo(dtype)
    return ints(info.min, info.max + 1, *shape).astype(dtype)


def zero(dtype, *shape):
    """Zero points away from the ends of the range."""
    info = numpy.iinfo(dtype)
    middle = (info.min + info.max + 1) // 2
    return numpy.asarray(ints(middle - 20, middle + 20, *shape) if shape else middle + 3).astype(dtype)


def scales(*shape):
    return (numpy.abs(floats(*shape)) * 0.05 + 0.01).astype(numpy.float32) if shape else numpy.float32(0.037)


def cases():
    yield from quantize()
    yield from dequantize()
    yield from dynamic()
    yield from products()
    yield from convolutions()


def quantize():
    for dtype in EIGHT + SIXTEEN:
        yield single(f"quantizelinear_{name(dtype)}", "QuantizeLinear", [floats(3, 37, scale=4), scales(), zero(dtype)])
        for axis in (0, 1, -1):
            x = floats(4, 16, 5, scale=3)
            count = x.shape[axis]
            yield single(f"quantizelinear_{name(dtype)}_axis{axis}", "QuantizeLinear", [x, scales(count), zero(dtype, count)], axis=axis)
    ties = numpy.arange(-40, 600, dtype=numpy.float32) * 0.25
    yield single("quantizelinear_ties", "QuantizeLinear", [ties, numpy.float32(0.5), numpy.uint8(7)])
    ends = numpy.array([numpy.inf, -numpy.inf, 3e38, -3e38, 1e-40, 0, -0.0], numpy.float32)
    yield single("quantizelinear_ends", "QuantizeLinear", [ends, numpy.float32(0.5), numpy.int8(-7)])
    yield single("quantizelinear_no_zero", "QuantizeLinear", [floats(3, 64), scales()])
    yield single("quantizelinear_float16", "QuantizeLinear", [floats(3, 64).astype(numpy.float16), numpy.float16(0.02), numpy.int8(3)])


def dequantize():
    for dtype in EIGHT + SIXTEEN + (numpy.int32,):
        zeros = () if dtype == numpy.int32 else (zero(dtype),)
        yield single(f"dequantizelinear_{name(dtype)}", "DequantizeLinear", [whole(dtype, 3, 37), scales(), *zeros])
        for axis in (0, 1, -1):
            x = whole(dtype, 4, 16, 5)
            zeros = () if dtype == numpy.int32 else (zero(dtype, x.shape[axis]),)
            yield single(f"dequantizelinear_{name(dtype)}_axis{axis}", "DequantizeLinear", [x, scales(x.shape[axis]), *zeros], axis=axis)
    yield single("dequantizelinear_float16", "DequantizeLinear", [whole(numpy.int8, 3, 64), numpy.float16(0.02), numpy.int8(3)])
    yield single("dequantizelinear_blocked", "DequantizeLinear", [whole(numpy.int8, 3, 10), scales(3, 3), zero(numpy.int8, 3, 3)], axis=1, block_size=4)


def dynamic():
    for size in (1, 16, 300):
        yield single(f"dynamicquantizelinear_{size}", "DynamicQuantizeLinear", [floats(3, size)], outputs=3)
    yield single("dynamicquantizelinear_positive", "DynamicQuantizeLinear", [numpy.abs(floats(5, 7)) + 2], outputs=3)
    yield single("dynamicquantizelinear_zeros", "DynamicQuantizeLinear", [numpy.zeros((2, 9), numpy.float32)], outputs=3)


def products():
    shapes = (((5, 7), (7, 9)), ((35, 70), (70, 21)), ((2, 3, 33), (33, 16)), ((2, 4, 32), (2, 32, 6)), ((1, 300), (300, 20)))
    for (a, b), number in itertools.product(itertools.product(EIGHT, EIGHT), range(len(shapes))):
        if a == numpy.int8 and b == numpy.uint8:
            continue  # onnxruntime does not have it
        x, w = whole(a, *shapes[number][0]), whole(b, *shapes[number][1])
        case = f"{name(a)}_{name(b)}_{number}"
        yield single(f"matmulinteger_{case}_zeros", "MatMulInteger", [x, w, zero(a), zero(b)])
        if number < 3:
            columns = w.shape[-1]
            y = numpy.float32(0.9 * numpy.sqrt(x.shape[-1])), zero(a)
            yield single(f"matmulinteger_{case}", "MatMulInteger", [x, w])
            yield single(f"qlinearmatmul_{case}", "QLinearMatMul", [x, scales(), zero(a), w, scales(), zero(b), *y])
            yield single(f"matmulinteger_{case}_columns", "MatMulInteger", [x, w, zero(a), zero(b, columns)])
            yield single(f"qlinearmatmul_{case}_columns", "QLinearMatMul", [x, scales(), zero(a), w, scales(columns), zero(b, columns), *y])


def convolutions():
    forms = (
        ("plain", (2, 5, 6, 5), (7, 5, 3, 3), {}),
        ("padded", (1, 16, 7, 6), (6, 16, 3, 3), {"pads": [1, 2, 0, 1], "strides": [2, 1]}),
        ("dilated", (1, 3, 7, 9), (4, 3, 3, 2), {"dilations": [2, 3], "pads": [2, 3, 1, 0]}),
        ("point", (2, 24, 3, 5), (10, 24, 1, 1), {}),
        ("groups", (1, 6, 5, 5), (9, 2, 3, 3), {"group": 3, "pads": [1, 1, 1, 1]}),
        ("depthwise", (2, 12, 5, 4), (12, 1, 3, 3), {"group": 12, "pads": [1, 1, 1, 1]}),
        ("sequence", (2, 4, 19), (6, 4, 5), {"pads": [2, 2]}),
    )
    for weights, (form, shape, filters, attributes) in itertools.product(EIGHT, forms):
        x, w = whole(numpy.uint8, *shape), whole(weights, *filters)
        case = f"{name(weights)}_{form}"
        yield single(f"convinteger_{case}", "ConvInteger", [x, w, zero(numpy.uint8), *((zero(weights),) if weights == numpy.uint8 else ())], **attributes)
        bias = ints(-3000, 3000, filters[0]).astype(numpy.int32)
        y = numpy.float32(0.9 * numpy.sqrt(w[0].size)), zero(numpy.uint8)
        yield single(f"qlinearconv_{case}", "QLinearConv", [x, scales(), zero(numpy.uint8), w, scales(), zero(weights), *y, bias], **attributes)
        if weights == numpy.int8:
            channels = scales(filters[0]), numpy.zeros(filters[0], numpy.int8)
            yield single(f"qlinearconv_{case}_channels", "QLinearConv", [x, scales(), zero(numpy.uint8), w, *channels, *y], **attributes)
            signed = whole(numpy.int8, *shape)
            yield single(f"qlinearconv_{case}_signed", "QLinearConv", [signed, scales(), zero(numpy.int8), w, *channels, y[0], zero(numpy.int8), bias], **attributes)
