"""Runs everything that needs a GPU, from a folder that `make gpu-kit` made, and appends JSON lines for bench/results. See bench/gpu/README.md."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import traceback

import checks
import models
import onnx_backend
import speed
from figures import Figures

# In this order, so that what is wrong shows before what is slow.
STEPS = {
    "cases": checks.cases, "carried": checks.carried, "made": checks.made, "sanitizer": checks.sanitizer,
    "kernels": speed.kernels, "beside": speed.beside, "overhead": speed.overhead,
}


class Context:
    """What the steps share."""

    def __init__(self, options):
        self.kit = pathlib.Path(__file__).resolve().parent
        self.device, self.seconds, self.requests = "cuda:0", options.seconds, 20000
        self.sanitized, self.sanitizer_seconds = options.sanitize, 900
        self.models, self.precisions, self.vocabulary, self.torch_device = models.MODELS, ["fp16", "bf16"], 30522, "cuda"
        self.environment = dict(os.environ)
        if options.trial:
            self.models, self.vocabulary, self.torch_device, self.requests = models.SMALL, 100, "cpu", 200
        if options.model:
            self.models = {name: self.models[name] for name in options.model}
        library = find_cublas()
        if library and "INFERD_CUBLASLT_LIBRARY" not in self.environment:
            self.environment["INFERD_CUBLASLT_LIBRARY"] = library
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="inferd-gpu-"))
        self.exported = {}
        found = subprocess.run([str(self.kit / "inferd"), "devices"], env=self.environment, text=True, capture_output=True)
        print(found.stdout + found.stderr, flush=True)
        gpu = re.search(r"^cuda:0 +KIND_GPU +(.*?), compute capability", found.stdout, re.M)
        if gpu is None:
            sys.exit("inferd finds no GPU")
        self.figures = Figures(options.results, gpu[1], versions())

    def tests(self):
        return dict(self.environment, INFERD_TEST_GPU="1")

    def export(self, name):
        """Writes a model once; returns its path and its weights."""
        if name not in self.exported:
            model, kind, shapes = self.models[name]
            path, weights = self.folder / name / "model.onnx", models.Weights(seed=7)
            onnx_backend.export(model, weights, kind, shapes[0][1], path)
            self.exported[name] = path, weights
        return self.exported[name]


def find_cublas():
    """cuBLASLt as PyTorch ships it, for hosts where it is not on the loader's path."""
    try:
        import nvidia
    except ImportError:
        return None
    for folder in nvidia.__path__:
        for path in sorted(pathlib.Path(folder).glob("*/lib/libcublasLt.so.1[23]"), reverse=True):
            return str(path)
    return None


def versions():
    release = re.search(r"Module.*?(\d+\.\d+(?:\.\d+)?)", pathlib.Path("/proc/driver/nvidia/version").read_text()) if os.path.exists("/proc/driver/nvidia/version") else None
    text = "driver " + (release[1] if release else "unknown")
    try:
        import torch

        text += f", torch {torch.__version__}"
    except ImportError:
        pass
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default="gpu.jsonl", help="file that JSON lines are appended to")
    parser.add_argument("--only", default=",".join(STEPS), help="steps, separated by commas: " + ", ".join(STEPS))
    parser.add_argument("--model", action="append", help="of the models that are made, only this one (repeatable)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a block")
    parser.add_argument("--sanitize", default="TestCases", help="pattern of the tests that run under compute-sanitizer")
    parser.add_argument("--trial", action="store_true", help="small models and PyTorch on the CPU, to try this script with the fake driver")
    options = parser.parse_args()
    context, failed = Context(options), []
    for name in options.only.split(","):
        print(name, flush=True)
        try:
            STEPS[name](context)
        except Exception:
            traceback.print_exc()
            failed.append(name)
    if failed:
        sys.exit("steps that broke off: " + ", ".join(failed))


if __name__ == "__main__":
    main()
