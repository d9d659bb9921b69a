"""Work that a signal may cut short, because it can be done again: validations and reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interruption(BaseException):
    """Raised out of a signal's handler. Not an ``Exception``, so that nothing but who started the work catches it."""


class Interruptible:
    """Blocks that the first signal ends, for ``stop_on_signal(asked=…)``; elsewhere it only asks."""

    def __init__(self) -> None:
        self._asked = self._inside = False

    def asked(self) -> None:
        """Called in the signal's handler."""
        self._asked = True
        if self._inside:
            self._inside = False
            raise Interruption

    @contextmanager
    def block(self) -> Iterator[None]:
        """Raises ``Interruption`` when a signal came before or comes meanwhile."""
        self._inside = True
        try:
            if self._asked:
                raise Interruption
            yield
        finally:
            self._inside = False
