"""Ranges of activations from real degraded crops, by several methods: which one serves a network best is measured."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import torch
from onnxruntime.quantization.calibrate import HistogramCollector
from torch import Tensor

from nitido.errors import SourceUnavailable
from nitido_train import degrade
from nitido_train.data import to_tensor
from nitido_train.degrade import Picture
from nitido_train.nets.blocks import space_to_depth
from nitido_train.nets.frame import FrameNet
from nitido_train.quantize import Quantization, activations, percentile_ranges

CROPS = 32
SIDE = 96  # pixels of the network's input


def candidates(net: FrameNet, batches: Sequence[Tensor]) -> list[Quantization]:
    """Min-max, three percentiles and the entropy method (ONNX Runtime's collector: the range whose 8-bit histogram is
    nearest in Kullback-Leibler divergence), on cells N×C×h×w."""
    return [
        percentile_ranges(net.body, batches, 100),
        percentile_ranges(net.body, batches, 99.998),
        percentile_ranges(net.body, batches, 99.99),
        percentile_ranges(net.body, batches, 99.9),
        _entropy_ranges(net, batches),
    ]


def degraded_crops(task: str, scale: int, pictures: Sequence[Picture]) -> list[Tensor]:
    """Crops as the network gets them, float32 8×3×96×96 each: noise of every strength up to σ 50, or shrunk."""
    side = SIDE * scale
    large = [p for p in pictures if min(p.shape[:2]) >= side]
    if not large:
        raise SourceUnavailable(f"no picture to calibrate with is at least {side} pixels wide and high")
    rng = np.random.default_rng(0)
    crops: list[Picture] = []
    for number in range(CROPS):
        picture = large[number % len(large)]
        top, left = (int(rng.integers(size - side + 1)) for size in picture.shape[:2])
        crop = picture[top : top + side, left : left + side]
        if task == "denoise":
            crops.append(degrade.add_gaussian(crop, max(degrade.SIGMAS) * number / (CROPS - 1), rng))
        else:
            crops.append(degrade.shrink(np.ascontiguousarray(crop), scale))
    # Every batch holds every strength: number, number + 4, ...
    return [to_tensor(torch.from_numpy(np.stack(crops[start::4]))) for start in range(4)]


def calibration_cells(net: FrameNet, task: str, pictures: Sequence[Picture]) -> list[Tensor]:
    """Degraded crops as the body of ``net`` sees them. Raises ``SourceUnavailable`` when no picture is large enough."""
    return [space_to_depth(batch, net.cell) for batch in degraded_crops(task, net.scale, pictures)]


def _entropy_ranges(net: FrameNet, batches: Sequence[Tensor]) -> Quantization:
    collector = HistogramCollector(
        method="entropy", symmetric=False, num_bins=512, num_quantized_bins=128, percentile=99.99, scenario="same"
    )
    seen: dict[str, list[np.ndarray]] = {}
    for batch in activations(net.body, batches):
        for name, values in batch.items():
            seen.setdefault(name, []).append(values.numpy())
    with contextlib.redirect_stdout(io.StringIO()):  # the collector prints its progress
        collector.collect(seen)
        thresholds = collector.compute_collection_result()
    ranges: dict[str, tuple[float, float]] = {}
    for name, found in thresholds.items():
        low, high = (float(np.asarray(value).reshape(-1)[0]) for value in found[:2])
        # Its thresholds lie around zero; a rectified activation uses the upper half only.
        smallest = min(float(values.min()) for values in seen[name])
        ranges[name] = (max(low, min(smallest, 0.0)), high)
    return Quantization(ranges, method="entropy")
