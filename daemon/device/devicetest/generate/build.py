"""Helpers to build one-node models from example inputs."""

import numpy
import onnx
from onnx import helper

VERSION = 21
ML_VERSION = 3
# Relative and absolute: onnxruntime sums in float32 and in another order.
TOLERANCE = (1e-3, 1e-5)

_random = numpy.random.default_rng(20240229)


def floats(*shape, scale=1.0):
    return numpy.asarray(_random.standard_normal(shape) * scale, dtype=numpy.float32)


def ints(low, high, *shape):
    return _random.integers(low, high, size=shape, dtype=numpy.int64)


def special():
    values = [0.0, -0.0, 1.0, -1.0, 0.5, numpy.nan, numpy.inf, -numpy.inf, 3.4e38, -3.4e38, 1.2e-38, 1e-40, -1e-40, 88.8, -88.8, 104.0, -104.0, 1.5, 2.5]
    return numpy.array(values, dtype=numpy.float32)


def single(name, op, inputs, outputs=1, version=VERSION, domain="", tolerance=TOLERANCE, **attributes):
    """Return a case: a model of one node. An input that is None is absent."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    inputs = [None if x is None else numpy.asarray(x) for x in inputs]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], name=name, domain=domain, **attributes)
    values = [
        helper.make_tensor_value_info(n, _type(x), x.shape) for n, x in zip(names, inputs, strict=True) if x is not None
    ]
    results = [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)]
    graph = helper.make_graph([node], name, values, results)
    opsets = [helper.make_opsetid("", version)]
    if domain:
        opsets.append(helper.make_opsetid(domain, ML_VERSION))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="inferd")
    return f"ort_{name}", model, [x for x in inputs if x is not None], tolerance


def _type(x):
    if x.dtype.kind in "UO":
        return onnx.TensorProto.STRING
    return helper.np_dtype_to_tensor_dtype(x.dtype)
