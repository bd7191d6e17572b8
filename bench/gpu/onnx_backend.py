"""Records a model of models.py as an ONNX graph, with the nodes that PyTorch's exporter writes."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Functions of a network that append nodes. Values are names."""

    def __init__(self):
        self.nodes, self.initializers, self.known = [], [], set()

    def node(self, op, inputs, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, weight):
        name, array = weight
        if name not in self.known:
            self.known.add(name)
            self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values):
        return self.constant(("integers" + "_".join(map(str, values)), numpy.array(values, numpy.int64)))

    def number(self, value):
        return self.constant((f"number{value}", numpy.array(value, numpy.float32)))

    def add(self, a, b):
        return self.node("Add", [a, b])

    def relu(self, x):
        return self.node("Relu", [x])

    def gelu(self, x):
        return self.node("Gelu", [x])

    def scale(self, x, factor):
        return self.node("Mul", [x, self.number(factor)])

    def linear(self, x, weight, bias):
        return self.node("Add", [self.node("MatMul", [x, self.constant(weight)]), self.constant(bias)])

    def layer_norm(self, x, weight, bias):
        return self.node("LayerNormalization", [x, self.constant(weight), self.constant(bias)], axis=-1, epsilon=1e-5)

    def embedding(self, ids, table):
        return self.node("Gather", [self.constant(table), ids])

    def positions(self, ids, table):
        length = self.node("Gather", [self.node("Shape", [ids]), self.integers(1)], axis=0)
        return self.node("Slice", [self.constant(table), self.integers(0), length, self.integers(0)])

    def mask(self, mask):
        """0 where a token counts, the least number where it does not, broadcast over heads and queries."""
        wide = self.node("Unsqueeze", [self.node("Cast", [mask], to=TensorProto.FLOAT), self.integers(1, 2)])
        least = self.number(float(numpy.finfo(numpy.float32).min))
        return self.node("Mul", [self.node("Sub", [self.number(1.0), wide]), least])

    def attention(self, q, k, v, heads, mask):
        def split(x, *order):
            return self.node("Transpose", [self.node("Reshape", [x, self.integers(0, 0, heads, -1)])], perm=order)

        size = self.node("Shape", [split(q, 0, 2, 1, 3)], start=3, end=4)
        root = self.node("Sqrt", [self.node("Cast", [size], to=TensorProto.FLOAT)])
        scores = self.node("Div", [self.node("MatMul", [split(q, 0, 2, 1, 3), split(k, 0, 2, 3, 1)]), root])
        if mask is not None:
            scores = self.add(scores, mask)
        mixed = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), split(v, 0, 2, 1, 3)])
        return self.node("Reshape", [self.node("Transpose", [mixed], perm=[0, 2, 1, 3]), self.integers(0, 0, -1)])

    def conv(self, x, weight, bias, stride, pad, groups=1):
        inputs = [x, self.constant(weight), self.constant(bias)]
        return self.node("Conv", inputs, strides=[stride] * 2, pads=[pad] * 4, kernel_shape=weight[1].shape[2:], group=groups)

    def max_pool(self, x):
        return self.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])

    def average(self, x):
        return self.node("Flatten", [self.node("GlobalAveragePool", [x])])

    def tokens(self, x, token):
        """[N, C, H, W] to [N, 1 + H*W, C], the class token first."""
        flat = self.node("Transpose", [self.node("Reshape", [x, self.integers(0, 0, -1)])], perm=[0, 2, 1])
        batch = self.node("Shape", [x], start=0, end=1)
        shape = self.node("Concat", [batch, self.integers(1, token[1].shape[2])], axis=0)
        return self.node("Concat", [self.node("Expand", [self.constant(token), shape]), flat], axis=1)

    def first_token(self, x):
        return self.node("Gather", [x, self.constant(("first", numpy.array(0, numpy.int64)))], axis=1)


def export(model, weights, kind, size, path):
    """Writes the model with a symbolic batch, and a symbolic sequence where it has one; size is that of images."""
    f = Graph()
    if kind == "text":
        shape, names, dtype = ["batch", "sequence"], ["ids", "mask"], TensorProto.INT64
        rank = ["batch", "sequence", None]
    else:
        shape, names, dtype = ["batch", 3, size, size], ["pixels"], TensorProto.FLOAT
        rank = ["batch", None]
    output = model(f, weights, *names)
    f.nodes.append(helper.make_node("Identity", [output], ["output"], name="output"))
    declared = [helper.make_tensor_value_info(name, dtype, shape) for name in names]
    graph = helper.make_graph(f.nodes, path.parent.name, declared, [helper.make_tensor_value_info("output", TensorProto.FLOAT, rank)], f.initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(made, str(path))


def write_case(folder, inputs, output, relative, absolute):
    """Adds a data set to a case folder in the layout of ONNX's backend tests."""
    data = folder / "test_data_set_0"
    data.mkdir(exist_ok=True)
    for i, (name, array) in enumerate(inputs.items()):
        (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
    (data / "output_0.pb").write_bytes(numpy_helper.from_array(output, "output").SerializeToString())
    (folder / "data.json").write_text(f'{{"rtol": {relative}, "atol": {absolute}}}\n')
