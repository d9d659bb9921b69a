"""Which data are kept for validation: what is said of them, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from nitido.errors import SourceUnavailable
from nitido_train.objectives.options import RunOptions

log = logging.getLogger(__name__)


def validation_line(used: int, found: int, together: int, options: RunOptions, kind: str) -> str:
    """What a training says of its validation data.

    used: how many are measured on. found: how many were held out or are in the folders of --val. together: all of the
    data, these included. kind: what they are, in the plural.
    """
    if options.val:
        return f"validation on {used} of the {found} {kind} of --val"
    return (
        f"validation on {used} of the {together} {kind}, which are held out of --data; to train on all of them, name "
        "others with --val"
    )


def require_others(paths: Sequence[Path], held_out: Sequence[Path]) -> None:
    """Warns of files that are trained on and validated on. Raises ``SourceUnavailable`` when that is the only one."""
    trained = {path.resolve() for path in paths}
    validated = {path.resolve() for path in held_out}
    both = len(trained & validated)
    if both and len(trained) == len(validated) == 1:
        raise SourceUnavailable(
            f"--data and --val hold the same one picture, {paths[0]}: a training and its validation need different ones"
        )
    if both:
        log.warning(
            "%d of the %d pictures of --val are in --data too: the score is of pictures that were trained on",
            both,
            len(validated),
        )
