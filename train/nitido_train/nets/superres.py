"""Super-resolution for live frames: dense convolutions on an unshuffled grid over a repeated-pixel anchor."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from nitido_train.nets.blocks import ConvStack, depth_to_space, space_to_depth


class SuperRes(nn.Module):
    """Enlarges a frame ``scale`` times.

    Frames are float32 N×3×H×W, BGR, -0.5..0.5 (``data.to_tensor``), H and W multiples of ``grid``; the
    result is N×3×(scale·H)×(scale·W),
    unclipped. Every output pixel is its source pixel (nearest neighbour) plus what the network predicts; the sum is
    taken on the grid before depth-to-space, as in ABPN (Du, Liu, Tang, Wu, CVPR Workshops 2021), because that
    survives 8-bit quantization best.
    """

    task = "upscale"

    def __init__(self, scale: int = 2, channels: int = 32, layers: int = 6, grid: int = 2, expansion: int = 2) -> None:
        super().__init__()
        self.scale, self.grid = scale, grid
        depth = 3 * grid * grid
        self.body = ConvStack([depth, *[channels] * (layers - 1), depth * scale * scale], expansion=expansion)
        self._register_anchor()

    def _register_anchor(self) -> None:
        """Which input channel of a cell stands under each output channel when pixels are repeated."""
        fine = self.grid * self.scale
        index = [
            ((row // self.scale) * self.grid + column // self.scale) * 3 + colour
            for row in range(fine)
            for column in range(fine)
            for colour in range(3)
        ]
        self.register_buffer("anchor", torch.tensor(index), persistent=False)

    def on_grid(self, cells: Tensor) -> Tensor:
        """Cells N×(3·grid²)×h×w to finer cells N×(3·(grid·scale)²)×h×w."""
        return cells.index_select(1, cast(Tensor, self.anchor)) + self.body(cells)

    def forward(self, frames: Tensor) -> Tensor:
        return depth_to_space(self.on_grid(space_to_depth(frames, self.grid)), self.grid * self.scale)

    def collapse(self) -> SuperRes:
        """The same network made of plain convolutions only, for export and inference."""
        plain = SuperRes.__new__(SuperRes)
        nn.Module.__init__(plain)
        plain.scale, plain.grid = self.scale, self.grid
        plain.body = self.body.collapse()
        plain._register_anchor()
        return plain.eval()
