"""Building blocks shared by the live networks: plain 3×3 convolutions on pixel-unshuffled grids."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def space_to_depth(frames: Tensor, grid: int) -> Tensor:
    """N×C×H×W → N×(grid²·C)×(H/grid)×(W/grid), laid out as ONNX ``SpaceToDepth``: row, column, channel.

    H and W must be multiples of ``grid``. (``torch.pixel_unshuffle`` puts the channel first instead; this order
    needs no permutation on export.)
    """
    n, c, h, w = frames.shape
    cells = frames.view(n, c, h // grid, grid, w // grid, grid)  # N C H/g g W/g g
    return cells.permute(0, 3, 5, 1, 2, 4).reshape(n, grid * grid * c, h // grid, w // grid)  # N g·g·C H/g W/g


def depth_to_space(cells: Tensor, grid: int) -> Tensor:
    """N×(grid²·C)×h×w → N×C×(h·grid)×(w·grid): the inverse of :func:`space_to_depth`, ONNX mode ``DCR``."""
    n, depth, h, w = cells.shape
    c = depth // (grid * grid)
    blocks = cells.view(n, grid, grid, c, h, w)  # N g g C h w
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(n, c, h * grid, w * grid)  # N C h·g w·g


class CollapsibleConv2d(nn.Module):
    """A 3×3 convolution trained as a sum of linear branches and run as the one kernel they add up to.

    Branches: a plain 3×3; a 3×3 that expands and a 1×1 that squeezes; and the identity where the widths agree. All are
    linear, so their sum is one 3×3 kernel, and it is that kernel which convolves, in training too: the richer
    parametrisation costs next to nothing per step, and the exported network is the trained one, not an approximation
    of it. Starting at the identity keeps ReLUs of a stack without normalisation alive.

    Source: SESR (Bhardwaj et al., "Collapsible Linear Blocks for Super-Efficient Super Resolution", MLSys 2022).

    Input N×``inputs``×H×W, output N×``outputs``×H×W, zero padding of one.
    """

    def __init__(self, inputs: int, outputs: int, *, expansion: int = 2, gain: float = 1.0) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        middle = expansion * max(inputs, outputs)
        square = inputs == outputs
        # The two drawn branches share the variance of He's initialisation; beside the identity they start smaller.
        std = gain * math.sqrt(1.0 / (9 * inputs)) * (0.5 if square else 1.0)
        self.plain = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * std)
        self.expand = nn.Parameter(torch.randn(middle, inputs, 3, 3) * math.sqrt(1.0 / (9 * inputs)))
        self.squeeze = nn.Parameter(torch.randn(outputs, middle) * math.sqrt(9 * inputs / middle) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))
        identity = torch.zeros(outputs, inputs, 3, 3)
        if square:
            identity[range(inputs), range(inputs), 1, 1] = 1.0
        self.register_buffer("identity", identity, persistent=False)

    def kernel(self) -> Tensor:
        """The sum of all branches as one outputs×inputs×3×3 kernel."""
        return self.plain + torch.einsum("om,mihw->oihw", self.squeeze, self.expand) + cast(Tensor, self.identity)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.bias, padding=1)

    def collapse(self) -> nn.Conv2d:
        """A plain convolution that computes the same."""
        conv = nn.Conv2d(self.inputs, self.outputs, 3, padding=1)
        with torch.no_grad():
            conv.weight.copy_(self.kernel())
            conv.bias.copy_(self.bias)  # pyright: ignore[reportOptionalMemberAccess]
        return conv


class ConvStack(nn.Module):
    """Convolutions from ``widths[0]`` to ``widths[-1]`` channels with ReLU between them, none at the end, and one skip
    that adds the first features to the last ones.

    The skip lets a stack without normalisation start to learn: in short runs six layers left the loss of the identity
    sooner with it than without (docs/training-log.md). ``last_gain`` shrinks the last kernel at the start,
    so that a residual network begins close to the identity.
    """

    def __init__(self, widths: list[int], *, expansion: int, last_gain: float = 0.1) -> None:
        super().__init__()
        gains = [1.0] * (len(widths) - 2) + [last_gain]
        self.convs = nn.ModuleList(
            CollapsibleConv2d(a, b, expansion=expansion, gain=gain)
            for a, b, gain in zip(widths, widths[1:], gains, strict=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        first = x = torch.relu(self.convs[0](x))
        for conv in self.convs[1:-1]:
            x = torch.relu(conv(x))
        return self.convs[-1](x + first)

    def collapse(self) -> ConvStack:
        """The same stack with every collapsible convolution replaced by its plain equal."""
        plain = ConvStack.__new__(ConvStack)
        nn.Module.__init__(plain)
        plain.convs = nn.ModuleList(cast(CollapsibleConv2d, conv).collapse() for conv in self.convs)
        return plain
