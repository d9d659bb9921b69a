"""Networks from frame to frame: they add a correction to the cells of a frame."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from nitido.model_file.states import StateSpec
from nitido_train.nets.blocks import depth_to_space, space_to_depth
from nitido_train.nets.estimator import HIGHEST, LOWEST, MIDDLE, NoiseEstimator


class FrameNet(nn.Module):
    """Restores or enlarges a frame: every output pixel is its source pixel plus what ``body`` predicts.

    Frames are float32 N×3×H×W, BGR, -0.5..0.5 (see :func:`nitido_train.tensors.to_tensor`). H and W are multiples of
    ``multiple``. The result is N×3×(scale·H)×(scale·W), not clipped.

    ``body`` sees ``cell``×``cell`` pixels as one position of 3·cell² channels and predicts 3·(cell·scale)² channels.
    The sum is computed on that grid, before depth-to-space, as in ABPN (Du, Liu, Tang, Wu, CVPR Workshops 2021),
    because that is most robust to 8-bit quantization. In contrast to FFDNet (Zhang, Zuo, Zhang, 2018), a denoiser
    (``scale`` 1) does not need the noise level as an input.

    states: what a recurrent network keeps from one frame for the next.
    takes_level: whether it takes an optional noise level, which it estimates otherwise.
    quantized_parts: names of the modules that compute in 8 bits in the quantized network.
    """

    states: tuple[StateSpec, ...] = ()
    takes_level = False
    quantized_parts: tuple[str, ...] = ("body",)

    def __init__(self, body: nn.Module, *, cell: int, scale: int = 1, coarsest: int = 1) -> None:
        """coarsest: width and height in cells of a position on the body's coarsest grid."""
        super().__init__()
        self.body = body
        self.cell, self.scale, self.multiple = cell, scale, cell * coarsest
        # The input channel of a cell for each output channel, when pixels are repeated.
        fine = cell * scale
        index = [
            ((row // scale) * cell + column // scale) * 3 + colour
            for row in range(fine)
            for column in range(fine)
            for colour in range(3)
        ]
        self.register_buffer("anchor", torch.tensor(index), persistent=False)

    def body_input(self, frames: Tensor) -> Tensor:
        """The input of ``body`` for frames."""
        return space_to_depth(frames, self.cell)

    def forward(self, frames: Tensor) -> Tensor:
        cells = self.body_input(frames)
        anchor = cells if self.scale == 1 else cells.index_select(1, cast(Tensor, self.anchor))
        return depth_to_space(anchor + self.body(cells), self.cell * self.scale)


class LevelFrameNet(FrameNet):
    """A denoiser that is given the noise level of its input, or estimates it.

    The noise level is the standard deviation of luma noise (BT.601) in 8-bit levels, of what the network sees.
    ``body(cells, condition)`` gets it as the condition (ln(level/5), ln²(level/5)).
    """

    takes_level = True

    def __init__(self, body: nn.Module, *, cell: int) -> None:
        super().__init__(body, cell=cell)
        self.estimator = NoiseEstimator(cell)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, frames: Tensor, level: Tensor | None = None, *, estimates: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """level: of each frame, N; negative levels are estimated. ``None``: all are estimated.

        estimates: return (restored frames, estimated ln(level) N). The estimator gets no gradient from the restored
        frames.
        """
        cells = space_to_depth(frames, self.cell)
        found = self.estimator(cells)
        used = found.detach()
        if level is not None:
            used = torch.where(level < 0, used, level.clamp(LOWEST, HIGHEST).log())
        restored = depth_to_space(cells + self.body(cells, condition(used)), self.cell)
        return (restored, found) if estimates else restored


def condition(log_level: Tensor) -> Tensor:
    """ln(level) N, or N×1×h×w if it varies over the frame → the condition for bodies, N×2 or N×2×h×w."""
    away = log_level - math.log(MIDDLE)
    return torch.stack([away, away * away], 1) if away.ndim == 1 else torch.cat([away, away * away], 1)
