"""Picture formats of optional packages: AVIF, HEIF and JPEG XL."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from PIL import Image

from nitido.errors import SourceUnavailable

HEIF_PACKAGE, JXL_PACKAGE = "pillow-heif", "pillow-jxl-plugin"
# Pillow plugins for JPEG XL: module, and the path of its image class. The first installed one is used.
_JXL = (("pillow_jxl", "pillow_jxl.JpegXLImagePlugin"), ("jxlpy", "jxlpy.JXLImagePlugin"))


def _avif() -> Callable[..., Image.Image] | None:
    try:
        from PIL import AvifImagePlugin
    except ImportError:  # Pillow before 11.3
        return None
    return AvifImagePlugin.AvifImageFile if AvifImagePlugin.SUPPORTED else None


AVIF = _avif()
HAS_HEIF = find_spec("pillow_heif") is not None
HAS_JXL = any(find_spec(name) is not None for name, _ in _JXL)


@cache
def _imported(name: str) -> Any:
    return import_module(name)


def heif_library(name: str) -> Any:
    """The module ``pillow_heif``. name: of the file that needs it. Raises ``SourceUnavailable``."""
    if not HAS_HEIF:
        raise SourceUnavailable(f"{name} is a HEIC picture; to read these, run: pip install {HEIF_PACKAGE}")
    return _imported("pillow_heif")


def jxl_plugin(name: str) -> Any:
    """The module whose ``JXLImageFile`` reads JPEG XL; Pillow then writes it, too. Raises ``SourceUnavailable``."""
    for package, module in _JXL:
        if find_spec(package) is not None:
            return _imported(module)
    raise SourceUnavailable(f"{name} is a JPEG XL picture; to read these, run: pip install {JXL_PACKAGE}")
