"""An extension of griffe: the roles of docstrings (``:func:`nitido.load```) become code on the pages."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|attr|data):`~?\.?([\w.]+)`")


class Roles(griffe.Extension):
    """Replaces roles by the name in code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object that is read."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value)
