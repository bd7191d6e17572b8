"""Cases of Resize: every mode with every way to find coordinates, odd sizes, lists in all their forms, and what it was called before.

onnxruntime truncates what it interpolates for integer types, which inferd rounds as the package onnx does: those types have cases that move elements alone.
"""

import numpy

from build import floats, ints, single

COORDINATES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
SCALES = {"up": (2, 2), "odd": (1.7, 2.3), "down": (0.55, 0.45), "half": (0.5, 0.5), "mixed": (3, 0.75), "one": (1, 2)}


def cases():
    yield from coordinates()
    yield from lists()
    yield from shapes()
    yield from filters()
    yield from crops()
    yield from older()


def scales(*values):
    return numpy.array(values, dtype=numpy.float32)


def resize(name, x, factors=None, sizes=None, roi=None, version=19, **attributes):
    inputs = [x, roi, factors] if sizes is None else [x, roi, factors, numpy.array(sizes, dtype=numpy.int64)]
    return single(f"resize_{name}", "Resize", inputs, version=version, **attributes)


def coordinates():
    for name, factors in SCALES.items():
        for transformation in COORDINATES:
            shared = {"coordinate_transformation_mode": transformation}
            factor = scales(1, 1, *factors)
            for nearest in NEAREST:
                yield resize(f"nearest_{name}_{transformation}_{nearest}", floats(1, 2, 5, 7), factor, mode="nearest", nearest_mode=nearest, **shared)
            yield resize(f"linear_{name}_{transformation}", floats(1, 2, 5, 7), factor, mode="linear", **shared)
            yield resize(f"cubic_{name}_{transformation}", floats(1, 2, 5, 7), factor, mode="cubic", **shared)


def lists():
    for mode in ("nearest", "linear", "cubic"):
        yield resize(f"{mode}_sizes", floats(2, 3, 6, 10), sizes=[2, 3, 9, 7], mode=mode)
        yield resize(f"{mode}_one", floats(2, 3, 6, 10), sizes=[2, 3, 1, 1], mode=mode, coordinate_transformation_mode="pytorch_half_pixel")
        yield resize(f"{mode}_one_corner", floats(2, 3, 6, 10), sizes=[2, 3, 1, 4], mode=mode, coordinate_transformation_mode="align_corners")
        yield resize(f"{mode}_from_one", floats(2, 3, 1, 1), sizes=[2, 3, 4, 5], mode=mode)
        yield resize(f"{mode}_same", floats(2, 3, 6, 10), sizes=[2, 3, 6, 10], mode=mode)
        yield resize(f"{mode}_axes", floats(2, 3, 6, 10), scales(1.5, 2), axes=[3, 2], mode=mode)
        for policy in ("not_larger", "not_smaller"):
            yield resize(f"{mode}_{policy}", floats(2, 3, 6, 10), sizes=[7, 25], axes=[2, 3], keep_aspect_ratio_policy=policy, mode=mode)
    yield resize("empty_lists", floats(1, 2, 3, 4), scales(), sizes=[1, 2, 6, 5], roi=scales(), version=11, mode="linear")


def shapes():
    for dtype in (numpy.uint8, numpy.int8, numpy.int32, numpy.float16):
        yield resize(f"nearest_{numpy.dtype(dtype).name}", ints(0, 99, 2, 3, 4, 5).astype(dtype), scales(1, 1, 1.5, 2), mode="nearest")
    yield resize("nearest_line", floats(3, 2, 9), scales(1, 1, 2.5), mode="nearest")
    yield resize("nearest_volume", floats(2, 2, 3, 4, 5), scales(1, 1, 2, 0.5, 1.5), mode="nearest")
    yield resize("nearest_all_axes", floats(2, 3, 4, 5), scales(2, 1.5, 0.5, 2), mode="nearest")
    yield resize("nearest_empty", floats(0, 3, 4, 5), scales(1, 1, 2, 2), mode="nearest")
    yield resize("linear_matrix", floats(5, 9), scales(1.4, 2), mode="linear")
    yield resize("linear_volume", floats(2, 2, 3, 4, 5), scales(1, 1, 2, 0.5, 1.5), mode="linear")
    for channels in (1, 3, 8, 33):
        for mode in ("nearest", "linear"):
            yield resize(f"{mode}_last_{channels}", floats(2, 5, 7, channels), scales(1, 2, 1.5, 1), mode=mode)
        yield resize(f"cubic_last_{channels}", floats(2, 5, 7, channels), scales(1, 2, 1.5, 1), mode="cubic")
    for width in (15, 16, 17, 33, 40, 100):
        for mode in ("nearest", "linear", "cubic"):
            yield resize(f"{mode}_width_{width}", floats(1, 2, 6, width), scales(1, 1, 2, 2), mode=mode)
            yield resize(f"{mode}_width_{width}_down", floats(1, 2, 6, width), scales(1, 1, 0.5, 0.3), mode=mode)


def filters():
    for coefficient in (-0.5, -0.75, -1.0):
        yield resize(f"cubic_coefficient_{coefficient}", floats(1, 2, 5, 6), scales(1, 1, 1.5, 2), mode="cubic", cubic_coeff_a=coefficient)
    for exclude in (0, 1):
        for name, factors in (("up", (2, 1.5)), ("down", (0.7, 0.4))):
            shared = {"exclude_outside": exclude, "mode": "cubic"}
            yield resize(f"cubic_{name}_exclude_{exclude}", floats(1, 2, 7, 9), scales(1, 1, *factors), **shared)
    for mode in ("linear", "cubic"):
        for name, factors in (("up", (2, 1.5)), ("down", (0.7, 0.4)), ("far", (0.2, 0.13))):
            for exclude in (0, 1):
                shared = {"antialias": 1, "exclude_outside": exclude, "mode": mode}
                yield resize(f"{mode}_antialias_{name}_{exclude}", floats(1, 2, 17, 20), scales(1, 1, *factors), **shared)


def crops():
    roi = scales(0, 0, 0.1, 0.2, 1, 1, 0.9, 1.3)
    for mode in ("nearest", "linear", "cubic"):
        shared = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": mode, "extrapolation_value": 7.5}
        yield resize(f"{mode}_crop", floats(2, 3, 6, 7), scales(1, 1, 1.5, 2), roi=roi, **shared)
        yield resize(f"{mode}_crop_sizes", floats(2, 3, 6, 7), sizes=[3, 9], roi=scales(0.2, -0.12, 0.7, 0.6), axes=[2, 3], **shared)
        yield resize(f"{mode}_crop_one", floats(2, 3, 6, 7), sizes=[2, 3, 1, 4], roi=roi, **shared)


def older():
    for name, factors in (("up", (2, 3)), ("down", (0.6, 0.5))):
        for mode in ("nearest", "linear"):
            yield single(f"resize_10_{mode}_{name}", "Resize", [floats(1, 2, 5, 6), scales(1, 1, *factors)], version=10, mode=mode)
    for mode in ("nearest", "linear"):
        yield single(f"upsample_9_{mode}", "Upsample", [floats(1, 2, 3, 4), scales(1, 1, 2, 1.5)], version=9, mode=mode)
        yield single(f"upsample_7_{mode}", "Upsample", [floats(1, 2, 3, 4)], version=7, mode=mode, scales=[1.0, 1.0, 2.0, 3.0])
    shared = {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "version": 11}
    yield resize("11_nearest_tf", floats(1, 2, 5, 6), scales(1, 1, 0.5, 0.6), roi=scales(), mode="nearest", **shared)
