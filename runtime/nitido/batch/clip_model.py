"""The model of a batch for videos, if it differs from the one for pictures."""

from __future__ import annotations

from collections.abc import Callable

from nitido.batch.opening import OpenedOnce
from nitido.inference.model import Model


class ClipModel:
    """Opened with the first video, in any thread.

    name, sha256: of its file, known before.
    """

    def __init__(self, name: str, sha256: str, open_model: Callable[[str], Model]) -> None:
        """open_model: opens the model of that name."""
        self.name, self.sha256 = name, sha256
        self._models = OpenedOnce(open_model)

    def __call__(self) -> Model:
        """Raises the same as opening a model."""
        return self._models[self.name]
