"""Files for web servers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol


class Served(Protocol):
    """A file of a page. Paths and resources of packages are such files."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class Made:
    """A file that is made when the server starts or the site is written."""

    name: str
    content: bytes

    def read_bytes(self) -> bytes:
        return self.content

    @classmethod
    def json(cls, name: str, facts: object) -> Made:
        """Facts for a script of the page."""
        return cls(name, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())
