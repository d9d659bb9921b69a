"""Writing a finished draft: the model file, its card, its picture, and its entry in the folder's index."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from nitido.model_file.card import Card
from nitido.model_file.properties import with_properties
from nitido.system.files import write_whole
from nitido_export.draft import Draft, ReleaseInfo
from nitido_export.evaluation.frames import evaluate_model
from nitido_export.publishing.before_after import before_after, to_webp
from nitido_export.publishing.catalogue import add_to_catalogue, picture_of
from nitido_train.recipe.tables import recipe_from_dict

SHOWN = 3  # pictures


def publish(finished: Draft, target: Path, info: ReleaseInfo) -> Card:
    """Evaluates a draft, unless its card has an evaluation, and writes it. Returns the card as written.

    Writes ``target`` (``.onnx``), its ``.json`` card and, for a float model from frame to frame, a picture of what it
    does, and enters the model into the catalogue. Raises ``SinkUnavailable`` when something cannot be written; each
    file is then either the old one or the new one, whole.
    """
    shown = None
    if info.evaluation and not finished.card.evaluation:
        with finished.opened() as model:
            rows = evaluate_model(model, info.evaluation)
        finished = replace(finished, card=replace(finished.card, evaluation=rows))
    if finished.card.task in ("denoise", "upscale") and info.vectors and finished.card.precision == "fp32":
        recipe = recipe_from_dict(finished.card.training["recipe"])
        with finished.opened() as model:
            shown = before_after(model, recipe, info.vectors[:SHOWN])
    if shown is not None:
        write_whole(picture_of(target), to_webp(shown))
    write_whole(target, finished.to_bytes())
    write_card(finished.card, target)
    add_to_catalogue(target.parent, finished.card, target)
    return finished.card


def change_card(before: Card, after: Card, file: Path) -> None:
    """Puts another card into a published model file, next to it and into the folder's index. The graph stays as it is,
    and the file gets a new seal; it is not written if the cards are equal. Raises ``SinkUnavailable``."""
    if after != before:
        old, new = before.to_metadata(), after.to_metadata()
        changed = {key: text for key, text in new.items() if text != old[key]}
        write_whole(file, with_properties(file.read_bytes(), changed))
        write_card(after, file)
    add_to_catalogue(file.parent, after, file)


def write_card(card: Card, model: Path) -> None:
    """Writes the card as JSON next to its model file. Raises ``SinkUnavailable``."""
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    write_whole(model.with_suffix(".json"), f"{text}\n".encode())
