"""Is it fast? Models beside PyTorch and onnxruntime, kernels beside what the hardware allows, and the daemon's own time."""

import http.client
import json
import re
import statistics
import subprocess
import time

import models
from figures import run

# Blocks of each engine in turn.
ROUNDS = 5


class Inferd:
    """inferd bench, a process for each block."""

    name = "inferd"

    def __init__(self, context, path, kind, batch, size, precision):
        self.command = [context.kit / "inferd", "bench", path, "--json", "--device", context.device, "--precision", precision, "--duration", f"{context.seconds}s"]
        self.command += ["--size", f"batch={batch},sequence={size}" if kind == models.TEXT else f"batch={batch}"]
        self.environment = context.environment

    def latency(self):
        return json.loads(run(self.command, self.environment, 300).stdout)["latency_us"]["p50"]

    def throughput(self):
        return json.loads(run([*self.command, "--in-flight", "3"], self.environment, 300).stdout)["runs_per_second"]


class PyTorch:
    """torch.compile in this process."""

    name = "torch.compile"

    def __init__(self, context, model, weights, inputs, precision):
        import torch

        import torch_backend

        dtype = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[precision]
        module = torch_backend.Module(model, weights, dtype, "cuda")
        self.caller, self.seconds = torch_backend.Caller(module, inputs, compiled=True), context.seconds

    def latency(self):
        return self.caller.latency(self.seconds)

    def throughput(self):
        return self.caller.throughput(self.seconds)


class OnnxRuntime:
    """onnxruntime's CUDA provider in this process, float32 models as they are."""

    name = "onnxruntime"

    def __init__(self, context, path, inputs):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(str(path), providers=["CUDAExecutionProvider"])
        self.inputs, self.seconds = inputs, context.seconds

    def latency(self):
        times, end = [], time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            self.session.run(None, self.inputs)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e6

    def throughput(self):
        return 1e6 / self.latency()


def has_onnxruntime():
    try:
        import onnxruntime
    except ImportError:
        return False
    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def beside(context):
    """Each model at each size, engines in alternating blocks: the bars are 1.2 times the best peer's throughput and 0.8 of its latency at batch 1."""
    for name, (model, kind, shapes) in context.models.items():
        path, weights = context.export(name)
        for batch, size in shapes:
            inputs = models.inputs(kind, batch, size, context.vocabulary, seed=13)
            for precision in context.precisions:
                engines = [Inferd(context, path, kind, batch, size, precision), PyTorch(context, model, weights, inputs, precision)]
                if has_onnxruntime():
                    engines.append(OnnxRuntime(context, path, inputs))
                label = f"{name} {batch}x{size} {precision}"
                if batch == 1:
                    ours, peer, detail = compare(engines, "latency", min)
                    context.figures.at_most(label + ": latency of the best peer's", ours / peer, 0.8, "x", detail + " us")
                ours, peer, detail = compare(engines, "throughput", max)
                context.figures.at_least(label + ": throughput of the best peer's", ours / peer, 1.2, "x", detail + " runs/s")


def compare(engines, measure, best):
    """The median of ours and of the best peer, and all medians with their spread in words."""
    blocks = {engine.name: [] for engine in engines}
    for _ in range(ROUNDS):
        for engine in engines:
            blocks[engine.name].append(getattr(engine, measure)())
    medians = {name: statistics.median(values) for name, values in blocks.items()}
    detail = ", ".join(f"{name} {medians[name]:.5g} ({min(values):.5g}-{max(values):.5g})" for name, values in blocks.items())
    return medians["inferd"], best(value for name, value in medians.items() if name != "inferd"), detail


BENCHMARK = re.compile(r"^BenchmarkKernels/(\S+?)(?:-\d+)?\s+\d+\s+(.*)$", re.M)


def kernels(context):
    """Kernels beside the copy bandwidth, and attention beside PyTorch's, each timed by events."""
    command = [context.kit / "device-tests", "-test.run", "NONE", "-test.bench", "Kernels", "-test.benchtime", f"{context.seconds}s"]
    text = run(command, context.tests(), 900).stdout
    measured = {name: dict((unit, float(value)) for value, unit in re.findall(r"(\S+) (\S+)", rest)) for name, rest in BENCHMARK.findall(text)}
    if "copy" not in measured:
        raise RuntimeError("no benchmarks:\n" + text[-2000:])
    copy = measured.pop("copy")["GB/s"]
    context.figures.add("copy on the device", copy, "GB/s", detail="read and written")
    for name, units in measured.items():
        if "GB/s" in units:
            context.figures.at_least(f"{name}: bandwidth of the copy's", 100 * units["GB/s"] / copy, 85, "%", f"{units['us']:.5g} us, {units['GB/s']:.5g} GB/s")
        elif "TFLOP/s" in units:
            context.figures.add(name, units["TFLOP/s"], "TFLOP/s", detail=f"{units['us']:.5g} us")
        else:
            context.figures.add(name, units["us"], "us")
        if name.startswith("attention"):
            attention(context, name, units["us"])


def attention(context, name, ours):
    """Compares with PyTorch's attention; the name says type, batch, heads, length and head size, as attention_f16_4x16x2048x128."""
    import torch

    import torch_backend

    _, kind, shape = name.split("_")
    batch, heads, length, size = map(int, shape.split("x"))
    peer = torch_backend.attention_time(batch, heads, length, size, {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[kind], context.seconds)
    context.figures.at_least(f"{name}: speed of PyTorch's", peer / ours, 1, "x", f"{ours:.5g} us beside {peer:.5g}")


PHASE = re.compile(r'^inferd_request_phase_duration_seconds_(sum|count)\{.*?phase="(\w+)".*?\} (\S+)$', re.M)


def overhead(context):
    """From a request to its kernel: decoding and queueing as the daemon's metrics have them, and submitting as bench has it."""
    command = [context.kit / "inferd", "serve", "--device", context.device, "--http-port", "18000", "--metrics-port", "18002", context.kit / "samples"]
    server = subprocess.Popen([str(part) for part in command], env=context.environment, stderr=subprocess.DEVNULL)
    try:
        body = (context.kit / "samples" / "digits_cnn" / "request.json").read_bytes()
        wait_until_ready(18000, server)
        connection = http.client.HTTPConnection("127.0.0.1", 18000)
        for _ in range(context.requests):
            connection.request("POST", "/v2/models/digits_cnn/infer", body)
            answer = connection.getresponse()
            if (text := answer.read()) and answer.status != 200:
                raise RuntimeError(f"the daemon answers {answer.status}: {text}")
        metrics = http.client.HTTPConnection("127.0.0.1", 18002)
        metrics.request("GET", "/metrics")
        phases = means(metrics.getresponse().read().decode())
    finally:
        server.terminate()
        server.wait(30)
    model = context.kit / "samples" / "digits_cnn" / "1" / "model.onnx"
    result = json.loads(run([context.kit / "inferd", "bench", model, "--json", "--device", context.device, "--duration", f"{context.seconds}s"], context.environment, 300).stdout)
    submit = result["submit_us"]["p50"]
    total = phases["decode"] + phases["queue"] + submit
    detail = f"decode {phases['decode']:.3g}, queue {phases['queue']:.3g}, submit {submit:.3g} us; JSON request of 64 numbers, one connection"
    context.figures.at_most("daemon: request to kernel", total, 30, "us", detail)


def means(text):
    """The mean of each phase in microseconds, over all models."""
    sums = {}
    for part, phase, value in PHASE.findall(text):
        sums.setdefault(phase, {"sum": 0, "count": 0})[part] += float(value)
    return {phase: 1e6 * both["sum"] / max(1, both["count"]) for phase, both in sums.items()}


def wait_until_ready(port, server, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the daemon is not ready")
