"""Checks and describes the data that are held out for validation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from nitido.errors import SourceUnavailable
from nitido_train.objectives.options import RunOptions

log = logging.getLogger(__name__)


def validation_line(used: int, found: int, together: int, options: RunOptions, kind: str) -> str:
    """A sentence about the validation data of a training.

    used: number of examples in the validation. found: number that was held out or is in the folders of --val. together:
    number of all examples, including these. kind: of the examples, in the plural.
    """
    if options.val:
        return f"validation on {used} of the {found} {kind} of --val"
    return (
        f"validation on {used} of the {together} {kind}, which are held out of --data; to train on all of them, name "
        "others with --val"
    )


def require_others(paths: Sequence[Path], held_out: Sequence[Path]) -> None:
    """Warns about files that are used for both training and validation. Raises ``SourceUnavailable`` if there is only
    one such file and no other."""
    trained = {path.resolve() for path in paths}
    validated = {path.resolve() for path in held_out}
    both = len(trained & validated)
    if both and len(trained) == len(validated) == 1:
        raise SourceUnavailable(
            f"--data and --val have only the same picture, {paths[0]}: training and validation need different ones"
        )
    if both:
        log.warning(
            "%d of the %d pictures of --val are in --data too, so the score includes pictures from the training",
            both,
            len(validated),
        )
