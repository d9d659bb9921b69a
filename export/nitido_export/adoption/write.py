"""Writes an adopted model and its card next to it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from nitido.model_file.card import Card
from nitido.system.files import write_whole
from nitido_export.draft import Draft, ReleaseInfo
from nitido_export.evaluation.frames import evaluate_model


def write_adopted(finished: Draft, target: Path, info: ReleaseInfo) -> Card:
    """Evaluates a draft on the folders of ``info``, and writes it with its card. Returns the card as written.

    No index of the folder is touched. Raises ``SinkUnavailable``, ``SourceUnavailable``.
    """
    if info.evaluation:
        with finished.opened() as model:
            rows = evaluate_model(model, info.evaluation)
        finished = replace(finished, card=replace(finished.card, evaluation=rows))
    write_whole(target, finished.to_bytes())
    card = json.dumps(asdict(finished.card), indent=2, ensure_ascii=False)
    write_whole(target.with_suffix(".json"), f"{card}\n".encode())
    return finished.card
