"""Is it right? Operator cases, memory errors and whole models on the GPU."""

import re
import shutil
import subprocess

import models
import onnx_backend
from figures import run

# Case folders hold outputs of PyTorch in float32. An element may be off by the absolute tolerance times the largest output, plus the relative one.
TOLERANCES = {"fp32": (1e-3, 1e-4), "tf32": (1e-2, 5e-3), "fp16": (2e-2, 1e-2), "bf16": (1e-1, 6e-2)}


def cases(context):
    """Every operator case, on the device's kernels where it has one."""
    done = run([context.kit / "device-tests", "-test.run", "TestCases", "-test.v"], context.tests(), 1800, check=False)
    passed, failed = (len(re.findall(rf"^ +--- {word}: TestCases/", done.stdout, re.M)) for word in ("PASS", "FAIL"))
    detail = f"{passed} passed" + "".join("; " + line.strip() for line in done.stdout.splitlines() if "--- FAIL" in line)[:2000]
    if passed == 0:
        detail += "; " + done.stdout[-500:]
    context.figures.add("operator cases that fail", failed, "cases", "at most 0", failed == 0 and passed > 0 and done.returncode == 0, detail)


def sanitizer(context):
    """The same cases under compute-sanitizer's memcheck and racecheck."""
    tool = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    for check in ("memcheck", "racecheck"):
        name = f"compute-sanitizer, {check}: errors"
        if tool is None:
            context.figures.not_run(name, "compute-sanitizer is not installed")
            continue
        command = [tool, "--tool", check, "--error-exitcode", "9", context.kit / "device-tests", "-test.run", context.sanitized]
        try:
            done = run(command, context.tests(), context.sanitizer_seconds, check=False)
        except subprocess.TimeoutExpired:
            context.figures.not_run(name, f"it took more than {context.sanitizer_seconds} s")
            continue
        found = re.search(r"(?:ERROR SUMMARY|RACECHECK SUMMARY): (\d+)", done.stdout)
        if found is None:
            context.figures.not_run(name, done.stdout[-500:])
            continue
        context.figures.at_most(name, int(found[1]), 0, "errors", f"cases {context.sanitized}; the program ended with {done.returncode}")


def carried(context):
    """The models that came with the kit, against their own outputs."""
    folders = sorted(path for path in (context.kit / "models").iterdir() if (path / "test_data_set_0").is_dir())
    done = run([context.kit / "inferd", "verify", "--device", context.device, "--precision", "fp32", *folders], context.environment, 600, check=False)
    lines = done.stdout.strip().splitlines()
    failed = [line for line in lines[:-1] if not line.lower().startswith(("pass", "ok"))]
    context.figures.at_most("models carried along that fail", len(folders) if not lines else done.returncode and max(1, len(failed)), 0, "models", f"{len(folders)} models; {lines[-1] if lines else 'no output'}")


def made(context):
    """The models of models.py against PyTorch, in each precision."""
    import torch

    import torch_backend

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for name, (model, kind, shapes) in context.models.items():
        path, weights = context.export(name)
        batch, size = shapes[-1]
        inputs = models.inputs(kind, batch, size, context.vocabulary, seed=11)
        with torch.inference_mode():
            module = torch_backend.Module(model, weights, torch.float32, context.torch_device)
            output = module(*[torch.from_numpy(array).to(context.torch_device) for array in inputs.values()]).cpu().numpy()
        for precision, (relative, absolute) in TOLERANCES.items():
            onnx_backend.write_case(path.parent, inputs, output, relative, absolute * float(abs(output).max()))
            done = run([context.kit / "inferd", "verify", "--device", context.device, "--precision", precision, path.parent], context.environment, 600, check=False)
            detail = " ".join(done.stdout.split())[:400]
            context.figures.at_most(f"{name} {batch}x{size} in {precision}: differs from PyTorch", done.returncode, 0, "", detail)
