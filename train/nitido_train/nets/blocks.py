"""Building blocks of the frame networks: dense convolutions on pixel-unshuffled grids."""

from __future__ import annotations

import copy
import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def space_to_depth(frames: Tensor, grid: int) -> Tensor:
    """N×C×H×W → N×(grid²·C)×(H/grid)×(W/grid), laid out as ONNX ``SpaceToDepth``: row, column, channel.

    H and W must be multiples of ``grid``. ``torch.pixel_unshuffle`` puts the channel first instead. The order used here
    does not need a permutation in the exported graph.
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


class SpaceToDepth(nn.Module):
    """:func:`space_to_depth` as a layer, so that it is a single step in a traced network."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        return space_to_depth(x, self.grid)


class DepthToSpace(nn.Module):
    """:func:`depth_to_space` as a layer."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        return depth_to_space(x, self.grid)


class CollapsibleConv2d(nn.Module):
    """A convolution that is trained as a sum of linear branches and computed with the single kernel that is their sum.

    The branches are a plain k×k kernel, an expanding k×k kernel followed by a squeezing 1×1 kernel, and the identity if
    the widths agree. All are linear, so their sum is one k×k kernel. Training uses that kernel, too, so the branches
    cost almost nothing per step, and the exported network is exactly the trained one. Because the sum starts at the
    identity, the ReLUs of a stack without normalisation do not die.

    Source: SESR (Bhardwaj et al., "Collapsible Linear Blocks for Super-Efficient Super Resolution", MLSys 2022).

    Input N×``inputs``×H×W, output N×``outputs``×H×W. ``kernel_size`` is odd, and zero padding keeps the size.
    ``expansion`` 0 leaves out the second branch, which an optimizer with orthogonalized steps does not need.
    """

    def __init__(
        self, inputs: int, outputs: int, *, kernel_size: int = 3, expansion: int = 2, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.kernel_size = inputs, outputs, kernel_size
        area, middle_tap = kernel_size**2, kernel_size // 2
        middle = expansion * max(inputs, outputs)
        square = inputs == outputs
        self.squeeze = None
        # The random branches share the variance of He's initialisation. With the identity they start smaller.
        std = gain * math.sqrt(1.0 / (area * inputs)) * (0.5 if square else 1.0)
        self.plain = nn.Parameter(torch.randn(outputs, inputs, kernel_size, kernel_size) * std)
        if expansion:
            expand = torch.randn(middle, inputs, kernel_size, kernel_size) * math.sqrt(1.0 / (area * inputs))
            self.expand = nn.Parameter(expand)
            self.squeeze = nn.Parameter(torch.randn(outputs, middle) * math.sqrt(area * inputs / middle) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))
        identity = torch.zeros(outputs, inputs, kernel_size, kernel_size)
        if square:
            identity[range(inputs), range(inputs), middle_tap, middle_tap] = 1.0
        self.register_buffer("identity", identity, persistent=False)

    def kernel(self) -> Tensor:
        """The sum of all branches as one outputs×inputs×k×k kernel."""
        kernel = self.plain + cast(Tensor, self.identity)
        if self.squeeze is None:
            return kernel
        return kernel + torch.einsum("om,mihw->oihw", self.squeeze, self.expand)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.bias, padding=self.kernel_size // 2)

    def collapse(self) -> nn.Conv2d:
        """A plain convolution that computes the same."""
        conv = nn.Conv2d(self.inputs, self.outputs, self.kernel_size, padding=self.kernel_size // 2)
        with torch.no_grad():
            conv.weight.copy_(self.kernel())
            conv.bias.copy_(self.bias)  # pyright: ignore[reportOptionalMemberAccess]
        return conv


def shift_of(condition: Tensor, shift: Tensor) -> Tensor:
    """The values N×O×1×1 or N×O×H×W that a condition N×K or N×K×H×W adds to O channels. shift: O×K."""
    if condition.ndim == 4:
        return F.conv2d(condition, shift[:, :, None, None])
    return (condition @ shift.T)[:, :, None, None]


class LevelConv2d(nn.Conv2d):
    """A plain convolution whose bias depends on a condition: ``bias + shift · condition``.

    forward: N×I×H×W and the condition N×K or, for each position, N×K×H×W → N×O×H×W.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, conditions: int) -> None:
        super().__init__(inputs, outputs, kernel_size, padding=kernel_size // 2)
        self.shift = nn.Parameter(torch.zeros(outputs, conditions))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._conv_forward(x, self.weight, self.bias) + shift_of(condition, self.shift)


class CollapsibleLevelConv2d(CollapsibleConv2d):
    """A :class:`CollapsibleConv2d` whose bias depends on a condition N×``conditions``.

    At first it ignores the condition.
    """

    def __init__(self, inputs: int, outputs: int, *, conditions: int, expansion: int = 2) -> None:
        super().__init__(inputs, outputs, expansion=expansion)
        self.shift = nn.Parameter(torch.zeros(outputs, conditions))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x) + shift_of(condition, self.shift)

    def collapse(self) -> LevelConv2d:
        plain = super().collapse()
        conv = LevelConv2d(self.inputs, self.outputs, self.kernel_size, self.shift.shape[1])
        conv.load_state_dict({**plain.state_dict(), "shift": self.shift})
        return conv


def collapse(net: nn.Module) -> nn.Module:
    """A copy of a network in eval mode, with a plain convolution for every collapsible one."""
    plain = copy.deepcopy(net).eval().requires_grad_(False)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, CollapsibleConv2d):
                setattr(module, name, child.collapse())
    return plain.requires_grad_(False)
