"""The larger models, written once and read twice: as ONNX graphs for inferd and as PyTorch modules for its peer, with the same seeded weights.

A model is a function of a backend (functions of the network) and its inputs. onnx_backend.py records the calls as nodes, torch_backend.py runs them.
"""

import math

import numpy


class Weights:
    """Seeded weights by name, so that both backends get the same ones."""

    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.arrays = {}

    def normal(self, name, shape, scale):
        return self.keep(name, lambda: self.random.standard_normal(shape, dtype=numpy.float32) * scale)

    def ones(self, name, size):
        return self.keep(name, lambda: 1 + 0.1 * self.random.standard_normal(size, dtype=numpy.float32))

    def keep(self, name, make):
        if name not in self.arrays:
            self.arrays[name] = make().astype(numpy.float32)
        return name, self.arrays[name]


def linear(f, w, name, x, rows, columns):
    weight = w.normal(name + ".weight", (rows, columns), 1 / math.sqrt(rows))
    return f.linear(x, weight, w.normal(name + ".bias", (columns,), 0.02))


def layer_norm(f, w, name, x, width):
    return f.layer_norm(x, w.ones(name + ".weight", width), w.normal(name + ".bias", (width,), 0.02))


def attention(f, w, name, x, width, heads, mask=None):
    q, k, v = (linear(f, w, f"{name}.{part}", x, width, width) for part in ("query", "key", "value"))
    return linear(f, w, name + ".output", f.attention(q, k, v, heads, mask), width, width)


def encoder(layers, width, heads, vocabulary=30522, positions=512):
    """BERT (Devlin et al., 2018): embeddings and layers with the normalisation behind each part. MiniLM is 6 layers of 384."""

    def model(f, w, ids, mask):
        x = f.embedding(ids, w.normal("words", (vocabulary, width), 0.5))
        x = f.add(x, f.positions(ids, w.normal("positions", (positions, width), 0.1)))
        x = layer_norm(f, w, "embeddings", x, width)
        bias = f.mask(mask)
        for i in range(layers):
            name = f"layer{i}"
            x = layer_norm(f, w, name + ".norm1", f.add(x, attention(f, w, name + ".attention", x, width, heads, bias)), width)
            inner = f.gelu(linear(f, w, name + ".inner", x, width, 4 * width))
            x = layer_norm(f, w, name + ".norm2", f.add(x, linear(f, w, name + ".outer", inner, 4 * width, width)), width)
        return x

    return model


def vision_transformer(layers, width, heads, image=224, patch=16, classes=1000):
    """ViT (Dosovitskiy et al., 2020): patches, a class token, layers with the normalisation ahead of each part."""

    def model(f, w, pixels):
        x = f.conv(pixels, w.normal("patches.weight", (width, 3, patch, patch), 1 / math.sqrt(3 * patch * patch)), w.normal("patches.bias", (width,), 0.02), patch, 0)
        x = f.tokens(x, w.normal("class", (1, 1, width), 0.02))
        x = f.add(x, f.constant(w.normal("positions", (1, (image // patch) ** 2 + 1, width), 0.02)))
        for i in range(layers):
            name = f"layer{i}"
            x = f.add(x, attention(f, w, name + ".attention", layer_norm(f, w, name + ".norm1", x, width), width, heads))
            inner = f.gelu(linear(f, w, name + ".inner", layer_norm(f, w, name + ".norm2", x, width), width, 4 * width))
            x = f.add(x, linear(f, w, name + ".outer", inner, 4 * width, width))
        x = f.first_token(layer_norm(f, w, "norm", x, width))
        return linear(f, w, "head", x, width, classes)

    return model


def residual_network(blocks=(3, 4, 6, 3), classes=1000):
    """ResNet-50 (He et al., 2015) with the stride in the 3x3 convolution; normalisations are folded into the convolutions, as for inference."""

    def conv(f, w, name, x, channels, output, size, stride=1):
        weight = w.normal(name + ".weight", (output, channels, size, size), math.sqrt(2 / (channels * size * size)))
        return f.conv(x, weight, w.normal(name + ".bias", (output,), 0.02), stride, size // 2)

    def bottleneck(f, w, name, x, channels, inner, stride):
        y = f.relu(conv(f, w, name + ".1", x, channels, inner, 1))
        y = f.relu(conv(f, w, name + ".2", y, inner, inner, 3, stride))
        y = f.scale(conv(f, w, name + ".3", y, inner, 4 * inner, 1), 0.25)
        if channels != 4 * inner:
            x = conv(f, w, name + ".shortcut", x, channels, 4 * inner, 1, stride)
        return f.relu(f.add(y, x))

    def model(f, w, pixels):
        x = f.max_pool(f.relu(conv(f, w, "stem", pixels, 3, 64, 7, 2)))
        channels = 64
        for stage, count in enumerate(blocks):
            inner = 64 << stage
            for i in range(count):
                x = bottleneck(f, w, f"stage{stage}.{i}", x, channels, inner, 2 if i == 0 and stage > 0 else 1)
                channels = 4 * inner
        return linear(f, w, "head", f.average(x), channels, classes)

    return model


def depthwise_network(blocks=((16, 1), (24, 2), (24, 1), (40, 2), (40, 1), (80, 2), (112, 1), (160, 2)), classes=1000):
    """MobileNetV2 (Sandler et al., 2018) in small: each block widens six times, convolves every channel by itself, and narrows."""

    def conv(f, w, name, x, channels, output, size, stride=1, groups=1):
        weight = w.normal(name + ".weight", (output, channels // groups, size, size), math.sqrt(2 * groups / (channels * size * size)))
        return f.conv(x, weight, w.normal(name + ".bias", (output,), 0.02), stride, size // 2, groups)

    def model(f, w, pixels):
        x, channels = f.relu(conv(f, w, "stem", pixels, 3, 16, 3, 2)), 16
        for i, (output, stride) in enumerate(blocks):
            name, inner = f"block{i}", 6 * channels
            y = f.relu(conv(f, w, name + ".widen", x, channels, inner, 1))
            y = f.relu(conv(f, w, name + ".depthwise", y, inner, inner, 3, stride, inner))
            y = conv(f, w, name + ".narrow", y, inner, output, 1)
            x, channels = f.add(x, f.scale(y, 0.5)) if stride == 1 and channels == output else y, output
        return linear(f, w, "head", f.average(x), channels, classes)

    return model


# The models that are measured: name, function, inputs, and (batch sizes, sequence length).
TEXT, IMAGE = "text", "image"
MODELS = {
    "minilm": (encoder(6, 384, 12), TEXT, [(1, 128), (32, 128)]),
    "bert_base": (encoder(12, 768, 12), TEXT, [(1, 128), (8, 128)]),
    "resnet50": (residual_network(), IMAGE, [(1, 224), (32, 224)]),
    "vit_tiny": (vision_transformer(12, 192, 3), IMAGE, [(1, 224), (32, 224)]),
    "mobilenet": (depthwise_network(), IMAGE, [(1, 224), (32, 224)]),
}
# For a trial of this folder without a GPU.
SMALL = {
    "encoder": (encoder(2, 64, 4, vocabulary=100, positions=64), TEXT, [(1, 16), (4, 16)]),
    "residual": (residual_network((1, 1), classes=10), IMAGE, [(1, 64), (2, 64)]),
    "depthwise": (depthwise_network(((16, 1), (24, 2), (24, 1)), classes=10), IMAGE, [(1, 64), (2, 64)]),
    "vision": (vision_transformer(2, 48, 3, image=64), IMAGE, [(1, 64), (2, 64)]),
}


def inputs(kind, batch, size, vocabulary, seed):
    """Random inputs by name. Masks are those of sentences of different lengths."""
    random = numpy.random.default_rng(seed)
    if kind == IMAGE:
        return {"pixels": random.standard_normal((batch, 3, size, size), dtype=numpy.float32)}
    lengths = random.integers(size // 2, size + 1, batch)
    lengths[0] = size
    return {
        "ids": random.integers(0, vocabulary, (batch, size), dtype=numpy.int64),
        "mask": (numpy.arange(size)[None, :] < lengths[:, None]).astype(numpy.int64),
    }
