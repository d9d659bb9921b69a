"""Quantizes a network to 8 bits, if the loss stays within a limit and the result is faster.

The steps are: calibrate; measure each layer; return the layers to float that help most, until the loss is within the
limit; compare the speed with the float model. A checkpoint of ``nitido train --qat`` contains its ranges; the other
steps are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from nitido.errors import ExportError
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.session import run_graph
from nitido.wording import count
from nitido_export.draft import Draft, ReleaseInfo, draft
from nitido_export.graph.frames import frame_graph
from nitido_export.quantization.calibration import calibration, candidates
from nitido_export.quantization.clips import clip_restorer
from nitido_export.quantization.gptq import Calibration, compensate
from nitido_export.quantization.guard import QualityGuard, restorer
from nitido_export.quantization.timing import Comparison, compare
from nitido_export.session import quiet_session
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.equalization import equalize
from nitido_train.quantization.imitation import as_quantized, quantize_net, unquantized
from nitido_train.quantization.parts import all_layer_names, parts_of
from nitido_train.quantization.ranges import Quantization

log = logging.getLogger(__name__)

EQUAL = 0.01  # dB: a difference that does not matter
HELPS = 0.95  # of the loss: returning a layer to float does not help if more than this share remains


@dataclass(frozen=True)
class Attempt:
    """One quantization that was measured. drop: dB lost on the worst condition."""

    method: str
    float_layers: tuple[str, ...]
    drop: float


@dataclass(frozen=True)
class Sensitivity:
    """drop: dB lost on the worst condition when this convolution alone computes in 8 bits."""

    layer: str
    drop: float


@dataclass(frozen=True)
class Outcome:
    """A finished search: the draft to publish and everything that was measured on the way."""

    draft: Draft
    attempts: list[Attempt]
    sensitivities: list[Sensitivity]
    scores: list[dict[str, Any]]


def quantize(
    checkpoint: Checkpoint,
    name: str,
    info: ReleaseInfo,
    guard: QualityGuard,
    pictures: Sequence[Frame],
    *,
    time: Callable[[Model, Model], Comparison] = compare,
) -> Outcome:
    """Makes the int8 model of a checkpoint.

    pictures: clean pictures for calibration, which are degraded here as in the training.
    time: compares the speed of the reference and of the int8 model.
    Raises ``ExportError`` when the loss cannot be met with any convolution in 8 bits, or the file is not faster.
    """
    if checkpoint.quantization:
        plain, tried, measured = unquantized(checkpoint.frame_net()), [checkpoint.quantization], None
    else:
        plain = as_quantized(checkpoint.frame_net())
        measured = calibration(plain, checkpoint.recipe, pictures)
        for part, body in parts_of(plain).items():
            setattr(plain, part, equalize(body, measured[part].cells))
        tried = candidates(plain, measured)
    losses = _LossMeasurement(plain, guard, measured)

    attempts = [losses.attempt(q) for q in tried]
    # Later candidates clip more. Among equal ones, the one that clips least is the safest for noise that was not
    # measured.
    least = min(attempt.drop for attempt in attempts)
    best = next(i for i, attempt in enumerate(attempts) if attempt.drop <= least + EQUAL)
    chosen, last = tried[best], attempts[best]
    sensitivities = losses.sensitivities(chosen)
    layers = all_layer_names(plain)
    while last.drop > guard.max_drop and len(chosen.float_layers) < len(layers) - 1:
        chosen = losses.with_one_more_float_layer(chosen, sensitivities)
        last = losses.attempt(chosen)
        attempts.append(last)
    if last.drop > guard.max_drop:
        nearest = min(attempts, key=lambda a: a.drop)
        raise ExportError(
            f"--max-drop {guard.max_drop:g} dB cannot be met: the best int8 model loses {nearest.drop:.3f} dB with "
            f"{len(nearest.float_layers)} of {count(len(layers), 'layer')} in float; fine-tune with "
            "'nitido train --qat', or allow more"
        )
    finished = draft(losses.quantized(chosen), checkpoint, name, info, "int8")
    with finished.opened() as model:
        timing = time(guard.reference, model)
        scores = guard.scores(restorer(model))
    if timing.speedup <= 1.0:
        raise ExportError(
            f"the int8 model is not faster here: {timing.candidate_ms:.1f} ms a frame against "
            f"{timing.reference_ms:.1f} ms in float (with {len(chosen.float_layers)} of {count(len(layers), 'layer')} "
            "left); keep the float model"
        )
    report = {
        "kind": "quantization-aware training" if checkpoint.quantization else "post-training",
        "calibration": chosen.method,
        "rounding": "to nearest, as in training" if checkpoint.quantization else "error-compensating (GPTQ)",
        "float_layers": list(chosen.float_layers),
        "weights": "int8, one scale per output channel, limited sums of neighbouring weights",
        "activations": "uint8",
        "max_drop": guard.max_drop,
        "drop": round(last.drop, 3),
        "holdout_pictures": guard.pictures,
        "scores": scores,
        "speedup": round(timing.speedup, 2),
        "timing": timing.describe(),
        "sensitivity": {s.layer: round(s.drop, 4) for s in sensitivities},
    }
    finished = replace(finished, card=replace(finished.card, quantization=report))
    return Outcome(finished, attempts, sensitivities, scores)


class _LossMeasurement:
    """Quantizes one network in several ways and measures what each loses."""

    def __init__(
        self, plain: FrameNet, guard: QualityGuard, fitted_on: Mapping[str, Calibration] | None = None
    ) -> None:
        """plain: the float network. fitted_on: what to fit the weights on, for a network that was not trained for
        8 bits."""
        self._plain, self._guard, self._fitted_on = plain, guard, fitted_on
        # Sensitivities need one measurement per layer. A corner of each picture is enough to rank the layers.
        self._few = [c.part(max(1, guard.pictures // 12), 264) for c in guard.conditions]

    def quantized(self, quantization: Quantization) -> FrameNet:
        """The network in 8 bits. Its weights are fitted, unless they were trained for 8 bits."""
        net = quantize_net(self._plain, quantization)
        for part, seen in (self._fitted_on or {}).items():
            compensate(net.get_submodule(part), self._plain.get_submodule(part), seen)
        return net

    def attempt(self, quantization: Quantization) -> Attempt:
        drop = max(row["drop"] for row in self._guard.scores(self._restore(quantization)))
        log.info("%s, float layers: %s: loses %.3f dB", quantization.method, quantization.float_layers or "none", drop)
        return Attempt(quantization.method, quantization.float_layers, drop)

    def sensitivities(self, quantization: Quantization) -> list[Sensitivity]:
        layers = all_layer_names(self._plain)
        none = self._measure_few(replace(quantization, float_layers=tuple(layers)))
        found: list[Sensitivity] = []
        for layer in layers:
            others = tuple(other for other in layers if other != layer)
            one = self._measure_few(replace(quantization, float_layers=others))
            found.append(Sensitivity(layer, max(a - b for a, b in zip(none, one, strict=True))))
        return found

    def with_one_more_float_layer(
        self, quantization: Quantization, sensitivities: Sequence[Sensitivity]
    ) -> Quantization:
        """The same with one more layer in float: the one whose return leaves the least loss. If no single layer helps,
        for example because two are bad, it is the one that loses most on its own."""
        layers, floats = all_layer_names(self._plain), quantization.float_layers

        def with_one_more(more: str) -> Quantization:
            return replace(quantization, float_layers=tuple(layer for layer in layers if layer in (*floats, more)))

        def loss(tried: Quantization) -> float:
            return max(a - b for a, b in zip(self._few_reference, self._measure_few(tried), strict=True))

        losses = {layer: loss(with_one_more(layer)) for layer in layers if layer not in floats}
        best = min(losses, key=losses.__getitem__)
        if losses[best] > HELPS * loss(quantization):
            best = max((s for s in sensitivities if s.layer in losses), key=lambda s: s.drop).layer
        return with_one_more(best)

    @cached_property
    def _few_reference(self) -> list[float]:
        return [c.measure(self._guard.restore) for c in self._few]

    def _measure_few(self, quantization: Quantization) -> list[float]:
        restore = self._restore(quantization)
        return [c.measure(restore) for c in self._few]

    def _restore(self, quantization: Quantization) -> Callable[[Frame], Frame]:
        """The graph as a function. Only the final one becomes a draft, with all proofs."""
        net = self.quantized(quantization)
        session = quiet_session(frame_graph(net).SerializeToString())
        if net.states:
            return clip_restorer(net, session)
        return lambda frame: run_graph(session, {"frame": frame[None]}, ["image"])["image"][0]
