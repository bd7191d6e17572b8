"""Runs a model of models.py with PyTorch, and times it the way a Python server would use it: inputs from pinned memory, outputs back to it."""

import statistics
import time

import torch
from torch.nn import functional


class Names:
    """Stands in for models.Weights where the weights are known: only their names matter."""

    def normal(self, name, shape, scale):
        return name, None

    def ones(self, name, size):
        return name, None


class Module(torch.nn.Module):
    """Functions of a network over tensors. The weights are those that exporting the model has drawn."""

    def __init__(self, model, weights, dtype, device):
        super().__init__()
        self.model, self.names, self.dtype = model, Names(), dtype
        self.tensors = {name: torch.from_numpy(array).to(device, dtype) for name, array in weights.arrays.items()}

    def forward(self, *inputs):
        return self.model(self, self.names, *inputs).float()

    def constant(self, weight):
        return self.tensors[weight[0]]

    def add(self, a, b):
        return a + b

    def relu(self, x):
        return functional.relu(x)

    def gelu(self, x):
        return functional.gelu(x)

    def scale(self, x, factor):
        return x * factor

    def linear(self, x, weight, bias):
        return torch.matmul(x, self.constant(weight)) + self.constant(bias)

    def layer_norm(self, x, weight, bias):
        return functional.layer_norm(x, x.shape[-1:], self.constant(weight), self.constant(bias), 1e-5)

    def embedding(self, ids, table):
        return functional.embedding(ids, self.constant(table))

    def positions(self, ids, table):
        return self.constant(table)[: ids.shape[1]]

    def mask(self, mask):
        return (mask[:, None, None, :] == 0).to(self.dtype) * torch.finfo(self.dtype).min

    def attention(self, q, k, v, heads, mask):
        q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)

    def conv(self, x, weight, bias, stride, pad, groups=1):
        if x.dtype != self.dtype:
            x = x.to(self.dtype)
        kernel = self.constant(weight).contiguous(memory_format=torch.channels_last)
        return functional.conv2d(x.contiguous(memory_format=torch.channels_last), kernel, self.constant(bias), stride, pad, groups=groups)

    def max_pool(self, x):
        return functional.max_pool2d(x, 3, 2, 1)

    def average(self, x):
        return x.mean((2, 3))

    def tokens(self, x, token):
        flat = x.flatten(2).transpose(1, 2)
        return torch.cat([self.constant(token).expand(x.shape[0], -1, -1), flat], 1)

    def first_token(self, x):
        return x[:, 0]


class Caller:
    """Calls a compiled module on inputs that lie in pinned memory."""

    def __init__(self, module, inputs, compiled):
        self.module = torch.compile(module, mode="max-autotune", dynamic=False) if compiled else module
        self.inputs = [torch.from_numpy(array).pin_memory() for array in inputs.values()]
        with torch.inference_mode():
            for _ in range(3):
                output = self.call()
        self.output = torch.empty(output.shape, dtype=output.dtype, pin_memory=True)
        torch.cuda.synchronize()

    def call(self):
        return self.module(*[x.to("cuda", non_blocking=True) for x in self.inputs])

    def latency(self, seconds):
        """The median time in microseconds until a call's output is back."""
        times = []
        with torch.inference_mode():
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                began = time.perf_counter()
                self.output.copy_(self.call(), non_blocking=True)
                torch.cuda.synchronize()
                times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e6

    def throughput(self, seconds):
        """Calls a second, with several under way."""
        calls = 0
        with torch.inference_mode():
            began = time.perf_counter()
            while time.perf_counter() < began + seconds:
                for _ in range(10):
                    self.output.copy_(self.call(), non_blocking=True)
                torch.cuda.synchronize()
                calls += 10
            return calls / (time.perf_counter() - began)


def attention_time(batch, heads, length, size, dtype, seconds):
    """The median time in microseconds of PyTorch's own attention, by events."""
    q, k, v = (torch.randn(batch, heads, length, size, dtype=dtype, device="cuda") for _ in range(3))
    times = []
    with torch.inference_mode():
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            began.record()
            for _ in range(10):
                functional.scaled_dot_product_attention(q, k, v)
            ended.record()
            torch.cuda.synchronize()
            times.append(began.elapsed_time(ended) * 100)
    return statistics.median(times)
