"""Text files that go into a pack, kept next to this module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template


def fill(name: str, values: Mapping[str, str]) -> str:
    """The template ``name`` with ``$key`` replaced. Raises ``KeyError`` for a key that has no value."""
    return Template(read(name)).substitute(values)


def read(name: str) -> str:
    """A file of the ``templates`` folder as text."""
    return files("nitido_export.pack").joinpath("templates", *name.split("/")).read_text(encoding="utf-8")
