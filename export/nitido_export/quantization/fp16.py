"""Converts a model to float16 for GPUs, if the loss stays within a limit."""

from __future__ import annotations

from dataclasses import replace

from nitido.errors import ExportError
from nitido_export.draft import Draft, ReleaseInfo, draft
from nitido_export.quantization.guard import QualityGuard, restorer
from nitido_train.checkpoint import Checkpoint


def to_fp16(checkpoint: Checkpoint, name: str, info: ReleaseInfo, guard: QualityGuard) -> Draft:
    """The fp16 model of a checkpoint, for GPUs; on a CPU it gains nothing, so it is not timed.

    Raises ``ExportError`` when it loses more than allowed.
    """
    if checkpoint.quantization:
        raise ExportError("this checkpoint was trained for 8 bits (--qat): export it with --int8")
    finished = draft(checkpoint.frame_net(), checkpoint, name, info, "fp16")
    with finished.opened() as model:
        scores = guard.scores(restorer(model))
    drop = max(row["drop"] for row in scores)
    if drop > guard.max_drop:
        raise ExportError(
            f"the fp16 model loses {drop:.3f} dB, but --max-drop allows {guard.max_drop:g} dB; nothing written"
        )
    report = {
        "kind": "float16 body",
        "max_drop": guard.max_drop,
        "drop": round(drop, 3),
        "holdout_pictures": guard.pictures,
        "scores": scores,
        "timing": "not timed, because the file is for GPUs; CPUs convert to float32 and back",
    }
    return replace(finished, card=replace(finished.card, quantization=report))
