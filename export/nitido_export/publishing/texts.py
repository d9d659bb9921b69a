"""The sentences of released models, in their checkpoints and in files that were exported before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nitido.inference.session import read_card
from nitido_export.draft import part_summary
from nitido_export.publishing.publish import change_card
from nitido_train.checkpoint import load_checkpoint, save_checkpoint

PARTS = ("encoder", "decoder", "whole")


@dataclass(frozen=True)
class ReleaseTexts:
    """What people wrote about a model.

    summary: what it does, in one line.
    licence: of the weights.
    data: training sets and their licences.
    failures: where the model is known to fail; empty where nothing is known.
    """

    summary: str
    licence: str
    data: str
    failures: str = ""


def record_texts(checkpoint: Path, texts: ReleaseTexts) -> None:
    """Records summary, licence and data in a checkpoint: exports read the summary there, and trainings that start from
    these weights inherit the rest. The file is written only if something changes. Raises ``CheckpointError``.
    """
    state = load_checkpoint(checkpoint)
    if (state.recipe.summary, state.licence, state.data) != (texts.summary, texts.licence, texts.data):
        state.recipe = replace(state.recipe, summary=texts.summary)
        state.licence, state.data = texts.licence, texts.data
        save_checkpoint(state, checkpoint)


def reword(file: Path, texts: ReleaseTexts) -> bool:
    """Puts the texts into an exported model file, its card and the folder's index. Weights, measurements and test
    vectors stay as they are, and the file gets a new seal. Returns whether anything changed.

    Raises ``CardMismatch`` for a file without a card, ``SinkUnavailable`` when something cannot be written.
    """
    card = read_card(file)
    part = card.name.rpartition(".")[2]
    training = {key: value for key, value in card.training.items() if key != "failures"}
    if texts.failures:
        training = {"failures": texts.failures, **training}
    training |= {"data": texts.data, "recipe": {**training["recipe"], "summary": texts.summary}}
    new = replace(
        card,
        summary=part_summary(texts.summary, part) if part in PARTS else texts.summary,
        licence=texts.licence,
        training=training,
    )
    change_card(card, new, file)
    return new != card
