"""Finds the installed wheels of onnxruntime and OpenCV, and whether two of them overwrite each other.

The variants of both share a folder (``onnxruntime/``, ``cv2/``). The one that was installed last overwrites the other,
and uninstalling one of them damages the other.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions

# Names of the distributions that contain a module.
_PREFIXES = {"onnxruntime": ("onnxruntime", "ort-nightly", "ort_nightly"), "cv2": ("opencv",)}


@dataclass(frozen=True)
class Clash:
    """Several wheels for one module. fix: the commands that leave only one of them, ``keep``, intact."""

    module: str
    wheels: list[str]
    keep: str
    fix: str


def owners(module: str, path: Sequence[str] | None = None) -> list[Distribution]:
    """The installed distributions with ``module`` (``onnxruntime`` or ``cv2``), by name. path: folders to search;
    default: those of this Python."""
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=list(sys.path if path is None else path)):
        name = distribution.metadata["Name"] or ""
        if not name.lower().startswith(_PREFIXES[module]):
            continue
        if any(file.as_posix() == f"{module}/__init__.py" for file in distribution.files or ()):
            found.setdefault(name.lower(), distribution)
    return [found[name] for name in sorted(found)]


def find_clashes(path: Sequence[str] | None = None) -> list[Clash]:
    """Modules that belong to more than one wheel."""
    clashes: list[Clash] = []
    for module in _PREFIXES:
        wheels = [distribution.metadata["Name"] for distribution in owners(module, path)]
        if len(wheels) > 1:
            keep = _keep(module, wheels)
            pip = f"{shlex.quote(sys.executable)} -m pip"
            fix = f"{pip} uninstall -y {' '.join(wheels)} && {pip} install --no-deps {keep}"
            clashes.append(Clash(module, wheels, keep, fix))
    return clashes


def _keep(module: str, wheels: list[str]) -> str:
    """The wheel that was probably installed on purpose: not the plain one, which is a dependency; the most complete
    OpenCV."""
    if module == "cv2":
        contrib = any("contrib" in name for name in wheels)
        headless = all("headless" in name for name in wheels)
        return f"opencv{'-contrib' if contrib else ''}-python{'-headless' if headless else ''}"
    return next(name for name in wheels if name != "onnxruntime")
