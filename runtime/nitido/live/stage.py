"""Stages between capture and sink: their interface, and the stage that restores frames with as much work as time
allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from nitido.frames import Frame
from nitido.inference.levels import Noise
from nitido.inference.model import Model
from nitido.inference.streaming import FrameStream
from nitido.live.fade import Fade, passed_through
from nitido.live.half_size import HalfSizeStream, restore_half
from nitido.live.ladder import Change, Ladder, Rung, plan_rungs
from nitido.live.state import Captured, Controls
from nitido.live.variants import variant_names

RECURRENT = 3  # frames to warm up with: the second one has a past, which is moved
BYPASS = "bypass"
_BYPASS = Rung(BYPASS, None)


@dataclass(frozen=True)
class Restored:
    """A stage's result.

    frame: uint8 (s·H)×(s·W)×3, BGR.
    rung: name of the work that was done.
    noise: noise level that was removed, or ``None`` if not known.
    past: share of the past in it, 0 to 1; ``None`` for a model that is not recurrent.
    """

    frame: Frame
    rung: str
    noise: float | None = None
    past: float | None = None


class Stage(Protocol):
    """Processes frames between capture and sink. Called by one thread.

    name: of its models, for people.
    device: where they run, such as ``cpu``.
    """

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    def warm_up(self, height: int, width: int, controls: Controls) -> None:
        """Prepares for frames of that size in pixels; ends early if ``controls.over`` is set."""
        ...

    def __call__(self, captured: Captured, controls: Controls) -> Restored | None:
        """The result for a frame; ``None``: the frame is left out."""
        ...

    def observe(self, busy: float, now: float) -> Change | None:
        """Call after the last frame took ``busy`` seconds and was done at ``now`` on the run's clock; returns the
        change of the rung, if there is one."""
        ...


class LadderStage:
    """Restores frames with variants of a model, from best to fastest, as the ladder decides.

    A change to or from passthrough, and one that loses what a recurrent model remembers, takes a few frames, see
    :mod:`nitido.live.fade`.

    The states of a recurrent model are kept if only the precision of the model changes. They are reset after a change
    to another model or frame size, a bypass, a lost source, and a cut.
    """

    def __init__(self, models: Sequence[Model], *, fps: float | None = None) -> None:
        """fps: frames per second to keep; ``None``: always the first model. Raises ``ValueError`` without models."""
        if not models:
            raise ValueError("expected at least one model, found none")
        self._models = list(models)
        remembering = sum(model.recurrent for model in models)
        rungs = plan_rungs(variant_names(models), recurrent=remembering, halving=models[0].card.scale == 1)
        self._ladder = Ladder(rungs, 1.0 / fps) if fps else None
        self._best = rungs[0]
        card = models[0].card
        self._fade = Fade(denoising=card.task == "denoise" and card.scale == 1)
        self._turn = 0
        self._bypassed = False
        self._stream: FrameStream | None = None
        self._halved: HalfSizeStream | None = None  # around the stream of a recurrent model at half the size
        self._streamed = models[0], False  # the model of the stream, and whether it gets frames of half the size
        self._reconnects = 0
        self.name = ", ".join(variant_names(models))
        self.device = models[0].device

    def warm_up(self, height: int, width: int, controls: Controls) -> None:
        """Runs every rung once, because the first run at a size plans memory and takes several times as long."""
        black = np.zeros((height, width, 3), np.uint8)
        rows = np.random.default_rng(0).integers(0, 256, (height, 1, 3), np.uint8)
        striped = np.ascontiguousarray(np.broadcast_to(rows, black.shape))
        moving = [np.roll(striped, step, 0) for step in range(RECURRENT)]
        rungs = self._ladder.rungs if self._ladder else [self._best]
        for rung in {(rung.variant, rung.half): rung for rung in rungs}.values():
            for frame in moving if self._remembers(rung) else [black]:
                if controls.over:
                    return
                self.restore(frame, rung, controls.strength, controls.noise)
        self._stream = None  # these frames must not become part of the past

    def __call__(self, captured: Captured, controls: Controls) -> Restored | None:
        """The result of the ladder's rung for the frame; ``None`` if the rung leaves it out."""
        self._bypassed = controls.bypass
        rung = self._ladder.rung if self._ladder else self._best
        if captured.reconnects != self._reconnects:
            self._reconnects, self._stream = captured.reconnects, None
        if self._bypassed:
            rung, self._stream = _BYPASS, None
            self._fade.end()
        if self._stream and not controls.past:
            self._stream.forget()
        self._turn += 1
        if self._turn % rung.every:
            return None
        result = self.restore(captured.frame, rung, controls.strength, controls.noise)
        shown = self._fade(captured.frame, result, controls.strength)
        stream = self._stream
        if rung.variant is None or stream is None:
            return Restored(shown, rung.name)
        past = stream.past
        return Restored(shown, rung.name, stream.level, past if past is None or controls.past else 0.0)

    def observe(self, busy: float, now: float) -> Change | None:
        """Lets the ladder decide, unless the frame was bypassed, or took longer because of the last change."""
        if self._ladder is None or self._bypassed or self._fade.aligned:
            return None
        before = self._ladder.rung
        change = self._ladder.observe(busy, now)
        if change is not None:
            after = self._ladder.rung
            goes_on = self._remembers(after) and before.half == after.half
            self._fade.begin(before, after, forgetting=self._remembers(before) and not goes_on)
        return change

    def restore(self, frame: Frame, rung: Rung, strength: float = 1.0, noise: Noise | None = None) -> Frame:
        """The frame H×W×3, uint8 BGR, restored with ``rung``; returns (s·H)×(s·W)×3 for models of scale s.

        strength: 0 to 1; a model whose strength cannot be varied runs at 1. noise: the noise level of the frame; models
        that do not take one ignore it. At half size, the level differs and is estimated. Raises the same errors as the
        model.
        """
        if rung.variant is None:
            return passed_through(frame, self._models[0].card.scale)
        model = self._models[rung.variant]
        strength = strength if model.has_strength else 1.0
        if rung.half and min(frame.shape[:2]) >= 4:  # the half-size result is blended with the frame at the end
            run = self._runner(model, 1.0, None, half=True)
            return self._half_stream()(frame, strength) if model.recurrent else restore_half(frame, run, strength)
        return self._runner(model, strength, noise if model.has_noise else None)(frame)

    def _runner(
        self, model: Model, strength: float, noise: Noise | None, *, half: bool = False
    ) -> Callable[[Frame], Frame]:
        """The model as a function of its next frame."""
        if not (model.recurrent or model.has_noise):
            self._stream = None
            return lambda frame: model(frame, strength=strength)
        if self._stream is None or self._streamed[1] != half:
            self._stream = FrameStream(model)
        elif self._streamed[0] is not model:
            self._stream.hand_over(model)
        self._streamed = model, half
        stream = self._stream
        return lambda frame: stream(frame, strength=strength, noise=noise)

    def _half_stream(self) -> HalfSizeStream:
        """The current stream, which gets frames of half the size, with the detail that belongs to it."""
        stream = cast(FrameStream, self._stream)
        if self._halved is None or self._halved.stream is not stream:
            self._halved = HalfSizeStream(stream)
        return self._halved

    def _remembers(self, rung: Rung) -> bool:
        return rung.variant is not None and self._models[rung.variant].recurrent
