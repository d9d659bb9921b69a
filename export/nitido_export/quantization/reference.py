"""The float model that a lower precision is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nitido.errors import CardMismatch
from nitido.inference.model import Model, load
from nitido_export.draft import ReleaseInfo, draft
from nitido_train.checkpoint import Checkpoint
from nitido_train.quantization.imitation import unquantized


@contextmanager
def opened_reference(checkpoint: Checkpoint, against: Path | None, info: ReleaseInfo) -> Iterator[Model]:
    """The float model to compare with: the file ``against``, or else the checkpoint's own weights in fp32.

    Raises ``ModelNotFound``, or ``CardMismatch`` when the file is for another task or scale.
    """
    net = checkpoint.frame_net()
    if against is not None:
        model = load(str(against), "cpu", spinning=False)
        model.card.require_task(checkpoint.recipe.task, str(against))
        if model.card.scale != net.scale:
            raise CardMismatch(f"{against} has scale {model.card.scale}, this run has scale {net.scale}")
        yield model
    else:
        plain = unquantized(net) if checkpoint.quantization else net
        with draft(plain, checkpoint, "reference", info).opened() as model:
            yield model
