"""Estimates the noise level of a frame from statistics that hardly depend on texture.

Noise is everywhere, texture is not. So the level is estimated from the parts of a frame that vary least. Each 8×8 patch
of a sparse grid is transformed by a DCT. The energies of its frequency bands are averaged over the frame in ways that
favour quiet patches, and a small network turns these averages into a level. The idea of estimating noise from the
quietest patches in a transform domain is old; see Ponomarenko et al., "An automatic approach to lossy compression of
AVIRIS images", IGARSS 2007, and Liu, Tanaka, Okutomi, "Single-Image Noise Level Estimation for Blind Denoising", 2013.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOWEST, HIGHEST = 0.5, 60.0  # range of noise levels for networks, in 8-bit levels
MIDDLE = 5.0  # the level at which a network's own biases hold
SIDE = 8  # pixels of a patch
FLOOR = 0.1  # added to energies, in squared 8-bit levels: approximately the error of rounding to bytes
HIDDEN = 32

# Bands of luma and of colour as lists of (row, column) frequencies of the 8×8 DCT.
_LUMA = (
    [(5, 5), (5, 7), (7, 5), (7, 7), (6, 6), (4, 6), (6, 4)],
    [(0, 6), (0, 7), (6, 0), (7, 0), (1, 7), (7, 1), (2, 6), (6, 2)],
    [(3, 3), (3, 4), (4, 3), (4, 4), (2, 4), (4, 2)],
    [(1, 2), (2, 1), (2, 2), (0, 3), (3, 0)],
)
_COLOUR = (
    [(4, 4), (4, 5), (5, 4)],
    [(2, 2), (2, 3), (3, 2)],
    [(0, 2), (1, 1), (2, 0)],
)
# Rows: weights of B, G and R; each of unit length for white noise in all three.
_AXES = {"luma": (0.114, 0.587, 0.299), "blue": (0.5, -0.331264, -0.168736), "red": (-0.081312, -0.418688, 0.5)}


class NoiseEstimator(nn.Module):
    """Cells N×(3·cell²)×h×w of frames of -0.5..0.5 → ln(level), float32 N.

    The level is the standard deviation of luma noise in 8-bit levels.
    """

    def __init__(self, cell: int) -> None:
        """cell: pixels of a cell on each side: 1, 2, 4 or 8."""
        super().__init__()
        filters, bands = _filters(cell)
        self.stride = (
            SIDE // cell + 1
        )  # not a multiple of 8 pixels, so that patches lie at different places in the blocks of a JPEG
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("bands", bands, persistent=False)
        self.hidden = nn.Linear(4 * len(bands), HIDDEN)
        self.level = nn.Linear(HIDDEN, 1)

    def statistics(self, cells: Tensor) -> Tensor:
        """N×28: for each band, half the logarithm of its mean energy, with four means: arithmetic, geometric, harmonic
        and power -2. In this order, they depend less and less on a few strong patches."""
        step = self.stride - 2  # the last patch may begin at the last cell
        coefficients = F.conv2d(F.pad(cells, (0, step, 0, step)), cast(Tensor, self.filters), stride=self.stride)
        energies = F.conv2d(coefficients * coefficients, cast(Tensor, self.bands)) + FLOOR  # N 7 rows columns
        inverse = energies.reciprocal()
        means = [
            energies.mean((2, 3)).log(),
            energies.log().mean((2, 3)),
            -inverse.mean((2, 3)).log(),
            -0.5 * (inverse * inverse).mean((2, 3)).log(),
        ]
        return 0.5 * torch.cat(means, 1)

    def forward(self, cells: Tensor) -> Tensor:
        with torch.autocast(cells.device.type, enabled=False):
            found = self.level(torch.relu(self.hidden(self.statistics(cells.float()))))[:, 0]
        return found.clamp(math.log(LOWEST), math.log(HIGHEST))


def _filters(cell: int) -> tuple[Tensor, Tensor]:
    """(F×(3·cell²)×k×k: DCT filters over the cells of a patch, 7×F×1×1: the mean over each band's filters)."""
    n = torch.arange(SIDE, dtype=torch.float64)
    basis = torch.cos(math.pi * n[:, None] * (2 * n[None] + 1) / (2 * SIDE)) * math.sqrt(2 / SIDE)  # frequency, pixel
    basis[0] /= math.sqrt(2)
    rows: list[Tensor] = []
    owners: list[int] = []
    plan = [(band, ["luma"]) for band in _LUMA] + [(band, ["blue", "red"]) for band in _COLOUR]
    for number, (band, axes) in enumerate(plan):
        for axis in axes:
            colour = torch.tensor(_AXES[axis], dtype=torch.float64) * 255
            for u, v in band:
                rows.append(torch.einsum("i,j,c->cij", basis[u], basis[v], colour))
                owners.append(number)
    pixels = torch.stack(rows)  # F 3 8 8
    k = SIDE // cell
    cells = pixels.view(len(rows), 3, k, cell, k, cell).permute(0, 3, 5, 1, 2, 4)  # F cell cell 3 k k
    bands = F.one_hot(torch.tensor(owners), len(plan)).T.double()
    bands = bands / bands.sum(1, keepdim=True)
    return cells.reshape(len(rows), 3 * cell * cell, k, k).float(), bands[:, :, None, None].float()
