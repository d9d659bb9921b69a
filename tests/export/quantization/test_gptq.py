"""Weights rounded so that they make up for each other's errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import torch

from nitido.frames import Frame
from nitido_export.quantization import calibration as calibrate
from nitido_export.quantization import gptq as rounding
from nitido_export.quantization.calibration import calibration
from nitido_export.quantization.gptq import compensate, round_columns
from nitido_train.checkpoint import load_checkpoint
from nitido_train.evaluation.conditions import read_pictures
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.imitation import QuantizedConv2d, quantize_net
from nitido_train.quantization.layers import PAIR_LIMIT
from nitido_train.quantization.ranges import percentile_ranges
from support.paths import ROOT

SHIPPED = ROOT / "models" / "research" / "checkpoints" / "denoise-n-research.pt"


@pytest.fixture
def pictures(photos: Path) -> list[Frame]:
    return [p[:160, :160] for p in read_pictures(photos)[:2]]


@pytest.fixture(scope="module", autouse=True)
def little_calibration() -> Iterator[None]:
    """Fewer crops and positions than a model that is to be shipped needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "CROPS", 8)
        patch.setattr(rounding, "POSITIONS", 4096)
        yield


@pytest.mark.slow
def test_compensated_rounding_beats_rounding_to_the_nearest(pictures: list[Frame]) -> None:
    checkpoint = load_checkpoint(SHIPPED)
    net = cast(FrameNet, collapse(checkpoint.frame_net()))
    measured = calibration(net, checkpoint.recipe, pictures[:1])["body"]
    ranges = percentile_ranges(net.body, measured.cells, 99.99)
    other = calibration(net, checkpoint.recipe, pictures[1:])["body"]  # judged on crops that it was not fitted on
    cells = torch.cat(other.cells)

    def error(quantized: FrameNet) -> float:
        with torch.no_grad():
            return float((quantized.body(cells) - net.body(cells)).square().mean())

    nearest, compensated = quantize_net(net, ranges), quantize_net(net, ranges)
    compensate(compensated.body, net.body, measured)
    assert error(compensated) < 0.6 * error(nearest)
    layers = [m for m in compensated.body.modules() if isinstance(m, QuantizedConv2d)]
    assert len(layers) == 7
    for layer in layers:
        integers, _ = layer.integer_weight()
        pairs = integers.int().permute(0, 2, 3, 1).reshape(len(integers), -1, 2).sum(2)
        assert int(pairs.abs().max()) <= PAIR_LIMIT
    # The network it was made from, and other networks made from it, are as they were.
    assert error(quantize_net(net, ranges)) == error(nearest)


def test_columns_make_up_for_each_other_within_the_limits() -> None:
    # Two inputs that always agree: only the sum of their weights counts, and 0.3 + 0.3 is nearer to 1 than to 0.
    agree = torch.tensor([[1.0, 0.999], [0.999, 1.0]], dtype=torch.float64)
    exact, step = torch.tensor([[0.3, 0.3]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    assert round_columns(exact, agree, step).sum() == 1
    assert round_columns(exact, torch.eye(2, dtype=torch.float64), step).tolist() == [[0, 0]]
    large = torch.tensor([[200.0, 90.0], [-90.0, -90.0], [90.0, -120.0]], dtype=torch.float64)
    limited = round_columns(large, torch.eye(2, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert limited.tolist() == [[127, 1], [-90, -38], [90, -120]]
