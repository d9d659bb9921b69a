"""The model of a batch for videos, if it differs from the one for pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from nitido.inference.model import Model


@dataclass
class ClipModel:
    """Opened with the first video, in any thread.

    name, sha256: of its file, known before. open: opens it.
    """

    name: str
    sha256: str
    open: Callable[[], Model]
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _model: Model | None = field(default=None, repr=False)

    def __call__(self) -> Model:
        """Raises the same as opening a model."""
        with self._opening:
            if self._model is None:
                self._model = self.open()
            return self._model
