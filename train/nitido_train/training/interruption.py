"""Lets a signal interrupt work that can be repeated: validations and reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interruption(BaseException):
    """Raised in a signal's handler. Not an ``Exception``, so that only the code that started the work catches it."""


class Interruptible:
    """Blocks of code that the first signal interrupts, for ``stop_on_signal(asked=…)``; outside them it only sets a
    flag."""

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
        """Raises ``Interruption`` if a signal came before or comes during the block."""
        self._inside = True
        try:
            if self._asked:
                raise Interruption
            yield
        finally:
            self._inside = False
