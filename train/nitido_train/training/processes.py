"""The processes of one training, from Lightning Fabric, started by this process or by torchrun."""

from __future__ import annotations

import logging
import os
from typing import Any, cast

from lightning_fabric import Fabric

from nitido.errors import RecipeError, TrainingError
from nitido_train.objectives.options import RunOptions


def is_first_process() -> bool:
    """Whether this process prints messages for all, according to its environment."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def open_fabric(options: RunOptions) -> Fabric:
    """The processes, before their launch. Raises ``TrainingError`` for an accelerator, a precision or a number of
    devices that is not available."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it logs a line for every process
    try:
        return Fabric(
            accelerator=options.accelerator,
            devices=options.devices,
            strategy="ddp" if options.devices > 1 or "TORCHELASTIC_RUN_ID" in os.environ else "auto",
            precision=cast(Any, options.precision),
        )
    except Exception as error:  # Lightning raises several kinds, MisconfigurationException among them
        reason = str(error).strip().partition("\n")[0]
        raise TrainingError(
            f"cannot use --accelerator {options.accelerator} --devices {options.devices} --precision "
            f"{options.precision}: {reason}"
        ) from error


def require_even_shares(batch: int, options: RunOptions) -> None:
    """Raises ``RecipeError`` when the processes cannot share a batch."""
    world = int(os.environ.get("WORLD_SIZE", options.devices))
    if batch % world:
        raise RecipeError(f"[data] batch expects a multiple of {world} processes; found {batch}")
