"""Bodies of frame networks: dense convolutions on cells, without any operator that is slow on devices."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from nitido_train.nets.blocks import CollapsibleConv2d, CollapsibleLevelConv2d, DepthToSpace, SpaceToDepth


class ConvStack(nn.Module):
    """Convolutions from ``widths[0]`` to ``widths[-1]`` channels, with a ReLU after each except the last.

    A skip adds the first features to the last ones. It helps a stack without normalisation to start learning: in short
    runs, six layers improved on the identity sooner with it (docs/development/training-log.md). ``last_gain`` shrinks
    the last kernel at the start, so that a residual network begins close to the identity.
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


class LevelStack(nn.Module):
    """A :class:`ConvStack` whose hidden layers get a condition, such as the noise level, as part of their biases.

    That costs nothing per pixel. In contrast, FFDNet (Zhang, Zuo, Zhang, 2018) gets its level as another input channel.
    The parameters have the same names as in a ConvStack, so this stack can start from the weights of one.
    """

    def __init__(self, widths: list[int], *, conditions: int, expansion: int, last_gain: float = 0.1) -> None:
        super().__init__()
        hidden = [
            CollapsibleLevelConv2d(a, b, conditions=conditions, expansion=expansion) for a, b in pairwise(widths[:-1])
        ]
        self.convs = nn.ModuleList(
            [*hidden, CollapsibleConv2d(widths[-2], widths[-1], expansion=expansion, gain=last_gain)]
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x: N×C×h×w. condition: N×conditions, or N×conditions×h×w."""
        first = x = torch.relu(self.convs[0](x, condition))
        for conv in self.convs[1:-1]:
            x = torch.relu(conv(x, condition))
        return self.convs[-1](x + first)


class Pyramid(nn.Module):
    """A U-shaped body from ``inputs`` channels to ``outputs``. Each grid has half the resolution of the one before.

    widths: channels on each grid.
    before, after: number of 3×3 convolutions on each grid, on the way down and on the way up.
    """

    def __init__(
        self, inputs: int, outputs: int, widths: list[int], before: list[int], after: list[int], *, expansion: int
    ) -> None:
        super().__init__()
        if not len(widths) == len(before) == len(after):
            raise ValueError(
                f"widths, before and after must be equally long; found {len(widths)}, {len(before)} and {len(after)}"
            )
        self.head = CollapsibleConv2d(inputs, widths[0], expansion=expansion)
        self.level = _Level(widths, before, after, expansion)
        self.tail = CollapsibleConv2d(widths[0], outputs, expansion=expansion, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.level(torch.relu(self.head(x))))


class _Level(nn.Module):
    """One grid of a pyramid and, inside it, all coarser ones.

    The coarser level works on 2×2 cells of this one, between two 1×1 convolutions. Its result is added to the features
    of this level.
    """

    def __init__(self, widths: list[int], before: list[int], after: list[int], expansion: int) -> None:
        super().__init__()
        width = widths[0]

        def convs(count: int) -> nn.ModuleList:
            return nn.ModuleList(CollapsibleConv2d(width, width, expansion=expansion) for _ in range(count))

        self.before, self.after = convs(before[0]), convs(after[0])
        self.coarser = None
        if len(widths) > 1:
            self.fold, self.unfold = SpaceToDepth(2), DepthToSpace(2)
            self.down = CollapsibleConv2d(4 * width, widths[1], kernel_size=1, expansion=expansion)
            self.coarser = _Level(widths[1:], before[1:], after[1:], expansion)
            self.up = CollapsibleConv2d(widths[1], 4 * width, kernel_size=1, expansion=expansion, gain=0.5)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.before:
            x = torch.relu(conv(x))
        first = x
        if self.coarser is not None:
            coarse = torch.relu(self.down(self.fold(x)))  # N widths[1] h/2 w/2
            x = x + self.unfold(self.up(self.coarser(coarse)))
        for conv in self.after:
            x = torch.relu(conv(x))
        return x + first
