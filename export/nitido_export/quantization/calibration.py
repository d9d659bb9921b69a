"""Ranges of activations from degraded crops of photographs, by several methods. The best one is found by measuring."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from onnxruntime.quantization.calibrate import HistogramCollector
from torch import Tensor, nn

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido_export.quantization.clips import clip_calibration
from nitido_export.quantization.gptq import Calibration
from nitido_train.data.patches import degrade_for_task
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.quantization.parts import parts_of, prefix_of, together
from nitido_train.quantization.ranges import Quantization, activations, percentile_ranges
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import to_tensor

CROPS = 32
BATCH = 8
SIDE = 96  # pixels of the network's input


def candidates(net: FrameNet, measured: Mapping[str, Calibration]) -> list[Quantization]:
    """Ways of quantizing all parts of a network, each with ranges from its own inputs."""
    parts = parts_of(net)
    ways = zip(*(_candidates(parts[part], seen.cells) for part, seen in measured.items()), strict=True)
    prefixes = [prefix_of(net, part) for part in measured]
    return [together(dict(zip(prefixes, way, strict=True))) for way in ways]


def _candidates(body: nn.Module, batches: Sequence[Tensor]) -> list[Quantization]:
    """Min-max, five percentiles and the entropy method (ONNX Runtime's collector: the range whose 8-bit histogram is
    closest in Kullback-Leibler divergence), on cells N×C×h×w."""
    return [
        percentile_ranges(body, batches, 100),
        percentile_ranges(body, batches, 99.998),
        percentile_ranges(body, batches, 99.995),
        percentile_ranges(body, batches, 99.99),
        percentile_ranges(body, batches, 99.97),
        percentile_ranges(body, batches, 99.9),
        _entropy_ranges(body, batches),
    ]


@torch.no_grad()
def calibration(net: FrameNet, recipe: Recipe, pictures: Sequence[Frame]) -> dict[str, Calibration]:
    """The inputs of the quantized parts of ``net`` for degraded crops or clips, by part. Raises ``SourceUnavailable``
    when no picture is large enough."""
    if isinstance(net, PlaneLiveNet):
        return clip_calibration(net, recipe, pictures)
    cells, weights = [], []
    for given, target in degraded_crops(recipe, pictures):
        cells.append(net.body_input(given))
        error = (net(given) - target).square().mean(dim=(1, 2, 3))  # N
        weights.append(1 / error.clamp_min(1 / 255**2))
    return {"body": Calibration(cells, weights)}


def degraded_crops(recipe: Recipe, pictures: Sequence[Frame]) -> list[tuple[Tensor, Tensor]]:
    """Crops as in training, degraded and clean, float32 8×3×96×96 and 8×3×(96·scale)×(96·scale) each. Raises
    ``SourceUnavailable``."""
    side = SIDE * recipe.scale
    large = [p for p in pictures if min(p.shape[:2]) >= side]
    if not large:
        raise SourceUnavailable(f"no picture to calibrate with is at least {side} pixels wide and high")
    rng = np.random.default_rng(0)
    pairs: list[tuple[Frame, Frame]] = []
    for number in range(CROPS):
        picture = large[number % len(large)]
        top, left = (int(rng.integers(size - side + 1)) for size in picture.shape[:2])
        crop = np.ascontiguousarray(picture[top : top + side, left : left + side])
        pairs.append(degrade_for_task(recipe, crop, rng))
    return [
        (_stacked([given for given, _ in pairs[n : n + BATCH]]), _stacked([clean for _, clean in pairs[n : n + BATCH]]))
        for n in range(0, CROPS, BATCH)
    ]


def _stacked(pictures: Sequence[Frame]) -> Tensor:
    return to_tensor(torch.from_numpy(np.stack(pictures)))  # N 3 H W


def _entropy_ranges(body: nn.Module, batches: Sequence[Tensor]) -> Quantization:
    collector = HistogramCollector(
        method="entropy", symmetric=False, num_bins=512, num_quantized_bins=128, percentile=99.99, scenario="same"
    )
    seen: dict[str, list[np.ndarray]] = {}
    for batch in activations(body, batches):
        for name, values in batch.items():
            seen.setdefault(name, []).append(values.numpy())
    with contextlib.redirect_stdout(io.StringIO()):  # the collector prints its progress
        collector.collect(seen)
        thresholds = collector.compute_collection_result()
    ranges: dict[str, tuple[float, float]] = {}
    for name, found in thresholds.items():
        low, high = (float(np.asarray(value).reshape(-1)[0]) for value in found[:2])
        # Its thresholds are symmetric around zero; a rectified activation uses only the upper half.
        smallest = min(float(values.min()) for values in seen[name])
        ranges[name] = (max(low, min(smallest, 0.0)), high)
    return Quantization(ranges, method="entropy")
