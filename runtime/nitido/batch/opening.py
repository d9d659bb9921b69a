"""Models that are opened when they are first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from nitido.inference.model import Model

Key = TypeVar("Key")


class OpenedOnce(Generic[Key]):
    """The models of one run by key, each opened once, from any thread."""

    def __init__(self, open_model: Callable[[Key], Model]) -> None:
        self._open = open_model
        self._models: dict[Key, Model] = {}
        self._opening = threading.Lock()

    def __getitem__(self, key: Key) -> Model:
        """Raises what opening a model raises."""
        with self._opening:
            if key not in self._models:
                self._models[key] = self._open(key)
            return self._models[key]
