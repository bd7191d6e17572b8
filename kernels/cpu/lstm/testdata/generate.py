"""Writes cases.json: what onnxruntime computes for small LSTMs. Needs onnx, onnxruntime and numpy."""
import json

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(5)


def values(*shape, scale=0.6):
    return np.float32(np.round(random.normal(size=shape) * scale, 2))


def numbers(array):
    return [float(f"{v:.7g}") for v in np.ravel(array)]


def case(direction, steps, batch, inputs, hidden, lengths=None, state=True, bias=True, peephole=False, clip=0.0):
    d = 2 if direction == "bidirectional" else 1
    weights = dict(W=values(d, 4 * hidden, inputs), R=values(d, 4 * hidden, hidden), B=values(d, 8 * hidden) if bias else None,
                   P=values(d, 3 * hidden) if peephole else None)
    feeds = dict(X=values(steps, batch, inputs, scale=1.5), sequence_lens=None if lengths is None else np.int32(lengths),
                 initial_h=values(d, batch, hidden) if state else None, initial_c=values(d, batch, hidden) if state else None)
    order = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    everything = {**feeds, **weights}
    attributes = dict(direction=direction, hidden_size=hidden)
    if clip:
        attributes["clip"] = clip
    node = helper.make_node("LSTM", [n if everything[n] is not None else "" for n in order], ["Y", "Y_h", "Y_c"], **attributes)
    kind = lambda a: TensorProto.INT32 if a.dtype == np.int32 else TensorProto.FLOAT
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info(n, kind(a), a.shape) for n, a in feeds.items() if a is not None],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("Y", "Y_h", "Y_c")],
        [numpy_helper.from_array(a, n) for n, a in weights.items() if a is not None])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    y, y_h, y_c = session.run(None, {n: a for n, a in feeds.items() if a is not None})
    result = dict(direction=direction, steps=steps, batch=batch, inputs=inputs, hidden=hidden, clip=clip, lengths=lengths)
    result.update({n: numbers(a) for n, a in {**everything, "Y": y, "Y_h": y_h, "Y_c": y_c}.items() if a is not None and n != "sequence_lens"})
    return result


cases = [
    case("forward", 3, 2, 3, 5),
    case("reverse", 4, 1, 2, 4, state=False),
    case("bidirectional", 3, 3, 4, 9, lengths=[3, 1, 2]),
    case("forward", 2, 4, 1, 3, bias=False, lengths=[1, 2, 2, 1]),
    case("bidirectional", 2, 2, 3, 6, peephole=True),
    case("forward", 4, 2, 3, 4, clip=0.75),
    case("reverse", 3, 2, 3, 4, clip=0.5, peephole=True, lengths=[2, 3]),
]
with open("cases.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases")
