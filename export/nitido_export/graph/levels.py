"""The noise level in the graph of the model contract: given by the caller, or estimated from the frame."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from onnx import TensorProto
from torch import Tensor

from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.blocks import depth_to_space
from nitido_train.nets.estimator import FLOOR, HIGHEST, LOWEST, MIDDLE, SIDE, NoiseEstimator
from nitido_train.nets.planes import COPIES, HIGHEST_AWAY, LOWEST_AWAY, MOST, PLANES

AUTOMATIC = -1.0  # means "estimate it"
ESTIMATE = "noise_level"  # of the output: the estimate, even if the caller gives a level
LEVEL = "level_used"  # of the tensor with the level in use, where the receptive field ends
PRODUCT = "_product"  # suffix of tensors that a bias is added to
FIXED = "level_fixed_"  # prefix of weights that were not trained


def write_level(w: GraphWriter, estimator: NoiseEstimator, levels: str, cell: int) -> str:
    """The noise level in use, a float32 scalar: ``noise`` if it is 0 or more, else the estimate.

    Adds the optional scalar input ``noise`` (float32, default -1). levels: cells N×(3·cell²)×h×w as networks see them;
    with ``cell`` 1, pixels. All N frames share one level.
    """
    w.input(w.constant("noise", AUTOMATIC, np.float32), TensorProto.FLOAT, [])
    estimate = _estimate(w, estimator, levels, cell)
    low, high = w.constant("level_lowest", LOWEST, np.float32), w.constant("level_highest", HIGHEST, np.float32)
    given = w.op("Clip", ["noise", low, high], "noise_given")
    is_automatic = w.op("Less", ["noise", w.constant("level_zero", 0.0, np.float32)], "noise_is_automatic")
    return w.op("Where", [is_automatic, estimate, given], LEVEL)


def write_condition(w: GraphWriter, level: str) -> str:
    """A level in the form that bodies take: (ln(level/5), ln²(level/5)), float32 of shape 2."""
    share = w.op("Div", [level, w.constant("level_middle", MIDDLE, np.float32)], "level_share")
    away = w.op("Unsqueeze", [w.op("Log", [share], "level_away"), w.shape("first_axis", 0)], "level_away_1")
    return w.op("Concat", [away, w.op("Mul", [away, away], "level_away_2")], "condition", axis=0)


def write_planes(w: GraphWriter, level: str, frame: str) -> str:
    """A level in the form that 8-bit bodies take: four constant channels, bytes N×4×h×w. See
    :func:`nitido_train.nets.planes.planes_of`."""
    slopes, starts = (
        np.repeat(row, COPIES) for row in ([1 / (HIGHEST_AWAY - LOWEST_AWAY), 1 / MOST], [LOWEST_AWAY, 0])
    )
    both = w.op(
        "Gather", [write_condition(w, level), w.shape("plane_parts", *np.repeat([0, 1], COPIES))], "plane_values"
    )
    away = w.op("Sub", [both, w.constant("plane_starts", starts, np.float32)], "plane_away")
    steps = w.op("Mul", [away, w.constant("plane_slopes", 255 * slopes, np.float32)], "plane_steps")
    bytes_ = w.op("Cast", [w.op("Round", [steps], "plane_rounded")], "plane_bytes", to=TensorProto.UINT8)
    one = w.op("Reshape", [bytes_, w.shape("plane_shape", 1, PLANES, 1, 1)], "plane")
    batch = w.op("Shape", [frame], "batch", start=0, end=1)
    shape = w.op("Concat", [batch, w.shape("one", 1), "h", "w"], "planes_shape", axis=0)
    return w.op("Expand", [one, shape], "planes")


def _estimate(w: GraphWriter, estimator: NoiseEstimator, levels: str, cell: int) -> str:
    """The estimator's layers, one for one; see :meth:`NoiseEstimator.statistics`."""
    filters = cast(Tensor, estimator.filters)
    own = SIDE // filters.shape[2]  # the cell that the estimator was made for
    stride, beyond = (steps * own // cell for steps in (estimator.stride, estimator.stride - 2))
    if own != cell:
        filters = depth_to_space(filters, own)
    side = SIDE // cell
    coefficients = w.op(
        "Conv",
        [levels, w.constant(f"{FIXED}filters", _values(filters))],
        "level_coefficients",
        kernel_shape=[side, side],
        strides=[stride, stride],
        pads=[0, 0, beyond, beyond],
    )
    square = w.op("Mul", [coefficients, coefficients], "level_squares")
    bands = _values(cast(Tensor, estimator.bands))
    floors = w.constant("level_floors", np.full(len(bands), FLOOR), np.float32)
    energies = w.op("Conv", [square, w.constant(f"{FIXED}bands", bands), floors], "level_energies", kernel_shape=[1, 1])
    inverse = w.op("Reciprocal", [energies], "level_inverse")

    def mean(tensor: str, name: str) -> str:
        return w.op("ReduceMean", [tensor], name, axes=[0, 2, 3], keepdims=0)

    def log(tensor: str) -> str:
        return w.op("Log", [tensor], f"{tensor}_log")

    parts = [
        log(mean(energies, "level_mean")),
        mean(log(energies), "level_log_mean"),
        log(mean(inverse, "level_inverse_mean")),
        log(mean(w.op("Mul", [inverse, inverse], "level_inverse_2"), "level_inverse_2_mean")),
    ]
    together = w.op("Concat", parts, "level_means", axis=0)
    # Signs and powers, and the root that turns energies into standard deviations.
    factors = np.repeat([0.5, 0.5, -0.5, -0.25], len(bands))
    statistics = w.op("Mul", [together, w.constant("level_factors", factors, np.float32)], "level_statistics")
    hidden = w.op("Relu", [_linear(w, "hidden", estimator, statistics)], "level_hidden_relu")
    found = _linear(w, "level", estimator, hidden)  # 1
    low = w.constant("level_log_lowest", math.log(LOWEST), np.float32)
    high = w.constant("level_log_highest", math.log(HIGHEST), np.float32)
    level = w.op("Exp", [w.op("Clip", [found, low, high], "level_found")], "level_found_1")
    return w.op("Squeeze", [level, w.shape("first_axis", 0)], ESTIMATE)


def _linear(w: GraphWriter, name: str, estimator: NoiseEstimator, given: str) -> str:
    layer = estimator.get_submodule(name)
    weight = w.constant(f"level_{name}.weight", _values(cast(Tensor, layer.weight)))
    bias = w.constant(f"level_{name}.bias", _values(cast(Tensor, layer.bias)))
    return w.op("Add", [w.op("MatMul", [weight, given], f"level_{name}{PRODUCT}"), bias], f"level_{name}_sum")


def _values(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
