"""Cases of ai.onnx.ml: every post transform with one, two and more classes, as onnxruntime computes them."""

import itertools

import numpy

from build import floats, ints, single

TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def ml(name, op, inputs, **keywords):
    return single(f"ml_{name}", op, inputs, domain="ai.onnx.ml", **keywords)


def cases():
    yield from linear()
    yield from encoders()
    yield from classifiers()
    yield from regressors()


def linear():
    for classes, transform in itertools.product((1, 2, 3), TRANSFORMS):
        x = floats(9, 5)
        scale = 0.02 if transform == "PROBIT" else 1.0
        weights = {
            "coefficients": (floats(classes * 5) * scale).tolist(),
            "intercepts": (floats(classes) * scale + (0.3 if transform == "PROBIT" else 0)).tolist(),
            "post_transform": transform,
        }
        yield ml(f"linearregressor_{classes}_{transform}", "LinearRegressor", [x], targets=classes, **weights)
        if classes == 1 and transform == "PROBIT":
            continue  # onnxruntime leaves one of the two scores unset
        labels = list(range(10, 10 + max(classes, 2)))
        yield ml(f"linearclassifier_{classes}_{transform}", "LinearClassifier", [x], outputs=2, classlabels_ints=labels, **weights)
        if transform in ("NONE", "LOGISTIC"):
            texts = [f"class {i}" for i in labels]
            yield ml(f"linearclassifier_{classes}_{transform}_strings", "LinearClassifier", [x], outputs=2, classlabels_strings=texts, **weights)
    for dtype in (numpy.int64, numpy.int32, numpy.float64):
        x = ints(-3, 4, 6, 4).astype(dtype)
        yield ml(f"linearclassifier_{numpy.dtype(dtype).name}", "LinearClassifier", [x], outputs=2, classlabels_ints=[0, 1, 2],
                 coefficients=floats(12).tolist(), intercepts=floats(3).tolist(), post_transform="SOFTMAX")


def encoders():
    with_zero = floats(5, 7)
    with_zero[2] = 0
    with_zero[3] = -numpy.abs(with_zero[3])
    for norm in ("L1", "L2", "MAX"):
        yield ml(f"normalizer_{norm}", "Normalizer", [with_zero], norm=norm)
        yield ml(f"normalizer_{norm}_int64", "Normalizer", [ints(-5, 9, 4, 3)], norm=norm)
    for dtype in (numpy.float32, numpy.float64, numpy.int64, numpy.int32):
        x = (floats(4, 6) * 5).astype(dtype)
        yield ml(f"scaler_{numpy.dtype(dtype).name}", "Scaler", [x], offset=floats(6).tolist(), scale=floats(6).tolist())
    yield ml("scaler_single", "Scaler", [floats(4, 6)], offset=[0.5], scale=[2.0])
    yield ml("binarizer_threshold", "Binarizer", [floats(4, 5)], threshold=0.25)
    missing = floats(5, 3)
    missing[1], missing[3, 2] = numpy.nan, -1
    yield ml("imputer_nan", "Imputer", [missing], imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=float("nan"))
    yield ml("imputer_single", "Imputer", [missing], imputed_value_floats=[7.0], replaced_value_float=-1.0)
    yield ml("imputer_int64", "Imputer", [ints(0, 3, 4, 2)], imputed_value_int64s=[10, 20], replaced_value_int64=1)
    texts = numpy.array([["a", "b"], ["", "z"]], dtype=object)
    yield ml("labelencoder_string_int64", "LabelEncoder", [texts], keys_strings=["a", "", "b"], values_int64s=[4, 5, 6], default_int64=-3)
    yield ml("labelencoder_string_float", "LabelEncoder", [texts], keys_strings=["a", "b"], values_floats=[0.5, 1.5])
    yield ml("labelencoder_int64_string", "LabelEncoder", [ints(0, 5, 7)], keys_int64s=[1, 2, 3], values_strings=["x", "", "é"], default_string="?")
    yield ml("labelencoder_float_string", "LabelEncoder", [missing], keys_floats=[-1.0, 2.0], values_strings=["minus", "two"])
    yield ml("onehotencoder_int64", "OneHotEncoder", [ints(0, 5, 4, 2)], cats_int64s=[1, 3, 4], zeros=1)
    yield ml("onehotencoder_float", "OneHotEncoder", [ints(0, 5, 7).astype(numpy.float32)], cats_int64s=[0, 1, 2], zeros=1)
    words = numpy.array([["a"], ["c"], ["é"], [""], ["nowhere"]], dtype=object)
    yield ml("onehotencoder_string", "OneHotEncoder", [words], cats_strings=["a", "é", "c", ""], zeros=1)


def forest(trees, depth, features, modes=("BRANCH_LEQ",), seed=0):
    """Return nodes_* attributes of complete trees of random splits, and the (tree, node) of each leaf."""
    random = numpy.random.default_rng(seed)
    columns = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    nodes = {f"nodes_{c}": [] for c in columns}
    leaves = []
    for tree in range(trees):
        inner = 2 ** (depth + tree % 2) - 1
        for node in range(2 * inner + 1):
            leaf = node >= inner
            row = (
                tree, node, "LEAF" if leaf else modes[node % len(modes)], 0 if leaf else int(random.integers(features)),
                0.0 if leaf else float(numpy.float32(random.integers(-4, 5) / 4)), 0 if leaf else 2 * node + 1, 0 if leaf else 2 * node + 2,
                int(random.integers(2)),
            )
            for column, value in zip(columns, row, strict=True):
                nodes[f"nodes_{column}"].append(value)
            if leaf:
                leaves.append((tree, node))
    return nodes, leaves


def rows(count, features):
    """Return features on and between the thresholds of forest, with missing values."""
    x = numpy.round(floats(count, features) * 4) / 4
    x[1::5, 0] = numpy.nan
    x[2::7, 1] = numpy.inf
    return x.astype(numpy.float32)


def classifiers():
    for (kind, classes, ids), transform, positive in itertools.product(
        (("one", 2, [1]), ("one_zero", 2, [0]), ("both", 2, [0, 1]), ("three", 3, [0, 1, 2])), TRANSFORMS, (False, True)
    ):
        if kind in ("one", "one_zero") and transform == "PROBIT":
            continue  # onnxruntime leaves one of the two scores unset
        nodes, leaves = forest(5, 2, 3, seed=classes)
        weights = floats(len(leaves) * len(ids)) * 0.2
        if positive:
            weights = numpy.abs(weights)
        if transform == "PROBIT":
            weights = numpy.abs(weights) % 0.1 + 0.02
        attributes = dict(
            class_treeids=[tree for tree, _ in leaves for _ in ids],
            class_nodeids=[node for _, node in leaves for _ in ids],
            class_ids=[i for _ in leaves for i in ids],
            class_weights=weights.tolist(),
            post_transform=transform,
            **nodes,
        )
        # Of two classes that both have scores onnxruntime gives the number, not the label.
        labels = [0, 1] if kind == "both" else list(range(5, 5 + classes))
        name = f"treeensembleclassifier_{kind}_{transform}_{'positive' if positive else 'signed'}"
        yield ml(name, "TreeEnsembleClassifier", [rows(17, 3)], outputs=2, classlabels_int64s=labels, **attributes)
        if transform in ("NONE", "LOGISTIC"):
            for count in {classes, len(ids)}:
                yield ml(f"{name}_base_{count}", "TreeEnsembleClassifier", [rows(17, 3)], outputs=2, base_values=(floats(count) * 0.3).tolist(),
                         classlabels_strings=[f"c{i}" for i in range(classes)], **attributes)


def regressors():
    for targets, transform, aggregate in itertools.product((1, 2), ("NONE", "LOGISTIC", "SOFTMAX"), ("SUM", "AVERAGE", "MIN", "MAX")):
        nodes, leaves = forest(7, 3, 4, seed=targets)
        attributes = dict(
            target_treeids=[tree for tree, _ in leaves for _ in range(targets)],
            target_nodeids=[node for _, node in leaves for _ in range(targets)],
            target_ids=[i for _ in leaves for i in range(targets)],
            target_weights=floats(len(leaves) * targets).tolist(),
            n_targets=targets,
            post_transform=transform,
            aggregate_function=aggregate,
            **nodes,
        )
        name = f"treeensembleregressor_{targets}_{transform}_{aggregate}"
        yield ml(name, "TreeEnsembleRegressor", [rows(19, 4)], **attributes)
        if transform == "NONE":
            yield ml(f"{name}_base", "TreeEnsembleRegressor", [rows(3, 4)], base_values=floats(targets).tolist(), **attributes)
    for mode in (*MODES, "mixed"):
        nodes, leaves = forest(3, 3, 4, modes=MODES if mode == "mixed" else (mode,), seed=9)
        attributes = dict(
            target_treeids=[tree for tree, _ in leaves], target_nodeids=[node for _, node in leaves], target_ids=[0] * len(leaves),
            target_weights=floats(len(leaves)).tolist(), n_targets=1, **nodes,
        )
        yield ml(f"treeensembleregressor_{mode}", "TreeEnsembleRegressor", [rows(40, 4)], **attributes)
        yield ml(f"treeensembleregressor_{mode}_one_row", "TreeEnsembleRegressor", [rows(1, 4)], **attributes)
    large, leaves = forest(20, 5, 8, seed=4)
    attributes = dict(
        target_treeids=[tree for tree, _ in leaves], target_nodeids=[node for _, node in leaves], target_ids=[0] * len(leaves),
        target_weights=floats(len(leaves)).tolist(), n_targets=1, **large,
    )
    yield ml("treeensembleregressor_large", "TreeEnsembleRegressor", [rows(65, 8)], **attributes)
    yield ml("treeensembleregressor_float64", "TreeEnsembleRegressor", [rows(9, 8).astype(numpy.float64)], **attributes)
