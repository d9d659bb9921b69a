"""Grows a larger network from a smaller one: at step 0 it returns the same, but it can learn more.

Source: Net2Net (Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016). Here the
network gets wider by channels that no other layer uses at first, instead of split copies. Kernels that start at the
identity keep these channels alive, and they differ without added noise.
"""

from __future__ import annotations

import torch
from torch import nn

from nitido_train.nets.blocks import CollapsibleConv2d
from nitido_train.nets.bodies import ConvStack
from nitido_train.nets.frame import FrameNet


def is_larger(net: nn.Module, smaller: nn.Module) -> bool:
    """Whether :func:`grow` can put ``smaller`` into ``net``: both are stacks on the same grid, and ``net`` has more
    layers or wider ones, and no narrower ones."""
    if not (isinstance(net, FrameNet) and isinstance(smaller, FrameNet)) or net.cell != smaller.cell:
        return False
    if not (isinstance(net.body, ConvStack) and isinstance(smaller.body, ConvStack)):
        return False
    wider = _width(net.body) - _width(smaller.body)
    deeper = len(net.body.convs) - len(smaller.body.convs)
    return len(smaller.body.convs) > 2 and wider >= 0 and deeper >= 0 and wider + deeper > 0


@torch.no_grad()
def grow(net: FrameNet, smaller: FrameNet) -> None:
    """Puts ``smaller`` into the first channels and layers of a new ``net``, in place. Requires :func:`is_larger`.

    Added channels compute features that the old channels and the output ignore at first. Added layers pass the old
    channels on. So ``net`` returns what ``smaller`` returns. If the scale of the networks differs, the last layer stays
    random.
    """
    ours, theirs = _convs(net), _convs(smaller)
    _take(ours[0], theirs[0])
    for conv, taken in zip(ours[1:], theirs[1:-1], strict=False):
        _take(conv, taken)
    width = theirs[0].outputs
    for conv in ours[len(theirs) - 1 : -1]:
        _set(conv, torch.eye(width)[:, :, None, None])  # rectified features pass another ReLU unchanged
    if net.scale == smaller.scale:
        _take(ours[-1], theirs[-1])


def _take(conv: CollapsibleConv2d, taken: CollapsibleConv2d) -> None:
    _set(conv, taken.kernel())
    conv.bias[: taken.outputs] = taken.bias


def _set(conv: CollapsibleConv2d, kernel: torch.Tensor) -> None:
    """Makes ``kernel`` the kernel of the first outputs of ``conv``. They ignore all other inputs.

    kernel: O×I×k×k, with the same k or a smaller one, which is put in the middle.
    """
    outputs, inputs = kernel.shape[:2]
    margin = (conv.kernel_size - kernel.shape[2]) // 2
    taps = slice(margin, conv.kernel_size - margin)
    wanted = torch.zeros_like(conv.plain[:outputs])
    wanted[:, :inputs, taps, taps] = kernel
    # The plain branch compensates for the other branches.
    conv.plain[:outputs] += wanted - conv.kernel()[:outputs]


def _convs(net: FrameNet) -> list[CollapsibleConv2d]:
    assert isinstance(net.body, ConvStack)
    return [conv for conv in net.body.convs if isinstance(conv, CollapsibleConv2d)]


def _width(body: ConvStack) -> int:
    first = body.convs[0]
    assert isinstance(first, CollapsibleConv2d)
    return first.outputs
