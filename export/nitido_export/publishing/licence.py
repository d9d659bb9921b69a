"""Licence and data of released weights, kept with their checkpoint."""

from __future__ import annotations

from pathlib import Path

from nitido_train.checkpoint import load_checkpoint, save_checkpoint


def record_licence(path: Path, licence: str, data: str) -> None:
    """Records in a checkpoint what its weights are released as, so that trainings that begin with them say so too.

    licence: of the weights.
    data: training sets and their licences, in words.
    The file is written only when it says something else. Raises ``CheckpointError``.
    """
    state = load_checkpoint(path)
    if (state.licence, state.data) != (licence, data):
        state.licence, state.data = licence, data
        save_checkpoint(state, path)
