"""Write cases.tar.gz: single-operator models with inputs and outputs that do not come from inferd.

Two sources: the node tests of the package onnx, and onnxruntime run on the models of module generated. Inputs that decide shapes become
constants, as they are in real models; operators that real models use with constant weights have both forms. Run it with the versions in
requirements.txt:

    python generate.py ../testdata/cases.tar.gz

A case that the archive has already keeps its outputs, whose last bits differ between processors; remove the archive to compute all of them anew.
"""

import gzip
import io
import json
import os
import sys
import tarfile
import warnings

import numpy
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

import generated
from operators import OPERATORS, SHAPE_INPUTS, WEIGHT_INPUTS

# Cases of the package onnx that are left out, with the reason.
EXCLUDED = {
    "training": "inference only",
    "float8": "element type that inferd does not have",
    "float4": "element type that inferd does not have",
    "FLOAT8": "element type that inferd does not have",
    "FLOAT4": "element type that inferd does not have",
    "INT4": "element type that inferd does not have",
    "INT2": "element type that inferd does not have",
    "_int4": "element type that inferd does not have",
    "_e4m3": "element type that inferd does not have",
    "_e5m2": "element type that inferd does not have",
    "E8M0": "element type that inferd does not have",
    "e8m0": "element type that inferd does not have",
    "sequence": "sequences",
    "optional": "optionals",
    "dropout_random": "random",
    "downsample_scales_linear_align_corners": "the resized length is not rounded there, which it is by the documentation, in onnxruntime and in PyTorch",
    "downsample_scales_cubic_align_corners": "as above",
}
# The oldest operator set that inferd reads.
OLDEST = 7
# Larger tensors show nothing that small ones do not.
LARGEST_CASE = 64 << 10


def main(path):
    warnings.simplefilter("ignore")
    cases = {}
    for name, model, inputs, outputs, tolerance in onnx_cases():
        add(cases, name, "onnx", model, inputs, outputs, tolerance)
    refused = []
    for name, model, inputs, tolerance in generated.cases():
        try:
            outputs = run(model, inputs)
        except Exception as error:  # whatever onnxruntime raises: list them all at the end
            refused.append(f"{name}: {error}")
            continue
        add(cases, name, "onnxruntime", model, inputs, outputs, tolerance)
    if refused:
        sys.exit("onnxruntime does not run:\n" + "\n".join(refused))
    keep(path, cases)
    write(path, cases)
    print(f"{len(cases)} cases")


def onnx_cases():
    """Yield the node tests of our operators that have one node and dense tensors."""
    for case in collect_testcases(None):
        model = case.model
        if model is None or len(model.graph.node) != 1 or any(word in case.name for word in EXCLUDED):
            continue
        node = model.graph.node[0]
        if (node.domain, node.op_type) not in OPERATORS or any(o.domain == "" and o.version < OLDEST for o in model.opset_import):
            continue
        for number, (inputs, outputs) in enumerate(case.data_sets):
            inputs, outputs = [array(x) for x in inputs], [array(x) for x in outputs]
            if not all(dense(x) for x in (*inputs, *outputs)):
                continue
            if sum(x.nbytes for x in (*inputs, *outputs)) > LARGEST_CASE:
                continue
            name = case.name if number == 0 else f"{case.name}_{number}"
            yield name, model, inputs, outputs, (case.rtol, case.atol)


def array(x):
    return numpy_helper.to_array(x) if isinstance(x, onnx.TensorProto) else x


def dense(x):
    if not isinstance(x, (numpy.ndarray, numpy.generic)):
        return False
    return x.dtype.kind in "fiubUO" or x.dtype.name == "bfloat16"


def run(model, inputs):
    """Compute the outputs with onnxruntime, without any optimisation of the graph."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs)})


def add(cases, name, source, model, inputs, outputs, tolerance):
    """Add the forms of a case in which real models have it."""
    node = model.graph.node[0]
    key = (node.domain, node.op_type)
    shapes = {node.input[i] for i in SHAPE_INPUTS.get(key, ()) if i < len(node.input)}
    weights = {node.input[i] for i in WEIGHT_INPUTS.get(key, ()) if i < len(node.input)}
    inputs = [numpy.asarray(x) for x in inputs]
    forms = [("", shapes)]
    if weights & {i.name for i in model.graph.input} and len(weights) < len(model.graph.input):
        forms.append(("_constant", shapes | weights))
    for suffix, constants in forms:
        fixed, remaining = fix(model, inputs, constants)
        cases[name + suffix] = {
            "source": source,
            "domain": node.domain,
            "op": node.op_type,
            "version": next(o.version for o in model.opset_import if o.domain == node.domain),
            "model": fixed.SerializeToString(deterministic=True),
            "inputs": [encode(x) for x in remaining],
            "outputs": [encode(x) for x in outputs],
            "rtol": tolerance[0],
            "atol": tolerance[1],
        }


def fix(model, inputs, constants):
    """Turn the named graph inputs into initializers."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.input[:]
    remaining = []
    for value, x in zip(model.graph.input, inputs, strict=True):
        if value.name in constants:
            tensor = numpy_helper.from_array(x, value.name)
            fixed.graph.initializer.append(tensor)
        else:
            fixed.graph.input.append(value)
            remaining.append(x)
    return fixed, remaining


def encode(x):
    x = numpy.asarray(x)
    if x.dtype.kind in "UO":
        texts = [t if isinstance(t, bytes) else str(t).encode() for t in x.reshape(-1)]
        return helper.make_tensor("", onnx.TensorProto.STRING, x.shape, texts).SerializeToString(deterministic=True)
    return numpy_helper.from_array(x).SerializeToString(deterministic=True)


def versions():
    return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}


def keep(path, cases):
    """Take over the outputs of cases with the same model and inputs from an archive that the same versions made."""
    if not os.path.exists(path):
        return
    with tarfile.open(path) as archive:
        files = {entry.name: archive.extractfile(entry).read() for entry in archive}
    if json.loads(files["manifest.json"])["versions"] != versions():
        return
    for name, case in cases.items():
        old = {kind: [files.get(f"{name}/{kind}_{i}.pb") for i in range(len(case[kind + "s"]))] for kind in ("input", "output")}
        if files.get(f"{name}/model.onnx") == case["model"] and old["input"] == case["inputs"] and None not in old["output"]:
            case["outputs"] = old["output"]


def write(path, cases):
    manifest = {
        "versions": versions(),
        "cases": [
            {k: case[k] for k in ("source", "domain", "op", "version", "rtol", "atol")} | {"name": name, "inputs": len(case["inputs"]), "outputs": len(case["outputs"])}
            for name, case in sorted(cases.items())
        ],
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        put(archive, "manifest.json", json.dumps(manifest, indent=0).encode())
        for name, case in sorted(cases.items()):
            put(archive, f"{name}/model.onnx", case["model"])
            for kind in ("input", "output"):
                for i, data in enumerate(case[kind + "s"]):
                    put(archive, f"{name}/{kind}_{i}.pb", data)
    with open(path, "wb") as file:
        file.write(gzip.compress(packed.getvalue(), 9, mtime=0))


def put(archive, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main(sys.argv[1])
