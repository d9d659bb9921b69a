"""Files for the camera page: models, and facts about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nitido.errors import CardMismatch
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.plain import with_plain_settings
from nitido.model_file.properties import read_properties
from nitido.web.files import Made, Served
from nitido.web.onnxruntime_web import engine_facts

MODELS = ("denoise-live-n.int8", "denoise-camera-n.int8", "denoise-n.int8", "upscale-x2-n.int8")
"""Default models for the camera; the first one is selected at the start."""


@dataclass(frozen=True)
class BrowserModel:
    """A model file for the browser, with its card."""

    path: Path
    card: Card

    @property
    def name(self) -> str:
        """Its file name on the page."""
        return self.path.name

    def read_bytes(self) -> bytes:
        """The file with plain inputs, because the browser must set all of them."""
        return with_plain_settings(self.path.read_bytes())[0]

    def facts(self) -> dict[str, Any]:
        """Facts for the page. ``settings``: the numbers that the page passes to the model."""
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


def camera_files(models: Sequence[BrowserModel], problem: str = "") -> dict[str, Served]:
    """The models and ``camera.json``, by address. problem: why the engine is missing."""
    engine = None if problem else engine_facts()
    facts = {"models": [model.facts() for model in models], "engine": engine, "problem": problem}
    return {**{f"models/{model.name}": model for model in models}, "camera.json": Made.json("camera.json", facts)}
