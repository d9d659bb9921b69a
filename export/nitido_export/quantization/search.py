"""Quality-guarded lower precision: int8 or fp16 that loses no more than it may, and int8 that is faster, or none.

Calibrate, measure each layer, put those back into float that help most until the loss is allowed, then time the result
against the float model. A checkpoint of ``nitido train --qat`` brings its ranges; the rest of the way is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from nitido.errors import ExportError
from nitido.inference.model import Model
from nitido_export.evaluation.frames import Condition
from nitido_export.graph.frames import frame_graph
from nitido_export.publishing.publish import Draft, Statement, draft
from nitido_export.quantization.calibration import Calibration, calibration, candidates
from nitido_export.quantization.gptq import compensate
from nitido_export.quantization.timing import Comparison, compare
from nitido_export.session import quiet_session
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.degrade import Picture
from nitido_train.nets.blocks import collapse
from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.equalization import equalize
from nitido_train.quantization.imitation import Quantization, layer_names, quantize_net, unquantized

log = logging.getLogger(__name__)

HELPS = 0.95  # of the loss: a layer's return to float that leaves more than this does not help


@dataclass(frozen=True)
class Guard:
    """max_drop: allowed loss in dB, on the worst of the conditions that the network is meant for. holdout: what to
    measure it on, by the name of the set. reference: the float model to measure against."""

    max_drop: float
    holdout: Mapping[str, Sequence[Condition]]
    reference: Model

    @property
    def pictures(self) -> int:
        """How many all sets hold together."""
        return sum(len(conditions[0].clean) for conditions in self.holdout.values())


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
    timing: Comparison
    scores: list[dict[str, Any]]


def quantize(
    checkpoint: Checkpoint,
    name: str,
    statement: Statement,
    guard: Guard,
    pictures: Sequence[Picture],
    *,
    time: Callable[[Model, Model], Comparison] = compare,
) -> Outcome:
    """The int8 model of a checkpoint. pictures: clean ones to calibrate with, degraded here as its training has it.

    Raises ``ExportError`` when the loss cannot be met with any convolution in 8 bits, or the file is not faster.
    """
    if checkpoint.quantization:
        plain, tried, measured = unquantized(checkpoint.frame_net()), [checkpoint.quantization], None
    else:
        plain = cast(FrameNet, collapse(checkpoint.frame_net()))
        measured = calibration(plain, checkpoint.recipe, pictures)
        plain.body = equalize(plain.body, measured.cells)
        tried = candidates(plain, measured.cells)
    judge = _Judge(plain, checkpoint, name, statement, guard, measured)

    attempts = [judge.attempt(q) for q in tried]
    best = min(range(len(tried)), key=lambda i: attempts[i].drop)
    chosen, last = tried[best], attempts[best]
    sensitivities = judge.sensitivities(chosen)
    layers = layer_names(plain.body)
    while last.drop > guard.max_drop and len(chosen.float_layers) < len(layers) - 1:
        chosen = judge.relieved(chosen, sensitivities)
        last = judge.attempt(chosen)
        attempts.append(last)
    if last.drop > guard.max_drop:
        least = min(attempts, key=lambda a: a.drop)
        raise ExportError(
            f"--max-drop {guard.max_drop:g} dB cannot be met: the best int8 model loses {least.drop:.3f} dB with "
            f"{len(least.float_layers)} of {len(layers)} layers in float; fine-tune with 'nitido train --qat', or "
            "allow more"
        )
    finished = judge.draft_of(chosen)
    with finished.opened() as model:
        timing = time(guard.reference, model)
        scores = judge.scores(model)
    if timing.speedup <= 1.0:
        raise ExportError(
            f"the int8 model is not faster here: {timing.candidate_ms:.1f} ms a frame against "
            f"{timing.reference_ms:.1f} ms in float (with {len(chosen.float_layers)} of {len(layers)} layers left); "
            "keep the float model"
        )
    report = {
        "kind": "quantization-aware training" if checkpoint.quantization else "post-training",
        "calibration": chosen.method,
        "rounding": "nearest, as trained" if checkpoint.quantization else "compensated (GPTQ)",
        "float_layers": list(chosen.float_layers),
        "weights": "int8 per channel, neighbours within 127",
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
    return Outcome(finished, attempts, sensitivities, timing, scores)


def halve(checkpoint: Checkpoint, name: str, statement: Statement, guard: Guard) -> Draft:
    """The fp16 model of a checkpoint, for GPUs; on a CPU it gains nothing, so it is not timed.

    Raises ``ExportError`` when it loses more than allowed.
    """
    if checkpoint.quantization:
        raise ExportError("this checkpoint was trained for 8 bits (--qat): export it with --int8")
    finished = draft(checkpoint.frame_net(), checkpoint, name, statement, "fp16")
    judge = _Judge(checkpoint.frame_net(), checkpoint, name, statement, guard)
    with finished.opened() as model:
        scores = judge.scores(model)
    drop = max(row["drop"] for row in scores)
    if drop > guard.max_drop:
        raise ExportError(f"the fp16 model loses {drop:.3f} dB, allowed are {guard.max_drop:g} dB; nothing written")
    report = {
        "kind": "float16 body",
        "max_drop": guard.max_drop,
        "drop": round(drop, 3),
        "holdout_pictures": guard.pictures,
        "scores": scores,
        "timing": "not timed: made for GPUs; CPUs compute it in float32 with conversions around",
    }
    return replace(finished, card=replace(finished.card, quantization=report))


class _Judge:
    """Builds quantized drafts of one network and measures what they lose. calibration: what to fit the weights on, for
    a network that was not trained for 8 bits."""

    def __init__(
        self,
        plain: FrameNet,
        checkpoint: Checkpoint,
        name: str,
        statement: Statement,
        guard: Guard,
        calibration: Calibration | None = None,
    ) -> None:
        self._plain, self._checkpoint, self._name, self._statement = plain, checkpoint, name, statement
        self._calibration = calibration
        self._conditions = [
            replace(condition, name=f"{name}, {condition.name}")
            for name, conditions in guard.holdout.items()
            for condition in conditions
            if condition.meant
        ]
        self._float = guard.reference
        self._reference = [c.measure(guard.reference) for c in self._conditions]
        # Sensitivity takes a measurement per layer: a corner of each picture is enough to rank them.
        self._few = [c.part(max(1, guard.pictures // 12), 264) for c in self._conditions]

    def draft_of(self, quantization: Quantization) -> Draft:
        return draft(self._quantized(quantization), self._checkpoint, self._name, self._statement, "int8")

    def attempt(self, quantization: Quantization) -> Attempt:
        drop = max(row["drop"] for row in self.scores(self._restore(quantization)))
        log.info("%s, float layers: %s: loses %.3f dB", quantization.method, quantization.float_layers or "none", drop)
        return Attempt(quantization.method, quantization.float_layers, drop)

    def scores(self, restore: Callable[[Picture], Picture]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for condition, reference in zip(self._conditions, self._reference, strict=True):
            value = condition.measure(restore)
            rows.append(
                {
                    "condition": condition.name,
                    "metric": condition.metric,
                    "reference": round(reference, 3),
                    "value": round(value, 3),
                    "drop": reference - value,
                }
            )
        return rows

    def sensitivities(self, quantization: Quantization) -> list[Sensitivity]:
        layers = layer_names(self._plain.body)
        none = self._measure_few(replace(quantization, float_layers=tuple(layers)))
        found: list[Sensitivity] = []
        for layer in layers:
            others = tuple(other for other in layers if other != layer)
            one = self._measure_few(replace(quantization, float_layers=others))
            found.append(Sensitivity(layer, max(a - b for a, b in zip(none, one, strict=True))))
        return found

    def relieved(self, quantization: Quantization, sensitivities: Sequence[Sensitivity]) -> Quantization:
        """The same with one layer more in float: the one that then leaves the least loss, or where none alone helps,
        as when two layers are bad, the one that costs most by itself."""
        layers, floats = layer_names(self._plain.body), quantization.float_layers

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
        return [c.measure(self._float) for c in self._few]

    def _measure_few(self, quantization: Quantization) -> list[float]:
        restore = self._restore(quantization)
        return [c.measure(restore) for c in self._few]

    def _restore(self, quantization: Quantization) -> Callable[[Picture], Picture]:
        """The graph as a function. Only the one that is kept in the end becomes a draft, with all its proofs."""
        graph = frame_graph(self._quantized(quantization))
        session = quiet_session(graph.SerializeToString())
        return lambda frame: np.asarray(session.run(["image"], {"frame": frame[None]})[0])[0]

    def _quantized(self, quantization: Quantization) -> FrameNet:
        net = quantize_net(self._plain, quantization)
        if self._calibration is not None:
            compensate(net, self._plain, self._calibration)
        return net
