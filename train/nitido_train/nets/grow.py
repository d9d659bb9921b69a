"""A larger network that begins where a smaller one ended: the same pictures at step 0, with room to learn more.

Source: Net2Net (Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016). Wider
here by channels that nothing listens to yet, rather than by split copies: with kernels that start at the identity these
are alive, and no noise is needed to tell them apart.
"""

from __future__ import annotations

import torch
from torch import nn

from nitido_train.nets.blocks import CollapsibleConv2d
from nitido_train.nets.bodies import ConvStack
from nitido_train.nets.frame import FrameNet


def is_larger(net: nn.Module, smaller: nn.Module) -> bool:
    """Whether :func:`grow` can begin ``net`` with ``smaller``: stacks on the same grid, no layer narrower, more of
    them or wider."""
    if not (isinstance(net, FrameNet) and isinstance(smaller, FrameNet)) or net.cell != smaller.cell:
        return False
    if not (isinstance(net.body, ConvStack) and isinstance(smaller.body, ConvStack)):
        return False
    wider = _width(net.body) - _width(smaller.body)
    deeper = len(net.body.convs) - len(smaller.body.convs)
    return len(smaller.body.convs) > 2 and wider >= 0 and deeper >= 0 and wider + deeper > 0


@torch.no_grad()
def grow(net: FrameNet, smaller: FrameNet) -> None:
    """Puts ``smaller`` into the first channels and layers of a freshly drawn ``net``, in place.

    What was added computes features of its own, which the old channels and the output take nothing from; added layers
    hand the old channels on. So ``net`` returns what ``smaller`` does; only where it enlarges by another factor, the
    last layer stays as it was drawn. Call it when :func:`is_larger`.
    """
    ours, theirs = _convs(net), _convs(smaller)
    _take(ours[0], theirs[0])
    for conv, taken in zip(ours[1:], theirs[1:-1], strict=False):
        _take(conv, taken)
    width = theirs[0].outputs
    for conv in ours[len(theirs) - 1 : -1]:
        _set(conv, torch.eye(width)[:, :, None, None])  # rectified features pass through another ReLU unchanged
    if net.scale == smaller.scale:
        _take(ours[-1], theirs[-1])


def _take(conv: CollapsibleConv2d, taken: CollapsibleConv2d) -> None:
    _set(conv, taken.kernel())
    conv.bias[: taken.outputs] = taken.bias


def _set(conv: CollapsibleConv2d, kernel: torch.Tensor) -> None:
    """Makes the first outputs of ``conv`` those of ``kernel`` (O×I×k×k, or smaller and in the middle), deaf to all
    other inputs."""
    outputs, inputs = kernel.shape[:2]
    margin = (conv.kernel_size - kernel.shape[2]) // 2
    taps = slice(margin, conv.kernel_size - margin)
    wanted = torch.zeros_like(conv.plain[:outputs])
    wanted[:, :inputs, taps, taps] = kernel
    # What the other branches add is taken off the plain one.
    conv.plain[:outputs] += wanted - conv.kernel()[:outputs]


def _convs(net: FrameNet) -> list[CollapsibleConv2d]:
    assert isinstance(net.body, ConvStack)
    return [conv for conv in net.body.convs if isinstance(conv, CollapsibleConv2d)]


def _width(body: ConvStack) -> int:
    first = body.convs[0]
    assert isinstance(first, CollapsibleConv2d)
    return first.outputs
