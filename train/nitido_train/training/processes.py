"""The processes of one training: Lightning Fabric's, started from this one or by torchrun."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch.distributed
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


@contextmanager
def disconnected_after() -> Iterator[None]:
    """At the end of the block, the connection of the training's processes is cut.

    Lightning does so for GPUs only. Threads of a connection that is still open when Python ends now and then end the
    process with "terminate called without an active exception" and the exit code of a failure.
    """
    try:
        yield
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def require_even_shares(batch: int, options: RunOptions) -> None:
    """Raises ``RecipeError`` when the processes cannot share a batch."""
    world = int(os.environ.get("WORLD_SIZE", options.devices))
    if batch % world:
        raise RecipeError(f"[data] batch expects a multiple of {world} processes; found {batch}")
