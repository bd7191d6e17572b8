#!/usr/bin/env python3
"""Times gemmbench beside onnxruntime, one thread each, in alternating blocks, and prints the ratio for each shape.

usage: compare.py GEMMBENCH [ROUNDS]    (needs onnx and onnxruntime)
Onnxruntime's time of one product is (time of a model with 17 of them - time of a model with one) / 16, each product with
weights of its own, so that what a call costs does not count. Each figure is the minimum over the blocks, in processor time of the thread.
"""
import subprocess
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SHAPES = [
    (8, 384, 1536, "gelu"), (34, 384, 384, "none"), (34, 384, 1536, "none"), (34, 1536, 384, "none"), (256, 384, 1536, "none"),
    (512, 384, 384, "none"), (1, 128, 256, "none"), (1, 1024, 1000, "none"), (197, 192, 768, "none"), (1024, 1024, 1024, "none"),
    (17, 32, 12, "attention"), (128, 32, 12, "attention"), (50, 64, 12, "attention"), (197, 64, 3, "attention"), (512, 64, 12, "attention"),
]


def attention_session(queries, size, heads, copies):
    shape, names = [1, queries, heads * size], ["x", "key", "value"]
    # The scales differ, or the optimizer would compute one attention for all.
    nodes = [helper.make_node("MultiHeadAttention", names, [f"y{i}"], domain="com.microsoft", num_heads=heads, scale=0.125 + i / 1000) for i in range(copies)]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]
    return load(nodes, inputs, [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, shape) for i in range(copies)], [])


def session(m, k, n, activation, copies):
    if activation == "attention":
        return attention_session(m, k, n, copies)
    weights = np.random.default_rng(1).random((k, n), np.float32) - 0.5
    bias = np.random.default_rng(2).random(n, np.float32)
    nodes, initializers, outputs = [], [numpy_helper.from_array(bias, "b")], []
    for i in range(copies):
        # The weights differ, or the optimizer would compute one product for all.
        initializers.append(numpy_helper.from_array(weights + np.float32(i), f"w{i}"))
        out = f"y{i}"
        nodes.append(helper.make_node("Gemm", ["x", f"w{i}", "b"], [out if activation == "none" else f"g{i}"]))
        if activation == "gelu":
            nodes.append(helper.make_node("Gelu", [f"g{i}"], [out]))
        outputs.append(helper.make_tensor_value_info(out, TensorProto.FLOAT, [m, n]))
    return load(nodes, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [m, k])], outputs, initializers)


def load(nodes, inputs, outputs, initializers):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Peer:
    def __init__(self, m, k, n, activation):
        self.many, self.one = session(m, k, n, activation, 17), session(m, k, n, activation, 1)
        self.best_many = self.best_one = float("inf")
        self.bindings = []
        for s in (self.many, self.one):
            binding = s.io_binding()
            for i in s.get_inputs():
                binding.bind_ortvalue_input(i.name, onnxruntime.OrtValue.ortvalue_from_numpy(np.random.default_rng(3).random(i.shape, np.float32) - np.float32(0.5)))
            for o in s.get_outputs():
                binding.bind_ortvalue_output(o.name, onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(o.shape, np.float32)))
            self.bindings.append(binding)

    def block(self, repetitions):
        for s, binding, name in ((self.many, self.bindings[0], "best_many"), (self.one, self.bindings[1], "best_one")):
            for _ in range(repetitions):
                start = time.thread_time_ns()
                s.run_with_iobinding(binding)
                setattr(self, name, min(getattr(self, name), time.thread_time_ns() - start))
        return (self.best_many - self.best_one) / 16


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    ours = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    product = 1.0
    print(f"{'M,K,N':>18} {'peak %':>7} {'ort peak %':>10} {'ort/ours':>9}")
    for m, k, n, activation in SHAPES:
        work = 2 * m * m * k * n if activation == "attention" else m * k * n
        repetitions = max(2, min(200, int(1e9 / 34 / work)))
        peer, best, peak = Peer(m, k, n, activation), float("inf"), float("inf")
        for _ in range(rounds):
            theirs = peer.block(repetitions)
            print(m, k, n, activation, repetitions, file=ours.stdin, flush=True)
            ns, limit = map(int, ours.stdout.readline().split())
            best, peak = min(best, ns), min(peak, limit)
        product *= theirs / best
        print(f"{f'{m},{k},{n} {activation}':>18} {100 * peak / best:7.1f} {100 * peak / theirs:10.1f} {theirs / best:9.2f}", flush=True)
    print(f"geometric mean {product ** (1 / len(SHAPES)):.2f}")


main()
