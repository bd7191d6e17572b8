"""Writes cases.json.gz: small random tree ensembles with what onnxruntime computes for them.

Needs onnx, onnxruntime and numpy. Every node mode, missing-value rule, aggregate, post-transform and shape of votes occurs.
"""
import gzip
import json
import random

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
GRID = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]  # thresholds and inputs, so that equality happens
FEATURES = 4
rng = random.Random(7)
ort.set_default_logger_severity(4)


def tree(nodes, tree_id, depth, modes, missing):
    """Appends a random tree, depth first, and returns its leaves."""
    leaves = []

    def grow(level):
        index = len(nodes)
        node_id = sum(1 for n in nodes if n["tree"] == tree_id)
        nodes.append(dict(tree=tree_id, id=node_id, feature=0, mode="LEAF", value=0.0, true=0, false=0, missing=0))
        if level == depth or (level > 0 and rng.random() < 0.2):
            leaves.append(node_id)
            return node_id
        node = nodes[index]
        node.update(feature=rng.randrange(FEATURES), mode=rng.choice(modes), value=rng.choice(GRID), missing=rng.randrange(2) if missing else 0)
        node["true"] = grow(level + 1)
        node["false"] = grow(level + 1)
        return node_id

    grow(0)
    return leaves


def run(model, x, targets, outputs):
    """Runs the model twice over different memory: a score that onnxruntime leaves unwritten is zero in ours."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results = []
    for fill in (0, 1):
        result = dict(Y=np.full(len(x), fill, np.int64), Z=np.full((len(x), targets), fill, np.float32))
        binding = session.io_binding()
        binding.bind_cpu_input("X", x)
        for name in outputs:
            array = result[name]
            binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        session.run_with_iobinding(binding)
        results.append(result)
    written = (results[0]["Z"] == results[1]["Z"]) | np.isnan(results[0]["Z"])
    results[0]["Z"][~written] = 0
    return results[0]


def case(classifier, targets, voted, votes, transform, aggregate, bases, modes, missing, positive, trees=3, depth=3):
    nodes, leaf = [], dict(tree=[], id=[], target=[], weight=[])
    low = 0.0 if positive else -1.0
    for t in range(trees):
        own = voted[t % len(voted)]
        for node_id in tree(nodes, t, depth, modes, missing):
            chosen = {"all": voted, "own": [own], "random": [rng.choice(voted)]}[votes]
            for target in chosen:
                leaf["tree"].append(t)
                leaf["id"].append(node_id)
                leaf["target"].append(target)
                leaf["weight"].append(float(np.float32(round(rng.uniform(low, 1), 3) / trees)))
    column = lambda name: [n[name] for n in nodes]
    attributes = dict(nodes_treeids=column("tree"), nodes_nodeids=column("id"), nodes_featureids=column("feature"),
                      nodes_modes=column("mode"), nodes_values=column("value"), nodes_truenodeids=column("true"),
                      nodes_falsenodeids=column("false"), post_transform=transform)
    if missing:
        attributes["nodes_missing_value_tracks_true"] = column("missing")
    if bases:
        attributes["base_values"] = [float(np.float32(round(rng.uniform(-0.5, 0.5), 3))) for _ in range(bases)]
    prefix = "class" if classifier else "target"
    for name, key in (("treeids", "tree"), ("nodeids", "id"), ("ids", "target"), ("weights", "weight")):
        attributes[f"{prefix}_{name}"] = leaf[key]
    if classifier:
        attributes["classlabels_int64s"] = [10 + 3 * i for i in range(targets)]
    else:
        attributes.update(n_targets=targets, aggregate_function=aggregate)
    outputs = ["Y", "Z"] if classifier else ["Z"]
    node = helper.make_node("TreeEnsembleClassifier" if classifier else "TreeEnsembleRegressor", ["X"], outputs, domain="ai.onnx.ml", **attributes)
    types = dict(Y=TensorProto.INT64, Z=TensorProto.FLOAT)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, FEATURES])],
                              [helper.make_tensor_value_info(o, types[o], None) for o in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)], ir_version=8)
    x = np.array([[rng.choice(GRID + [rng.uniform(-2, 2)]) for _ in range(FEATURES)] for _ in range(6)], np.float32)
    x[4, 1] = x[5, :] = np.nan
    result = run(model, x, targets, outputs)
    number = lambda v: "NaN" if np.isnan(v) else "+Inf" if v == np.inf else "-Inf" if v == -np.inf else f"{v:.8g}"
    vector = lambda a: " ".join(number(v) for v in a.ravel())
    return dict(classifier=classifier, targets=targets, aggregate=aggregate, attributes={k: v for k, v in attributes.items() if k not in ("aggregate_function", "n_targets")},
                x=vector(x), scores=vector(result["Z"]), labels=result["Y"].tolist() if classifier else None)


def main():
    cases = []
    for mode in MODES:
        for missing in (False, True):
            cases.append(case(False, 1, [0], "own", "NONE", "SUM", 1, [mode], missing, False))
    cases.append(case(False, 1, [0], "own", "NONE", "SUM", 0, MODES, True, False, depth=5))
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        for bases in (0, 3):
            cases.append(case(False, 3, [0, 1, 2], "random", "SOFTMAX" if bases else "NONE", aggregate, bases, MODES[:4], True, False))
        cases.append(case(False, 1, [0], "own", "PROBIT" if aggregate == "AVERAGE" else "LOGISTIC", aggregate, 1, MODES[:2], False, True, depth=2))
    for transform in TRANSFORMS:
        for voted in ([0], [1], [0, 1]):
            for bases in (0, 1, 2):
                for positive in (False, True):
                    votes = "own" if len(voted) == 1 else rng.choice(["all", "random"])
                    cases.append(case(True, 2, voted, votes, transform, "SUM", bases, MODES[:1], True, positive, trees=2, depth=1))
        for bases in (0, 3):
            cases.append(case(True, 3, [0, 1, 2], rng.choice(["own", "all", "random"]), transform, "SUM", bases, MODES[:4], True, False, depth=2))
        cases.append(case(True, 3, [0, 2], "random", transform, "SUM", 0, MODES[:4], True, False, depth=2))
        cases.append(case(True, 1, [0], "own", transform, "SUM", 0, MODES[:4], True, False, depth=1))
    text = "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"
    with open("cases.json.gz", "wb") as f:
        f.write(gzip.compress(text.encode(), 9, mtime=0))
    print(len(cases), "cases")


main()
