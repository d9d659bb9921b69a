"""The processes of one training: Lightning Fabric's, started from this one or by torchrun."""

from __future__ import annotations

import logging
import os
from typing import Any, cast

from lightning_fabric import Fabric

from nitido.errors import RecipeError, TrainingError
from nitido_train.objectives.options import RunOptions


def is_first_process() -> bool:
    """Whether this process speaks for all, as far as its environment says."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def open_fabric(options: RunOptions) -> Fabric:
    """The processes, not yet launched. Raises ``TrainingError`` for an accelerator, a precision or a number of devices
    that cannot be had."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it introduces every process
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
