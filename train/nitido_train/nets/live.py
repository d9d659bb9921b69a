"""A recurrent denoiser: what was seen of a place before makes the next frame better, as long as the place is the same.

A running mean whose gain follows from how much has been averaged is a Kalman filter of a scene that stands still. The
network decides only where the past holds. Gates that have to learn the gain as well, as in Maggioni et al., "Efficient
Multi-Stage Video Denoising with Recurrent Spatio-Temporal Fusion" (EMVD), CVPR 2021, learned to average for long much
more slowly (docs/development/training-log.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from nitido.model_file.states import StateSpec
from nitido_train.nets.blocks import depth_to_space, space_to_depth
from nitido_train.nets.bodies import LevelStack
from nitido_train.nets.estimator import HIGHEST, LOWEST, NoiseEstimator
from nitido_train.nets.frame import FrameNet, LevelFrameNet, condition

CELL = 2  # pixels of a cell on each side
PIXELS = CELL * CELL
DEPTH = 3 * PIXELS
MOST_PAST = 0.97  # of a weight: a mean of 32 frames
BODY_INPUTS, BODY_OUTPUTS = 3 * DEPTH, DEPTH + PIXELS
GATE_INPUTS = 3 * DEPTH + 3
HOLDS, MIXED_IN = 1.0, -1.0  # logits at the start: of the past, and of the last result
LOGIT_GAIN = 8.0  # of the body's logits, since its outputs are corrections, which are small


class Gate(nn.Module):
    """Cells and what goes with them, N×39×h×w → logits N×1×h×w of whether the past holds. h and w are even.

    Its layers work on every second position of every second row. The last one has a logit for each of the 2×2 cells.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(GATE_INPUTS, channels, 3, stride=2, padding=1),
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.Conv2d(channels, 4, 3, padding=1),
            ]
        )
        nn.init.constant_(cast(Tensor, self.convs[-1].bias), HOLDS)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs[:-1]:
            x = torch.relu(conv(x))
        return depth_to_space(self.convs[-1](x), 2)


class LiveFrameNet(FrameNet):
    """A denoiser that sees a running mean of the noisy frames, and its last result.

    It has three states, which are to be aligned with the new frame before they are given:

    picture: the last result, not clipped.
    weight: w = n / (n + 1) where the mean is as good as one of n frames; 0 where there is no past.
    mean: the running mean of the noisy frames.

    1. ``gate`` decides for each cell how well the past holds, r in 0..1. The new frame enters the mean with the gain
       1 - w·r: for r = 1 this is the plain mean, and without a past the frame itself. The noise variance of the mean,
       as a share of a frame's, becomes v = 1 - w·r·(2 - r), and the weight 1 / (1 + v).
    2. ``body`` denoises the mean, whose noise level is that of the frame times √v: another one in each cell.
    3. The last result is mixed in as far as the body says, for each pixel.

    Without a past, 1 and 3 do nothing, so the first frame is what a :class:`LevelFrameNet` returns for it.
    """

    states = (
        StateSpec("picture", 3, 1, "linear"),
        StateSpec("weight", 1, CELL, "linear"),
        StateSpec("mean", 3, 1, "nearest"),
    )

    takes_level = True

    def __init__(self, body: LevelStack, gate: Gate) -> None:
        """body: 36 channels (the mean, the last result's difference from it, its own difference from the frame) → 16: a
        correction of the mean, and a logit for each pixel of the cell of how much of the last result is mixed in."""
        super().__init__(body, cell=CELL, coarsest=2)
        self.gate = gate
        self.estimator = NoiseEstimator(CELL)

    def blank(self, frames: Tensor) -> tuple[Tensor, ...]:
        """The states before the first frame N×3×H×W."""
        n, _, h, w = frames.shape
        return tuple(frames.new_zeros(n, s.channels, h // s.grid, w // s.grid) for s in self.states)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, frames: Tensor, states: Sequence[Tensor] | None = None, level: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Returns the restored frames N×3×H×W and the new states.

        states: in the order of :attr:`states`; ``None`` before the first frame.
        level: noise level of each frame, N; negative ones are estimated, as all are without it.
        """
        picture, weight, mean = self.blank(frames) if states is None else states
        cells = space_to_depth(frames, CELL)
        log_level = self.log_level(cells, level)
        past = (2 * weight).clamp(max=1)  # 1 wherever there is a past, since weights begin with 1/2
        old = space_to_depth(picture, CELL)
        off_mean = space_to_depth(mean, CELL) - cells

        holds = torch.sigmoid(self.gate(torch.cat([cells, old - cells, off_mean, levels(log_level, weight)], 1)))
        kept = weight * holds
        new_mean = cells + kept * off_mean
        variance = 1 - kept * (2 - holds)
        new_weight = (1 / (1 + variance)).clamp(max=MOST_PAST)

        lower = (log_level[:, None, None, None] + 0.5 * torch.log(variance)).clamp(min=math.log(LOWEST))
        given = torch.cat([new_mean, (old - new_mean) * past, new_mean - cells], 1)
        found = self.body(given, condition(lower))
        alone = depth_to_space(new_mean + found[:, :DEPTH], CELL)
        mixed_in = depth_to_space(torch.sigmoid(LOGIT_GAIN * found[:, DEPTH:]) * past, CELL)  # N 1 H W
        restored = alone + mixed_in * (picture - alone)
        return restored, (restored, new_weight, depth_to_space(new_mean, CELL))

    def estimate(self, frames: Tensor) -> Tensor:
        """ln(noise level) of frames as the estimator finds it, N."""
        return self.estimator(space_to_depth(frames, CELL))

    def log_level(self, cells: Tensor, level: Tensor | None) -> Tensor:
        """ln(noise level) of frames as cells: what was given of ``level``, the others estimated. N."""
        if level is not None and bool((level >= 0).all()):  # nothing to estimate, which takes time in training
            return level.clamp(LOWEST, HIGHEST).log()
        found = self.estimator(cells).detach()
        if level is None:
            return found
        return torch.where(level < 0, found, level.clamp(LOWEST, HIGHEST).log())


def levels(log_level: Tensor, weight: Tensor) -> Tensor:
    """What the gate is given besides cells, N×3×h×w: noise level, its logarithm and the weight, each of about 0..1."""
    both = torch.stack([log_level.exp() / HIGHEST, log_level / math.log(HIGHEST)], 1)
    return torch.cat([both[:, :, None, None].expand(-1, -1, *weight.shape[2:]), weight], 1)


@torch.no_grad()
def begin_with(net: LiveFrameNet, single: LevelFrameNet) -> None:
    """Gives a network the weights of one that sees single frames, so that it returns the same until it is trained.

    Raises ``ValueError`` when their bodies have other layers.
    """
    own, given = net.body.state_dict(), single.body.state_dict()
    if own.keys() != given.keys():
        raise ValueError(f"the bodies have {len(own)} and {len(given)} tensors")
    for name, value in given.items():
        own[name].zero_()
        own[name][tuple(slice(n) for n in value.shape)] = value
    last = f"convs.{len(cast(nn.ModuleList, net.body.convs)) - 1}.bias"
    own[last][DEPTH:] = MIXED_IN / LOGIT_GAIN
    net.estimator.load_state_dict(single.estimator.state_dict())
