"""Clips for recurrent denoisers in lower precision: for calibrating their stacks, and for measuring the loss.

Clips are made from pictures: a camera stands, shakes, pans, zooms or turns, and objects move in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.inference.levels import ESTIMATE, NOISE, Noise, level_in
from nitido.inference.recurrence import RecurrentState, States
from nitido.inference.session import run_graph
from nitido.inference.streaming import FrameStream, Step, Streamable
from nitido_export.quantization.gptq import Calibration
from nitido_train.data.clip_noise import ClipNoise, Compression
from nitido_train.data.degrade import CAMERA_JPEG, CAMERAS, SIGMAS
from nitido_train.data.motion import Clip, moving_clip
from nitido_train.evaluation.clips import Playback
from nitido_train.evaluation.conditions import Condition
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.live_planes import PlaneLiveNet
from nitido_train.recipe.schema import Recipe
from nitido_train.tensors import to_tensor

LENGTH = 8  # frames of a clip
SIDE = 96  # pixels of a clip to calibrate with
TEST_SIDE = 160  # pixels of a clip to measure on, at most
CLIPS, BATCH = 24, 8
SEEN = (0, 1, 3, 7)  # frames that the stacks are calibrated on


@torch.no_grad()
def clip_calibration(net: PlaneLiveNet, recipe: Recipe, pictures: Sequence[Frame]) -> dict[str, Calibration]:
    """The inputs of each stack for clips with the noise of the training. First the logits of ``net`` are scaled to the
    range of its corrections. Raises ``SourceUnavailable`` when no picture is large enough."""
    clips = [_clip(pictures, LENGTH, SIDE, number) for number in range(CLIPS)]
    net.scale_logits(_logit_scale(net, recipe, clips[:BATCH]))
    found = {part: Calibration([], []) for part in net.quantized_parts}
    for start in range(0, CLIPS, BATCH):
        _record(net, recipe, clips[start : start + BATCH], found, start)
    return found


def clip_conditions(pictures: Sequence[Frame], recipe: Recipe) -> list[Condition]:
    """One clip of each picture, T×H×W×3 uint8, in which it moves, with each kind of noise that the network is made for.

    Raises ``SourceUnavailable`` when no picture is large enough.
    """
    if not pictures:
        raise SourceUnavailable("no picture to make clips of: expected at least one")
    side = min(TEST_SIDE, *(min(picture.shape[:2]) for picture in pictures)) // 4 * 4
    clean = [_clip([picture], LENGTH, side, number) for number, picture in enumerate(pictures)]
    if recipe.for_cameras:
        noises = {f"camera noise, {n}": ClipNoise(c, (Compression(CAMERA_JPEG),)) for n, c in CAMERAS.items()}
    else:
        noises = {f"gaussian sigma {sigma}": ClipNoise(float(sigma)) for sigma in SIGMAS}
    return [
        Condition(name, name, [_noisy(noise, clip, n) for n, clip in enumerate(clean)], clean)
        for name, noise in noises.items()
    ]


def clip_restorer(net: FrameNet, session: ort.InferenceSession) -> Callable[[Frame], Frame]:
    """An exported graph as a function from a clip T×H×W×3 to its frames restored one after the other."""
    model = cast(Streamable, _Graph(net, session))
    return lambda clip: restore_clip(model, clip)


def restore_clip(model: Streamable, clip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frames T×H×W×3 of a clip, restored one after the other."""
    stream = FrameStream(model)
    return np.stack([stream(frame) for frame in clip])


class _Graph:
    """The parts of a model that a stream needs."""

    has_noise = True

    def __init__(self, net: FrameNet, session: ort.InferenceSession) -> None:
        self.state, self._session = RecurrentState(net.states, net.multiple), session

    def step(
        self, frames: NDArray[np.uint8], states: States, *, strength: float = 1.0, noise: Noise | None = None
    ) -> Step:
        given = level_in(frames, noise)
        feeds = {} if given is None else {NOISE: np.array(given, np.float32)}
        found = run_graph(self._session, {"frame": frames, **feeds, **(states or self.state.blank(frames.shape))})
        return Step(found["image"], self.state.after(found), float(found[ESTIMATE]), given)


def _clip(pictures: Sequence[Frame], length: int, side: int, number: int) -> Clip:
    large = [p for p in pictures if min(p.shape[:2]) >= side]
    if not large:
        raise SourceUnavailable(f"no picture to make clips of is at least {side} pixels wide and high")
    rng = np.random.default_rng([5000, number])
    return moving_clip(lambda chance: large[int(chance.integers(len(large)))], length, side, rng)


def _noisy(noise: ClipNoise, clip: Clip, number: int) -> Clip:
    rng = np.random.default_rng([6000, number])
    return np.stack([noise.add(frame, rng) for frame in clip])


def _logit_scale(net: PlaneLiveNet, recipe: Recipe, clips: Sequence[Clip]) -> float:
    """The factor that brings the body's logits to the range of its corrections."""
    largest = [1e-6, 1e-6]

    def look(_module: nn.Module, _given: Any, found: Tensor) -> None:
        cells = found.unflatten(1, (-1, 4)).abs()  # N 4 4 h w
        for place, part in enumerate((cells[:, :, :3], cells[:, :, 3:])):
            largest[place] = max(largest[place], float(part.flatten().quantile(0.9999)))

    hook = net.body.register_forward_hook(look)
    list(_play(net, recipe, clips, 0))
    hook.remove()
    return float(net.logit_scale) * largest[1] / largest[0]


def _record(
    net: PlaneLiveNet, recipe: Recipe, clips: Sequence[Clip], found: dict[str, Calibration], first: int
) -> None:
    given: dict[str, Tensor] = {}

    def keep(part: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def look(_stack: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            given[part] = inputs[0]

        return look

    hooks = [net.get_submodule(part).register_forward_pre_hook(keep(part)) for part in found]
    for number, (restored, clean) in enumerate(_play(net, recipe, clips, first)):
        if number in SEEN:
            weights = 1 / (restored - clean).square().mean(dim=(1, 2, 3)).clamp_min(1 / 255**2)
            for part, calibration in found.items():
                calibration.cells.append(given[part])
                calibration.weights.append(weights)
    for hook in hooks:
        hook.remove()


def _play(net: PlaneLiveNet, recipe: Recipe, clips: Sequence[Clip], first: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(restored, clean) of each moment, N×3×H×W each."""
    assert recipe.noise is not None
    noisy: list[Clip] = []
    for number, clip in enumerate(clips, first):
        noise = ClipNoise.draw(recipe.noise, np.random.default_rng([7000, number]))
        noisy.append(_noisy(noise, clip, number))
    play = Playback(net)
    for given, clean in zip(np.stack(noisy, 1), np.stack(clips, 1), strict=True):  # T N H W 3
        yield play(np.ascontiguousarray(given)), to_tensor(torch.from_numpy(clean))
