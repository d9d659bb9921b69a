"""One function for each kind of export: float32, float16, 8 bits, and the parts of an autoencoder.

Each takes a checkpoint, proves the result, and writes the model file with its card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nitido.errors import ExportError
from nitido.inference.model import Model
from nitido.model_file.card import Card
from nitido_export.draft import Draft, ReleaseInfo, draft, draft_part
from nitido_export.evaluation.held_out import HeldOut
from nitido_export.evaluation.latents import evaluate_network
from nitido_export.graph.weights import INT8_WEIGHTS
from nitido_export.parts.second_stage import second_stage
from nitido_export.publishing.publish import publish
from nitido_export.quantization.clips import clip_conditions
from nitido_export.quantization.fp16 import to_fp16
from nitido_export.quantization.guard import QualityGuard
from nitido_export.quantization.reference import opened_reference
from nitido_export.quantization.report import write_quantization_report
from nitido_export.quantization.search import quantize
from nitido_export.quantization.weights import round_weights, rounded_layers
from nitido_train.checkpoint import Checkpoint
from nitido_train.evaluation.conditions import Condition, conditions_of, read_pictures
from nitido_train.recipe.schema import Recipe


@dataclass(frozen=True)
class AllowedLoss:
    """The limit for the loss of a model in lower precision.

    holdout: folders of clean pictures to measure the loss on.
    max_drop: allowed loss in dB, on the worst condition.
    against: the float model to compare with; default: the checkpoint's own weights in float32.
    """

    holdout: Sequence[Path]
    max_drop: float = 0.1
    against: Path | None = None


def export_float(checkpoint: Checkpoint, target: Path, info: ReleaseInfo) -> Card:
    """Writes a float32 model. Raises ``ExportError`` or ``SinkUnavailable``."""
    if checkpoint.quantization:
        raise ExportError("this checkpoint was trained for 8 bits (--qat): export it with --int8")
    return publish(draft(checkpoint.frame_net(), checkpoint, target.stem, info), target, info)


def export_fp16(checkpoint: Checkpoint, target: Path, info: ReleaseInfo, allowed: AllowedLoss) -> Card:
    """Writes a float16 model, for GPUs.

    Raises ``ExportError`` when it loses more than allowed, ``ModelNotFound`` or ``CardMismatch`` for the float model
    to compare with, ``SourceUnavailable`` or ``SinkUnavailable``.
    """
    with _opened_guard(checkpoint, info, allowed) as guard:
        return publish(to_fp16(checkpoint, target.stem, info, guard), target, info)


def export_int8(
    checkpoint: Checkpoint, target: Path, info: ReleaseInfo, allowed: AllowedLoss, calibration: Path, reports: Path
) -> tuple[Card, list[Path]]:
    """Writes an 8-bit model and a report; returns the card and the files of the report.

    calibration: folder of clean pictures that the ranges are measured on.
    reports: folder that the report goes into.
    Raises ``ExportError`` when it loses more than allowed or is not faster on this machine, ``ModelNotFound`` or
    ``CardMismatch`` for the float model to compare with, ``SourceUnavailable`` or ``SinkUnavailable``.
    """
    with _opened_guard(checkpoint, info, allowed) as guard:
        outcome = quantize(checkpoint, target.stem, info, guard, read_pictures(calibration))
        card = publish(outcome.draft, target, info)
        return card, write_quantization_report(outcome, reports)


def export_parts(
    checkpoint: Checkpoint,
    target: Path,
    info: ReleaseInfo,
    parts: Sequence[str],
    prior: Sequence[Path] = (),
    prior_kind: str = "flow",
) -> list[Card]:
    """Writes the parts of an autoencoder: for ``target`` ``NAME.onnx`` the files ``NAME.encoder.onnx`` and so on.

    parts: ``encoder``, ``decoder``, ``whole``. All are proven before the first is written, and evaluated together.
    prior: data of the training, to fit the decoder's second stage to. prior_kind: ``flow`` or ``mixture``.
    Raises ``ExportError``, ``SinkUnavailable``, or ``SourceUnavailable``.
    """
    stage = second_stage(checkpoint, prior, prior_kind) if prior else None
    drafts = [draft_part(checkpoint, part, target.stem, info, stage=stage) for part in parts]
    return _publish_parts(drafts, target, info, evaluation=evaluate_network(checkpoint, info.evaluation))


def export_parts_int8_weights(
    checkpoint: Checkpoint,
    target: Path,
    info: ReleaseInfo,
    parts: Sequence[str],
    data: Sequence[Path] = (),
    prior: Sequence[Path] = (),
    prior_kind: str = "flow",
) -> list[Card]:
    """:func:`export_parts` with weights stored in 8 bits.

    data: of the training, whose held-out part the loss is measured on, besides the test sets of ``info``.
    prior, prior_kind: as of :func:`export_parts`.
    Raises ``ExportError`` also when a score loses more than ``MAX_LOSS``, or there is nothing to measure it on;
    ``SourceUnavailable``.
    """
    tests = () if checkpoint.recipe.net.kind == "melody-vae" else info.evaluation  # melodies have no test sets
    if not tests and not data:
        raise ExportError("weights in 8 bits expect --holdout, the data of the training, to measure the loss on")
    held_out = HeldOut(checkpoint.recipe, data) if data else None

    def measure(state: Checkpoint) -> list[dict[str, Any]]:
        rows = evaluate_network(state, tests) if tests else []
        return [*rows, *(held_out.evaluate(state) if held_out else [])]

    rounded = round_weights(checkpoint, measure)
    stage = second_stage(rounded.checkpoint, prior, prior_kind) if prior else None
    if stage is not None:
        stage.load_state_dict({**stage.state_dict(), **rounded_layers(stage)})
    drafts = [draft_part(rounded.checkpoint, part, target.stem, info, INT8_WEIGHTS, stage) for part in parts]
    return _publish_parts(drafts, target, info, evaluation=rounded.evaluation, quantization=rounded.report)


def _publish_parts(drafts: Sequence[Draft], target: Path, info: ReleaseInfo, **facts: Any) -> list[Card]:
    """facts: more entries of their cards."""
    return [
        publish(
            replace(finished, card=replace(finished.card, **facts)),
            target.with_name(f"{finished.card.name}.onnx"),
            info,
        )
        for finished in drafts
    ]


@contextmanager
def _opened_guard(checkpoint: Checkpoint, info: ReleaseInfo, allowed: AllowedLoss) -> Iterator[QualityGuard]:
    """The guard, with the float model open. Its pictures are degraded as the network's task requires."""
    recipe = checkpoint.recipe
    with opened_reference(checkpoint, allowed.against, info) as reference:
        held_out = {folder.name: _conditions(folder, recipe, reference) for folder in allowed.holdout}
        yield QualityGuard(allowed.max_drop, held_out, reference)


def _conditions(folder: Path, recipe: Recipe, reference: Model) -> list[Condition]:
    if reference.recurrent:
        return clip_conditions(read_pictures(folder), recipe)
    return conditions_of(folder, recipe.task, recipe.scale, purpose=recipe.purpose)
