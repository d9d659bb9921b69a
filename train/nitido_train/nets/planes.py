"""A denoiser that gets its noise level as constant channels, for 8 bits.

In float, the level is part of each layer's bias. ONNX Runtime's 8-bit convolutions need constant biases: release 1.17
ignores others without a message, and release 1.32 is slow with them. So the quantized network has four more channels.
They hold the level at every position, each layer passes them on to the next, and the centre of each kernel turns them
into the bias. There are four, because 8-bit kernels are only fast with multiples of four channels.

The last layer has four more outputs, which are zero: a convolution with 12 outputs takes three times as long as one
with 16.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from nitido_train.nets.blocks import LevelConv2d, collapse, depth_to_space, space_to_depth
from nitido_train.nets.estimator import HIGHEST, LOWEST, MIDDLE
from nitido_train.nets.frame import FrameNet, LevelFrameNet
from nitido_train.tensors import ZERO_POINT

COPIES = 2  # channels for each of the two parts of a condition, so that the weights of each are half as large
PLANES = 2 * COPIES
# Ends of the two parts.
LOWEST_AWAY, HIGHEST_AWAY = math.log(LOWEST / MIDDLE), math.log(HIGHEST / MIDDLE)
MOST = max(LOWEST_AWAY * LOWEST_AWAY, HIGHEST_AWAY * HIGHEST_AWAY)


class PlaneStack(nn.Module):
    """A collapsed :class:`nitido_train.nets.bodies.LevelStack` of plain convolutions: N×(C+4)×h×w → the same shape, of
    which the last four channels are zero. It may be built without these."""

    def __init__(self, convs: list[nn.Conv2d]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> Tensor:
        first = x = torch.relu(self.convs[0](x))
        for conv in self.convs[1:-1]:
            x = torch.relu(conv(x))
        return self.convs[-1](torch.cat([x, first], 1))


class PlaneFrameNet(FrameNet):
    """A collapsed :class:`LevelFrameNet` whose body gets the level as channels."""

    takes_level = True

    def __init__(self, net: LevelFrameNet) -> None:
        """net: collapsed."""
        super().__init__(plane_stack(net.body, spare=PLANES), cell=net.cell)
        self.estimator = net.estimator

    def body_input(self, frames: Tensor, level: Tensor | None = None) -> Tensor:
        cells = space_to_depth(frames, self.cell)
        used = self.estimator(cells)
        if level is not None:
            used = torch.where(level < 0, used, level.clamp(LOWEST, HIGHEST).log())
        planes = planes_of(used)[:, :, None, None].expand(-1, -1, *cells.shape[2:])
        return torch.cat([cells, planes], 1)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, frames: Tensor, level: Tensor | None = None, *, estimates: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """As :class:`LevelFrameNet`. The estimator does not learn here, because it was fitted with the float
        network."""
        cells = self.body_input(frames, level)
        restored = depth_to_space((cells + self.body(cells))[:, :-PLANES], self.cell)
        return (restored, self.estimator(space_to_depth(frames, self.cell)).detach()) if estimates else restored


def planes_of(log_level: Tensor) -> Tensor:
    """ln(level) N → N×4, the values of the channels: bytes as networks see them."""
    away = log_level - math.log(MIDDLE)
    parts = torch.stack([(away - LOWEST_AWAY) / (HIGHEST_AWAY - LOWEST_AWAY), away * away / MOST], 1)  # N 2, 0..1
    return ((255 * parts).round() - ZERO_POINT).repeat_interleave(COPIES, 1) / 255


def plane_values(log_level: Tensor) -> Tensor:
    """ln(level) of each position, N×1×h×w → N×4×h×w: as :func:`planes_of`, before rounding."""
    away = log_level - math.log(MIDDLE)
    parts = torch.cat([(away - LOWEST_AWAY) / (HIGHEST_AWAY - LOWEST_AWAY), away * away / MOST], 1)
    return parts.repeat_interleave(COPIES, 1) - ZERO_POINT / 255


def in_planes(net: FrameNet) -> FrameNet:
    """The network in the form for quantization: collapsed, with the level among its channels."""
    plain = cast(FrameNet, collapse(net))
    return PlaneFrameNet(plain) if isinstance(plain, LevelFrameNet) else plain


@torch.no_grad()
def plane_stack(body: nn.Module, *, spare: int) -> PlaneStack:
    """A collapsed :class:`nitido_train.nets.bodies.LevelStack` whose input has the level as four more channels, the
    last ones. spare: number of zero outputs added to the last layer."""
    *hidden, last = cast(list[nn.Conv2d], list(cast(nn.ModuleList, body.convs)))
    convs: list[nn.Conv2d] = []
    for number, conv in enumerate(cast(list[LevelConv2d], hidden)):
        hands_on = PLANES if number < len(hidden) - 1 else 0
        outputs, inputs, size = conv.out_channels, conv.in_channels, conv.kernel_size[0]
        plain = nn.Conv2d(inputs + PLANES, outputs + hands_on, size, padding=size // 2)
        weight, bias = cast(Tensor, plain.weight).zero_(), cast(Tensor, plain.bias).zero_()
        weight[:outputs, :inputs] = conv.weight
        bias[:outputs] = cast(Tensor, conv.bias)
        middle = size // 2
        for plane in range(PLANES):
            # In the network's input, planes are -128/255..127/255; from the first layer on, they are 0..1.
            offset = ZERO_POINT / 255 if number == 0 else 0.0
            if hands_on:
                weight[outputs + plane, inputs + plane, middle, middle] = 1.0
                bias[outputs + plane] = offset
            # condition = slope · plane + start
            slope, start = [(HIGHEST_AWAY - LOWEST_AWAY, LOWEST_AWAY), (MOST, 0.0)][plane // COPIES]
            shift = conv.shift[:, plane // COPIES] / COPIES
            weight[:outputs, inputs + plane, middle, middle] = slope * shift
            bias[:outputs] += shift * (start + slope * offset)
        convs.append(plain)
    features = last.in_channels
    size = last.kernel_size[0]
    outputs = last.out_channels
    joined = nn.Conv2d(2 * features + PLANES, outputs + spare, size, padding=size // 2)
    weight, bias = cast(Tensor, joined.weight).zero_(), cast(Tensor, joined.bias).zero_()
    weight[:outputs, :features] = last.weight
    weight[:outputs, features : 2 * features] = last.weight
    bias[:outputs] = cast(Tensor, last.bias)
    return PlaneStack([*convs, joined]).requires_grad_(False)
