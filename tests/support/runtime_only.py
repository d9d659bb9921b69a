"""A pytest plugin for machines that have more than the runtime: what trains and exports cannot be imported.

    PYTHONPATH=tests pytest -p support.runtime_only tests/runtime

Tests that need a freshly exported model are skipped then; all others must pass.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

_MISSING = {"torch", "onnx", "nitido_train", "nitido_export"}


class _Missing(MetaPathFinder):
    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name.partition(".")[0] in _MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, _Missing())
