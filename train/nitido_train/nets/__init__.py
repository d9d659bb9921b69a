"""The networks, by the name a recipe calls them."""

from __future__ import annotations

from typing import Any

from nitido_train.nets.denoiser import Denoiser
from nitido_train.nets.superres import SuperRes

FrameNet = Denoiser | SuperRes

NETS: dict[str, type[Denoiser] | type[SuperRes]] = {"denoiser": Denoiser, "superres": SuperRes}


def build(kind: str, options: dict[str, Any]) -> FrameNet:
    """An untrained network of that kind. Raises ``KeyError`` on an unknown kind, ``TypeError`` on unknown options."""
    return NETS[kind](**options)
