"""What the camera page needs: models, and ONNX Runtime for browsers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from nitido.errors import CardMismatch
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.properties import read_properties
from nitido.web.onnxruntime_web import BINARY, LICENCE, PACKAGE, SCRIPT, VERSION

MODELS = ("denoise-live-n.int8", "denoise-camera-n.int8", "denoise-n.int8", "upscale-x2-n.int8")
"""Models for the camera unless others are chosen; the first is selected at the beginning."""


@dataclass(frozen=True)
class CameraModel:
    """A model file for the camera page, with its card."""

    path: Path
    card: Card

    @property
    def file(self) -> str:
        """Its name, where the page looks for it."""
        return self.path.name

    def facts(self) -> dict[str, Any]:
        """What the page gets. ``settings`` is empty: onnxruntime-web sets no optional inputs."""
        card = self.card
        states = [{key: state[key] for key in ("name", "channels", "grid")} for state in card.states]
        shown = ("name", "summary", "scale", "multiple", "licence")
        return {**{key: getattr(card, key) for key in shown}, "file": self.file, "settings": [], "states": states}


def open_models(names: Sequence[str]) -> list[CameraModel]:
    """Models by name or file. Raises ``ModelNotFound``, or ``CardMismatch`` for one that takes no frames."""
    found: list[CameraModel] = []
    for name in names:
        path = zoo.find(name)
        card = Card.from_metadata(read_properties(path.read_bytes()), str(path))
        if card.task not in ("denoise", "upscale"):
            raise CardMismatch(f"{path} is a model for '{card.task}', expected one for 'denoise' or 'upscale'")
        if path.suffix != ".onnx":
            raise CardMismatch(f"{path}: the camera page expects an .onnx file")
        found.append(CameraModel(path, card))
    return found


def camera_facts(models: Sequence[CameraModel], problem: str = "") -> dict[str, Any]:
    """``camera.json``. problem: why there is no engine."""
    engine = {"name": f"{PACKAGE} {VERSION}", "script": f"engine/{SCRIPT}", "binary": f"engine/{BINARY}"}
    return {"models": [model.facts() for model in models], "engine": None if problem else engine, "problem": problem}


def camera_files(models: Sequence[CameraModel], engine: Traversable | None) -> dict[str, Traversable]:
    """The files of models and engine by the address where the page looks for them."""
    files: dict[str, Traversable] = {f"models/{model.file}": model.path for model in models}
    if engine is not None:
        files |= {f"engine/{name}": engine / name for name in (SCRIPT, BINARY, LICENCE) if (engine / name).is_file()}
    return files
