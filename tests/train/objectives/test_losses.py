"""Losses whose weighting of frames and colours decides what a network gets good at."""

from __future__ import annotations

import pytest
import torch

from nitido_train.evaluation.metrics import luma
from nitido_train.objectives.losses import LOSSES

LEVEL = 1 / 255


def test_rmse_is_the_mean_of_each_frames_own_error() -> None:
    target = torch.zeros(2, 3, 8, 8)
    output = torch.stack([torch.full((3, 8, 8), 0.3), torch.full((3, 8, 8), 0.1)])
    assert float(LOSSES["rmse"](output, target)) == pytest.approx(0.2, abs=1e-4)  # a mean squared error says √0.05


def test_rmse_luma_weighs_colours_as_luma_does() -> None:
    target = torch.zeros(1, 3, 8, 8)
    for channel in range(3):
        output = target.clone()
        output[:, channel] = 0.4
        levels = (output[0] * 255).round().byte().permute(1, 2, 0).numpy()  # 8 8 3
        # BT.601's luma of 8-bit studio range spans 219 levels; the loss takes the whole range.
        share = float(luma(levels).mean() - luma(levels * 0).mean()) / 219
        expected = (share**2 + 0.1 * 0.4**2 / 3 + LEVEL**2) ** 0.5
        assert float(LOSSES["rmse-luma"](output, target)) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("name", ["rmse", "rmse-luma"])
def test_a_perfect_frame_has_a_finite_gradient_of_zero(name: str) -> None:
    output = torch.rand(2, 3, 8, 8).requires_grad_(True)
    LOSSES[name](output, output.detach().clone()).backward()
    assert output.grad is not None and float(output.grad.abs().max()) == 0
