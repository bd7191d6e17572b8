"""Writes cases.json: what onnxruntime computes for small linear models and normalizers. Needs onnx, onnxruntime and numpy."""
import json

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

random = np.random.default_rng(3)
ort.set_default_logger_severity(4)


def run(op, outputs, x, attributes):
    node = helper.make_node(op, ["X"], outputs, domain="ai.onnx.ml", **attributes)
    types = dict(Y=TensorProto.INT64, Z=TensorProto.FLOAT)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, x.shape[1]])],
                              [helper.make_tensor_value_info(o, types[o], None) for o in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(None, {"X": x})))


def numbers(values):
    return [float(f"{v:.7g}") for v in np.ravel(values)]


def case(op, features, attributes, rows=3):
    x = np.float32(np.round(random.normal(size=(rows, features)), 2))
    x[1] = 0
    result = run(op, ["Y", "Z"] if op == "LinearClassifier" else ["Z"], x, attributes)
    scores = np.nan_to_num(result["Z"], nan=1e30)  # JSON has no NaN: 1e30 stands for it
    return dict(op=op, rows=rows, attributes=attributes, x=numbers(x), scores=numbers(scores), labels=result["Y"].tolist() if "Y" in result else None)


def weights(shape):
    return numbers(np.round(random.normal(size=shape) * 0.4, 3))


cases = []
for transform in ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]:
    for outputs, labels in ((1, 2), (2, 2), (3, 3), (18, 18)):
        if outputs == 1 and transform == "PROBIT":
            continue  # onnxruntime overwrites scores that it has yet to read
        cases.append(case("LinearClassifier", 5, dict(coefficients=weights((outputs, 5)), intercepts=weights(outputs), post_transform=transform,
                                                      classlabels_ints=[7 + 2 * i for i in range(labels)])))
    for targets in (1, 3):
        cases.append(case("LinearRegressor", 4, dict(coefficients=weights((targets, 4)), intercepts=weights(targets), post_transform=transform, targets=targets)))
for norm in ("MAX", "L1", "L2"):
    for columns in (1, 7, 20):
        cases.append(case("Normalizer", columns, dict(norm=norm)))
with open("cases.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases")
