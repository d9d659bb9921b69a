"""Validates recurrent denoisers: clips frame by frame, with states aligned as in the runtime, scored as uint8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nitido.frames import Frame
from nitido.inference.alignment import flow_between
from nitido_train.data.clip_noise import ClipNoise, Compression
from nitido_train.data.degrade import CAMERAS
from nitido_train.data.motion import Clip
from nitido_train.evaluation.metrics import score
from nitido_train.nets.live import LiveFrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.nets.warp import align_states
from nitido_train.tensors import to_frames, to_tensor

LAST = 4  # frames of a clip whose scores count
# What clips are validated with, by the names of the figures.
NOISES = {"mid": ClipNoise(CAMERAS["mid"], (Compression(85),)), "s25": ClipNoise(25.0)}


class Playback:
    """Frames N×3×H×W through a network one after the other, each with the states of the one before, aligned.

    Noise levels that are not given, or negative, are the mean of all estimates so far, as in the runtime.
    """

    def __init__(self, net: LiveFrameNet | PlaneLiveNet, *, align: bool = True) -> None:
        self._net, self._align = net, align
        self._states: tuple[Tensor, ...] | None = None
        self._shown: list[Frame] = []
        self._estimates: list[Tensor] = []
        self._given: tuple[Tensor, Tensor] | None = None  # last frames, and their noise levels

    def __call__(self, frames: NDArray[np.uint8], level: Tensor | None = None) -> Tensor:
        """frames: N×H×W×3. Returns the restored frames N×3×H×W."""
        given = to_tensor(torch.from_numpy(frames)).to(next(self._net.parameters()).device)
        states = self._states
        if states is not None and self._align:
            flow = np.stack([flow_between(last, now) for last, now in zip(self._shown, frames, strict=True)])
            states = align_states(states, self._net.states, torch.from_numpy(flow).permute(0, 3, 1, 2).to(given.device))
        if level is None or bool((level < 0).any()):
            with torch.no_grad():
                self._estimates.append(self._net.estimate(given))
            found = torch.stack(self._estimates).mean(0).exp()
            level = found if level is None else torch.where(level < 0, found, level)
        self._given = given, level
        restored, self._states = self._net(given, states, level)
        self._shown = to_frames(restored.detach().float())
        return restored

    @torch.no_grad()
    def without_past(self) -> Tensor:
        """The network's results for only the last frames, with the same noise levels: N×3×H×W."""
        if self._given is None:
            raise ValueError("no frames were played yet")
        given, level = self._given
        return self._net(given, None, level)[0]

    @property
    def shown(self) -> list[Frame]:
        """The last results as frames."""
        return self._shown

    def forget_gradients(self) -> None:
        """Detaches the states from their computation."""
        if self._states is not None:
            self._states = tuple(state.detach() for state in self._states)


class ClipValidation:
    """Validates on clips that always have the same noise."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        """clips: T×H×W×3, all of the same shape."""
        self._clean = np.stack(clips)  # N T H W 3
        self._noisy = {
            name: np.stack([_noisy(noise, clip, n) for n, clip in enumerate(clips)]) for name, noise in NOISES.items()
        }

    def __len__(self) -> int:
        return len(self._clean)

    @torch.no_grad()
    def score(self, net: LiveFrameNet) -> dict[str, float]:
        """Mean PSNR in dB of the last frames for each noise, their mean as ``psnr``, and the same of first frames."""
        found: dict[str, float] = {}
        for name, noisy in self._noisy.items():
            play = Playback(net)
            rows: list[list[float]] = []
            for t in range(noisy.shape[1]):
                play(noisy[:, t])
                rows.append(
                    [score(shown, clean, 1) for shown, clean in zip(play.shown, self._clean[:, t], strict=True)]
                )
            found[f"psnr_{name}"] = float(np.mean(rows[-LAST:]))
            found[f"first_{name}"] = float(np.mean(rows[0]))
        for kind in ("psnr", "first"):
            found[kind] = float(np.mean([found[f"{kind}_{name}"] for name in NOISES]))
        return found

    @torch.no_grad()
    def examples(self, net: LiveFrameNet, count: int = 4) -> list[tuple[Frame, Frame, Frame, Frame]]:
        """(given, first result, last result, clean) of the last frames of some clips; first results are of a network
        that has no past at that frame."""
        noisy = self._noisy["mid"][:count]
        play, alone = Playback(net), Playback(net)
        for t in range(noisy.shape[1]):
            play(noisy[:, t])
        alone(noisy[:, -1])
        return list(zip(noisy[:, -1], alone.shown, play.shown, self._clean[:count, -1], strict=True))


def _noisy(noise: ClipNoise, clip: Clip, position: int) -> Clip:
    rng = np.random.default_rng([3000, position])
    return np.stack([noise.add(frame, rng) for frame in clip])
