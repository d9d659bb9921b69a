"""Options of one run on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nitido.errors import RecipeError
from nitido_train.checkpoint import Checkpoint


@dataclass(frozen=True)
class RunOptions:
    """Options that belong to one run on one machine and not to the recipe.

    out: run folder.
    data, val: sources of training and validation data. Without ``val`` a part of the data is held out.
    resume: continue from the run folder's last checkpoint.
    start: checkpoint whose averaged weights the training starts from.
    qat: train with imitated 8-bit arithmetic.
    checkpoint_minutes: time between two checkpoints.
    workers: processes that prepare patches. 0 means the training process itself.
    accelerator, precision: as Lightning Fabric names them.
    devices: processes that share each batch, on one machine. Under torchrun its environment decides.
    progress: show a progress bar.
    """

    out: Path
    data: tuple[Path, ...]
    val: tuple[Path, ...] = ()
    resume: bool = False
    start: Checkpoint | None = None
    qat: bool = False
    checkpoint_minutes: float = 5.0
    workers: int = 1
    accelerator: str = "auto"
    precision: str = "32-true"
    devices: int = 1
    progress: bool = True


def refuse_qat(options: RunOptions) -> None:
    """Raises ``RecipeError`` when 8-bit training is asked of a network that has no 8-bit form."""
    if options.qat:
        raise RecipeError("--qat is for networks from frame to frame; an autoencoder has no 8-bit form yet")
