"""Tiny ONNX models for the tests of clients: a folder as `inferd serve` reads it."""

import os

from onnx import TensorProto, helper, save


def write(folder):
    """Write add_sub (FP32), count (INT64) and echo (BYTES), each as NAME/1/model.onnx."""
    rows = ["batch", 16]
    _write(folder, "add_sub", ["x", "y"], ["sum", "difference"], TensorProto.FLOAT, rows,
           [helper.make_node("Add", ["x", "y"], ["sum"]), helper.make_node("Sub", ["x", "y"], ["difference"])])
    _write(folder, "count", ["n"], ["twice"], TensorProto.INT64, ["batch", 4], [helper.make_node("Add", ["n", "n"], ["twice"])])
    _write(folder, "echo", ["text"], ["same"], TensorProto.STRING, ["batch", 2], [helper.make_node("Identity", ["text"], ["same"])])


def _write(folder, name, inputs, outputs, element, shape, nodes):
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(each, element, shape) for each in inputs],
        [helper.make_tensor_value_info(each, element, shape) for each in outputs])
    path = os.path.join(folder, name, "1")
    os.makedirs(path)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), os.path.join(path, "model.onnx"))
