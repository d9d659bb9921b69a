"""A sequence of frames through a model: what it carries along, and where it begins again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nitido.frames import as_batch
from nitido.inference.levels import LevelAverage, Levelled, Noise, follow
from nitido.inference.recurrence import Flow, RecurrentState, States


class Step(NamedTuple):
    """One run of a recurrent model.

    images: uint8 N×H×W×3, BGR.
    states: to feed with the next frames.
    estimate: the noise level that the model finds in the frames, in 8-bit levels; ``None`` of a model without one.
    given: the noise level that the model was given, or ``None``.
    """

    images: NDArray[np.uint8]
    states: States
    estimate: float | None
    given: float | None


class Streamable(Levelled, Protocol):
    """A model, as far as streams are concerned."""

    @property
    def state(self) -> RecurrentState: ...

    def step(
        self, frames: NDArray[np.uint8], states: States, *, strength: float = 1.0, noise: Noise | None = None
    ) -> Step: ...


class FrameStream:
    """A model as a function of the next frame of one sequence, or of N sequences in parallel.

    A recurrent model gets the states that the frame before left behind, aligned with the picture. It begins again,
    without a past, after a frame of another size, after :meth:`reset`, and after a cut, which is a jump of the noise
    level. Other models get the average noise level of the frames before; after a cut the average begins again.

    Args:
        model: a model of :func:`nitido.load`.
        align: whether states are moved along with the picture before each frame.
        average: receives the noise levels.
    """

    def __init__(self, model: Streamable, *, align: bool = True, average: LevelAverage | None = None) -> None:
        self._model, self._align = model, align
        self._average = average or LevelAverage()
        self._seen = LevelAverage()  # of what a recurrent model finds while another level is given
        self._states: States = {}
        self._last: NDArray[np.uint8] = np.empty((0,), np.uint8)  # what the states belong to, N×H×W×3
        self._flows: list[Flow] = []

    @property
    def past(self) -> float | None:
        """Share of the past in the last picture, 0 to 1; ``None`` if the model does not report it."""
        return self._model.state.past(self._states) if self._states else None

    @property
    def weight(self) -> NDArray[np.float32] | None:
        """Share of the past in each place of the last picture, 0 to 1, N×1×h×w; ``None`` if the model does not report
        it."""
        return self._model.state.weight(self._states) if self._states else None

    @property
    def flows(self) -> Sequence[Flow]:
        """By how much the past of each sequence was moved for the last picture, H×W×2; empty if there was no past, or
        it was not aligned."""
        return self._flows

    @property
    def level(self) -> float | None:
        """Noise level that is removed, in 8-bit levels; ``None`` if none is known."""
        return self._average.level

    def hand_over(self, model: Streamable) -> None:
        """The next frames go through another model. It gets the past where its states mean the same, as those of the
        same network in 8 bits do."""
        if not self._model.state.is_like(model.state):
            self.forget()
        self._model = model

    def forget(self) -> None:
        """Forgets the past. The average noise level is kept."""
        self._states = {}

    def reset(self) -> None:
        """Begins a new sequence: forgets the past and the average noise level."""
        self.forget()
        self._average.level = self._seen.level = None

    def __call__(
        self, frame: NDArray[np.uint8], *, strength: float = 1.0, noise: Noise | None = None
    ) -> NDArray[np.uint8]:
        """Restores the next frame.

        Args:
            frame: uint8 BGR, H×W×3 or N×H×W×3.
            strength: 0 to 1, for models that can vary it.
            noise: noise level in 8-bit levels, or a calibration. Default: estimated.

        Returns:
            uint8 BGR of the same rank.

        Raises:
            FrameMismatch: as for calling the model.
        """
        if not self._model.state:
            return follow(self._model, frame, self._average, strength=strength, noise=noise)
        frames = np.ascontiguousarray(as_batch(frame))
        if frames.shape != self._last.shape:
            self.reset()
        states, self._flows = self._states, []
        if states and self._align:
            self._flows = self._model.state.motion(self._last, frames)
            states = self._model.state.moved(states, self._flows)
        given = self._given(noise)
        step = self._model.step(frames, states, strength=strength, noise=given)
        seen = self._average if noise is None else self._seen
        known = states or (noise is None and given is not None)
        if step.estimate is not None and seen.take(step.estimate) and known:
            # A cut: the past and the level that was given are of another scene.
            self._flows = []
            step = self._model.step(frames, {}, strength=strength, noise=self._given(noise))
        if noise is not None:
            self._average.level = step.given
        self._states = step.states
        self._last = step.images if step.images.shape == frames.shape else frames
        return step.images if frame.ndim == 4 else step.images[0]

    def _given(self, noise: Noise | None) -> Noise | None:
        return noise if noise is not None or not self._model.has_noise else self._average.level
