"""Findings about a model, for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nitido.errors import ExportError


@dataclass(frozen=True)
class Finding:
    """what: such as ``layout``. value: as an option takes it. reason: how it was found, and how sure it is."""

    what: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what:10} {self.value:9} {self.reason}"


def unsure(path: Path, what: str, option: str, reason: str) -> ExportError:
    """The error for a property that could not be determined."""
    return ExportError(f"{path}: {what} could not be determined: {reason}; set it with {option}")
