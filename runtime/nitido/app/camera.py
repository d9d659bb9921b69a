"""What the camera page needs: models, and ONNX Runtime for browsers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol

from nitido.errors import CardMismatch
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.plain import with_plain_settings
from nitido.model_file.properties import read_properties
from nitido.web.onnxruntime_web import BINARY, LICENCE, PACKAGE, SCRIPT, VERSION

MODELS = ("denoise-live-n.int8", "denoise-camera-n.int8", "denoise-n.int8", "upscale-x2-n.int8")
"""Models for the camera unless others are chosen; the first is selected at the beginning."""


class Served(Protocol):
    """A file of the page. Paths and resources of packages are such files."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class BrowserModel:
    """A model file that the browser runs, with its card."""

    path: Path
    card: Card

    @property
    def name(self) -> str:
        """Its file name, where the page looks for it."""
        return self.path.name

    def read_bytes(self) -> bytes:
        """The file for the browser, which must give the settings."""
        return with_plain_settings(self.path.read_bytes())[0]

    def facts(self) -> dict[str, Any]:
        """What the page gets. ``settings``: the numbers that the page gives to the model."""
        card = self.card
        settings = with_plain_settings(self.path.read_bytes())[1]
        states = [{key: state[key] for key in ("name", "channels", "grid")} for state in card.states]
        shown = ("name", "summary", "scale", "multiple", "halo", "licence")
        return {**{key: getattr(card, key) for key in shown}, "file": self.name, "settings": settings, "states": states}


def open_models(names: Sequence[str]) -> list[BrowserModel]:
    """Models by name or file. Raises ``ModelNotFound``, or ``CardMismatch`` for one that takes no frames."""
    found: list[BrowserModel] = []
    for name in names:
        path = zoo.find(name)
        card = Card.from_metadata(read_properties(path.read_bytes()), str(path))
        if card.task not in ("denoise", "upscale"):
            raise CardMismatch(f"{path} is a model for '{card.task}', expected one for 'denoise' or 'upscale'")
        if path.suffix != ".onnx":
            raise CardMismatch(f"{path}: the camera page expects an .onnx file")
        found.append(BrowserModel(path, card))
    return found


def camera_facts(models: Sequence[BrowserModel], problem: str = "") -> dict[str, Any]:
    """``camera.json``. problem: why there is no engine."""
    engine = None if problem else engine_facts()
    return {"models": [model.facts() for model in models], "engine": engine, "problem": problem}


def engine_facts() -> dict[str, str]:
    """Name and addresses of the engine."""
    return {"name": f"{PACKAGE} {VERSION}", "script": f"engine/{SCRIPT}", "binary": f"engine/{BINARY}"}


def camera_files(models: Sequence[BrowserModel], engine: Traversable | None) -> dict[str, Served]:
    """The files of models and engine by the address where the page looks for them."""
    files: dict[str, Served] = {f"models/{model.name}": model for model in models}
    if engine is not None:
        files |= {f"engine/{name}": engine / name for name in (SCRIPT, BINARY, LICENCE) if (engine / name).is_file()}
    return files
