"""A :class:`nitido_train.nets.live.LiveFrameNet` as it is exported: two plain stacks, and the fusion between them.

What the stacks compute in 8 bits is what lies between their inputs and outputs, and these are made for that:

* The noise level of each place is four channels of the body's input, as in :mod:`nitido_train.nets.planes`.
* All inputs lie within -0.5..0.5 wherever they matter, so that one scale, that of a frame's bytes, fits them.
* The gate's first layer takes pixels: its taps are as large as a cell, so that nothing has to be rearranged for it.
* Outputs are padded with zeros to sixteen.
* The body's logits are scaled down to the range of its corrections, with which they share a scale.

The fusion works on pixels instead of cells, which is the same and takes fewer passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nitido_train.nets.blocks import collapse, depth_to_space, space_to_depth
from nitido_train.nets.estimator import HIGHEST, LOWEST
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.live import BODY_INPUTS, CELL, DEPTH, GATE_INPUTS, LOGIT_GAIN, MOST_PAST, PIXELS, LiveFrameNet
from nitido_train.nets.planes import PLANES, PlaneStack, plane_stack, plane_values

HALVED = 0.5  # what the gate's level and weight are multiplied with
BODY_WIDTH, OUTPUTS = 40, 16


class Stack(nn.Module):
    """Plain convolutions with a ReLU after each but the last."""

    def __init__(self, convs: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs[:-1]:
            x = torch.relu(conv(x))
        return self.convs[-1](x)


class PlaneLiveNet(FrameNet):
    """Computes what the network that it is made of computes, and is written into a file.

    gate: pixels N×12×H×W → N×16×(h/2)×(w/2), of which four channels count.
    body: N×40×h×w → N×16×h×w, cells of four channels: a correction of the mean and, divided by ``logit_scale``, the
    logit of how much of the last result is mixed in.
    """

    states = LiveFrameNet.states
    takes_level = True
    quantized_parts = ("gate", "body")
    logit_scale: Tensor

    def __init__(self, net: LiveFrameNet, logit_scale: float = 1.0) -> None:
        """net: of any kind; it is collapsed."""
        plain = cast(LiveFrameNet, collapse(net))
        super().__init__(_body(plain.body, logit_scale), cell=CELL, coarsest=2)
        self.gate: nn.Module = _gate(cast(list[nn.Conv2d], list(plain.gate.convs)))
        self.estimator = plain.estimator
        self.register_buffer("logit_scale", torch.tensor(logit_scale))

    @torch.no_grad()
    def scale_logits(self, scale: float) -> None:
        """Changes ``logit_scale``, and the body's last layer with it."""
        last = cast(nn.Conv2d, self.body.convs[-1])  # pyright: ignore[reportIndexIssue, reportArgumentType]
        for values in (last.weight, cast(Tensor, last.bias)):
            values[3::4] *= self.logit_scale / scale
        self.logit_scale.fill_(scale)

    def estimate(self, frames: Tensor) -> Tensor:
        """As :meth:`LiveFrameNet.estimate`."""
        return self.estimator(_cells(frames))

    def gate_input(self, frames: Tensor, picture: Tensor, mean: Tensor, weight: Tensor, log_level: Tensor) -> Tensor:
        """What :attr:`gate` is given."""
        level = torch.stack([log_level.exp() / HIGHEST, log_level / math.log(HIGHEST)], 1)
        levels = level[:, :, None, None].expand(-1, -1, *frames.shape[2:])
        return torch.cat([frames, picture - frames, mean - frames, HALVED * levels, HALVED * _fine(weight)], 1)

    def body_input(self, mean: Tensor, old: Tensor, off: Tensor, log_level: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What :attr:`body` is given. off: the mean's difference from the frame. log_level: of each cell, N×1×h×w."""
        parts = [_cells(torch.cat([mean, old, off], 1)), plane_values(log_level)]
        return F.pad(torch.cat(parts, 1), (0, 0, 0, 0, 0, BODY_WIDTH - BODY_INPUTS - PLANES))

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, frames: Tensor, states: Sequence[Tensor] | None = None, level: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As :meth:`LiveFrameNet.forward`."""
        if states is None:
            n, _, h, w = frames.shape
            states = [frames.new_zeros(n, s.channels, h // s.grid, w // s.grid) for s in self.states]
        picture, weight, mean = states
        log_level = self.estimate(frames)
        if level is not None:
            log_level = torch.where(level < 0, log_level, level.clamp(LOWEST, HIGHEST).log())
        past = (2 * weight).clamp(max=1)
        given = self.gate_input(frames, picture, mean, weight, log_level)
        holds = torch.sigmoid(depth_to_space(self.gate(given)[:, :4], 2))
        kept = weight * holds
        off = _fine(kept) * (mean - frames)
        new_mean = frames + off
        variance = 1 - kept * (2 - holds)
        new_weight = (1 / (1 + variance)).clamp(max=MOST_PAST)
        lower = (log_level[:, None, None, None] + 0.5 * torch.log(variance)).clamp(min=math.log(LOWEST))
        old = (picture - new_mean) * _fine(past)
        found = depth_to_space(self.body(self.body_input(new_mean, old, off, lower)), CELL)  # N 4 H W
        alone = new_mean + found[:, :3]
        mixed_in = torch.sigmoid(self.logit_scale * found[:, 3:]) * _fine(past)
        restored = alone + mixed_in * (picture - alone)
        return restored, (restored, new_weight, new_mean)


@torch.no_grad()
def _body(body: nn.Module, logit_scale: float) -> PlaneStack:
    stack = plane_stack(body, spare=0)
    first, last = cast(nn.Conv2d, stack.convs[0]), cast(nn.Conv2d, stack.convs[-1])
    stack.convs[0] = _rewired(first, [*_joined(3), *range(BODY_INPUTS, BODY_INPUTS + PLANES)], BODY_WIDTH)
    order = [channel for place in range(PIXELS) for channel in (*range(3 * place, 3 * place + 3), DEPTH + place)]
    for values in (last.weight, cast(Tensor, last.bias)):
        values[DEPTH:] *= LOGIT_GAIN / logit_scale
        values.copy_(values[order])
    return stack


@torch.no_grad()
def _gate(convs: Sequence[nn.Conv2d]) -> Stack:
    first, last = _on_pixels(convs[0]), convs[-1]
    wide = nn.Conv2d(last.in_channels, OUTPUTS, cast(tuple[int, int], last.kernel_size), padding=1)
    for mine, its in ((wide.weight, last.weight), (wide.bias, last.bias)):
        cast(Tensor, mine).zero_()[: last.out_channels] = cast(Tensor, its)
    return Stack([first, *convs[1:-1], wide]).requires_grad_(False)


def _on_pixels(conv: nn.Conv2d) -> nn.Conv2d:
    """The gate's first convolution, which takes cells, as one that takes pixels: its taps are as large as a cell."""
    outputs, size, planes = conv.out_channels, conv.kernel_size[0], GATE_INPUTS - 3 * DEPTH
    wide = nn.Conv2d(9 + planes, outputs, CELL * size, CELL * cast(int, conv.stride[0]), padding=CELL * (size // 2))
    cells = conv.weight[:, : 3 * DEPTH].unflatten(1, (3, CELL, CELL, 3))  # O part row column colour k k
    taps = cells.permute(0, 1, 4, 5, 2, 6, 3)  # O part colour k row k column
    wide.weight[:, :9] = taps.reshape(outputs, 9, CELL * size, CELL * size)
    # A plane has one value for all pixels of a cell.
    wide.weight[:, 9:] = _fine(conv.weight[:, 3 * DEPTH :]) / (PIXELS * HALVED)
    cast(Tensor, wide.bias).copy_(cast(Tensor, conv.bias))
    return wide


def _joined(parts: int) -> list[int]:
    """Channels of pictures as cells one after the other, in the order that they have as cells of one picture."""
    return [
        part * DEPTH + 3 * place + colour for place in range(PIXELS) for part in range(parts) for colour in range(3)
    ]


def _rewired(conv: nn.Conv2d, order: Sequence[int], width: int) -> nn.Conv2d:
    """The convolution with its inputs in another order, and zeros for more of them."""
    size, stride = cast(tuple[int, int], conv.kernel_size), cast(tuple[int, int], conv.stride)
    wide = nn.Conv2d(width, conv.out_channels, size, stride, padding=1)
    wide.weight.zero_()[:, : len(order)] = conv.weight[:, list(order)]
    cast(Tensor, wide.bias).copy_(cast(Tensor, conv.bias))
    return wide.requires_grad_(False)


def _cells(pixels: Tensor) -> Tensor:
    return space_to_depth(pixels, CELL)


def _fine(cells: Tensor) -> Tensor:
    """N×1×h×w → N×1×(2h)×(2w), each value four times."""
    return F.interpolate(cells, scale_factor=CELL, mode="nearest")
