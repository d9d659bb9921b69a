"""Blind denoiser for live frames: one stack of dense convolutions on an unshuffled grid, residual in image space."""

from __future__ import annotations

from torch import Tensor, nn

from nitido_train.nets.blocks import ConvStack, depth_to_space, space_to_depth


class Denoiser(nn.Module):
    """Removes noise of unknown strength from a frame.

    Frames are float32 N×3×H×W, BGR, -0.5..0.5 (``data.to_tensor``), H and W multiples of ``grid``; so is the
    result, unclipped. The network sees ``grid``×``grid`` cells (3·grid² channels at 1/grid of the resolution) and
    predicts what to add to them, as
    FFDNet does (Zhang, Zuo, Zhang, 2018), but without a noise map: the strength of the noise is for it to find out.
    """

    task = "denoise"
    scale = 1

    def __init__(self, channels: int = 24, layers: int = 6, grid: int = 2, expansion: int = 2) -> None:
        super().__init__()
        self.grid = grid
        depth = 3 * grid * grid
        self.body = ConvStack([depth, *[channels] * (layers - 1), depth], expansion=expansion)

    def on_grid(self, cells: Tensor, strength: Tensor | float = 1.0) -> Tensor:
        """Cells N×(3·grid²)×h×w to cells of the same shape; ``strength`` 0..1 blends from input to restored."""
        return cells + strength * self.body(cells)

    def forward(self, frames: Tensor) -> Tensor:
        return depth_to_space(self.on_grid(space_to_depth(frames, self.grid)), self.grid)

    def collapse(self) -> Denoiser:
        """The same network made of plain convolutions only, for export and inference."""
        plain = Denoiser.__new__(Denoiser)
        nn.Module.__init__(plain)
        plain.grid = self.grid
        plain.body = self.body.collapse()
        return plain.eval()
