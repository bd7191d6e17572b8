"""Trains the sample models and writes them into this folder, each with a request and a reference case.

    python -m venv .venv && .venv/bin/pip install -r bench/samples/requirements.txt
    .venv/bin/python bench/samples/train.py

digits_cnn is a convolutional network on scikit-learn's 8x8 digits, trained here in plain NumPy; breast_cancer is scikit-learn's gradient
boosting on its breast cancer data. Seeds are fixed. onnxruntime has to agree with what was trained; its outputs are the reference.
"""

import json
import pathlib

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn import datasets, ensemble, model_selection

FOLDER = pathlib.Path(__file__).resolve().parent
EPOCHS, BATCH = 40, 32


def split(data):
    features = data.data.astype(numpy.float32)
    return model_selection.train_test_split(features, data.target, test_size=0.25, random_state=0, stratify=data.target)


# digits_cnn: two convolutions, a pooling and two dense layers.


def columns(x):
    """The 3x3 neighbourhoods of every pixel of x [n, c, h, w], zero outside, as [n, h, w, c * 9]."""
    n, c, h, w = x.shape
    padded = numpy.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def uncolumns(d, c):
    """The transpose of columns: sums the gradients of the neighbourhoods into those of the pixels."""
    n, h, w, _ = d.shape
    d = d.reshape(n, h, w, c, 3, 3)
    padded = numpy.zeros((n, c, h + 2, w + 2), d.dtype)
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + h, j : j + w] += d[..., i, j].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1]


class Network:
    """The network and Adam's state. Convolution weights are [c * 9, out]."""

    def __init__(self, seed):
        random = numpy.random.default_rng(seed)
        shapes = {"conv1": (9, 8), "conv2": (72, 16), "dense1": (256, 64), "dense2": (64, 10)}
        self.weights = {k: random.normal(0, (2 / s[0]) ** 0.5, s).astype(numpy.float32) for k, s in shapes.items()}
        self.weights |= {k + ".bias": numpy.zeros(s[1], numpy.float32) for k, s in shapes.items()}
        self.moments = {k: [numpy.zeros_like(v), numpy.zeros_like(v)] for k, v in self.weights.items()}
        self.step = 0

    def forward(self, x):
        w = self.weights
        a1 = columns(x)
        y1 = numpy.maximum(a1 @ w["conv1"] + w["conv1.bias"], 0).transpose(0, 3, 1, 2)
        a2 = columns(y1)
        y2 = numpy.maximum(a2 @ w["conv2"] + w["conv2.bias"], 0).transpose(0, 3, 1, 2)
        blocks = y2.reshape(len(x), 16, 4, 2, 4, 2).transpose(0, 1, 2, 4, 3, 5).reshape(len(x), 256, 4)
        pooled = blocks.max(axis=2)
        y3 = numpy.maximum(pooled @ w["dense1"] + w["dense1.bias"], 0)
        logits = y3 @ w["dense2"] + w["dense2.bias"]
        exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True), (a1, y1, a2, y2, blocks, pooled, y3)

    def gradients(self, x, labels):
        probabilities, (a1, y1, a2, y2, blocks, pooled, y3) = self.forward(x)
        w, g = self.weights, {}

        def linear(name, inputs, d):
            g[name] = inputs.reshape(-1, inputs.shape[-1]).T @ d.reshape(-1, d.shape[-1])
            g[name + ".bias"] = d.reshape(-1, d.shape[-1]).sum(axis=0)
            return d @ w[name].T

        d = probabilities.copy()
        d[numpy.arange(len(x)), labels] -= 1
        d = linear("dense2", y3, d / len(x)) * (y3 > 0)
        d = linear("dense1", pooled, d)
        d = d[:, :, None] * (numpy.arange(4) == blocks.argmax(axis=2)[:, :, None])
        d = d.reshape(len(x), 16, 4, 4, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(y2.shape) * (y2 > 0)
        d = uncolumns(linear("conv2", a2, d.transpose(0, 2, 3, 1)), 8) * (y1 > 0)
        linear("conv1", a1, d.transpose(0, 2, 3, 1))
        return g

    def update(self, gradients, rate):
        self.step += 1
        for name, g in gradients.items():
            first, second = self.moments[name]
            first += 0.1 * (g - first)
            second += 0.001 * (g * g - second)
            correction = (1 - 0.999**self.step) ** 0.5 / (1 - 0.9**self.step)
            self.weights[name] -= (rate * correction * first / (numpy.sqrt(second) + 1e-8)).astype(numpy.float32)


def digits_cnn():
    data = datasets.load_digits()
    train, test, labels, test_labels = split(data)
    train, test = (x.reshape(-1, 1, 8, 8) for x in (train, test))
    network, random = Network(0), numpy.random.default_rng(0)
    for epoch in range(EPOCHS):
        order = random.permutation(len(train))
        for at in range(0, len(order), BATCH):
            rows = order[at : at + BATCH]
            network.update(network.gradients(train[rows] / 16, labels[rows]), 1e-3 * (1 - epoch / EPOCHS))
    expected, _ = network.forward(test / 16)

    w = network.weights
    constants = {k: v for k, v in w.items()}
    for name, channels in (("conv1", 1), ("conv2", 8)):
        constants[name] = numpy.ascontiguousarray(w[name].T.reshape(-1, channels, 3, 3))
    constants["scale"] = numpy.float32(1 / 16)
    nodes = [
        helper.make_node("Mul", ["image", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "conv1", "conv1.bias"], ["conv1.out"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Relu", ["conv1.out"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "conv2", "conv2.bias"], ["conv2.out"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Relu", ["conv2.out"], ["relu2"]),
        helper.make_node("MaxPool", ["relu2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "dense1", "dense1.bias"], ["dense1.out"]),
        helper.make_node("Relu", ["dense1.out"], ["relu3"]),
        helper.make_node("Gemm", ["relu3", "dense2", "dense2.bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    model = make_model(
        "digits_cnn",
        nodes,
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8]),
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    return model, test, test_labels, expected


# breast_cancer: gradient boosting, a tree per round.


def float_below(x):
    """The largest float32 not above x, so that float32 features take the same branch at it as at the float64 threshold."""
    rounded = numpy.float32(x)
    return float(rounded if rounded <= x else numpy.nextafter(rounded, numpy.float32(-numpy.inf)))


def append(table, row):
    for column, value in zip(table.values(), row):
        column.append(value)


def breast_cancer():
    data = datasets.load_breast_cancer()
    train, test, labels, test_labels = split(data)
    boosting = ensemble.GradientBoostingClassifier(n_estimators=120, max_depth=3, subsample=0.8, random_state=0).fit(train, labels)
    expected = boosting.predict_proba(test)

    nodes = {k: [] for k in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")}
    leaves = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    for i, estimator in enumerate(boosting.estimators_[:, 0]):
        tree = estimator.tree_
        for j in range(tree.node_count):
            left, right = int(tree.children_left[j]), int(tree.children_right[j])
            if left >= 0:
                append(nodes, (i, j, int(tree.feature[j]), "BRANCH_LEQ", float_below(tree.threshold[j]), left, right))
            else:
                append(nodes, (i, j, 0, "LEAF", 0.0, 0, 0))
                append(leaves, (i, j, 0, float(boosting.learning_rate * tree.value[j, 0, 0])))
    prior = float(numpy.mean(labels))
    node = helper.make_node(
        "TreeEnsembleClassifier", ["features"], ["label", "probabilities"], domain="ai.onnx.ml",
        classlabels_int64s=[0, 1], post_transform="LOGISTIC", base_values=[float(numpy.log(prior / (1 - prior)))],
        **{"nodes_" + k: v for k, v in nodes.items()}, **{"class_" + k: v for k, v in leaves.items()},
    )
    model = make_model(
        "breast_cancer",
        [node],
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", test.shape[1]]),
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2]),
        ],
        [],
    )
    return model, test, test_labels, expected


# Files.


def make_model(name, nodes, source, outputs, constants):
    graph = helper.make_graph(nodes, name, [source], outputs, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="bench/samples/train.py")


def write(model, inputs):
    """Writes the model, a request with the first row of inputs and a case with the first 32. Returns onnxruntime's outputs for all rows."""
    onnx.checker.check_model(model, full_check=True)
    folder = FOLDER / model.graph.name
    case = folder / "1" / "test_data_set_0"
    case.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "1" / "model.onnx")

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    (case / "input_0.pb").write_bytes(numpy_helper.from_array(inputs[:32], source).SerializeToString())
    for i, (output, value) in enumerate(zip(session.get_outputs(), session.run(None, {source: inputs[:32]}))):
        (case / f"output_{i}.pb").write_bytes(numpy_helper.from_array(value, output.name).SerializeToString())

    first = [int(x) if x == int(x) else float(str(x)) for x in inputs[0].ravel()]
    request = {"inputs": [{"name": source, "datatype": "FP32", "shape": [1, *inputs.shape[1:]], "data": first}]}
    (folder / "request.json").write_text(json.dumps(request, separators=(",", ":")) + "\n")
    return session.run(None, {source: inputs})


def main():
    for build in (digits_cnn, breast_cancer):
        model, inputs, labels, expected = build()
        probabilities = write(model, inputs)[-1]
        numpy.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-5)
        accuracy = numpy.mean(probabilities.argmax(axis=1) == labels)
        print(f"{model.graph.name}: accuracy {accuracy:.4f} on {len(labels)} test rows; the request's label is {labels[0]}")


if __name__ == "__main__":
    main()
