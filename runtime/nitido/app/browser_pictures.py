"""Files for the page of pictures on a static site: models that run in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nitido.app.camera import BrowserModel, open_models
from nitido.app.choices import QUALITIES, TASKS
from nitido.model_file import zoo
from nitido.web.files import Made, Served
from nitido.web.onnxruntime_web import engine_facts


def picture_models() -> tuple[list[BrowserModel], dict[str, Any]]:
    """The models, and the file for each task and quality or scale. Raises ``ModelNotFound``."""
    names = {
        "denoise": QUALITIES,
        "upscale": {str(scale): entry.name for scale, entry in sorted(zoo.family("upscale").items())},
        "jpeg": {"any": zoo.DEJPEG_MODEL},
    }
    models = {name: open_models([name])[0] for choices in names.values() for name in choices.values()}
    use = {task: {key: models[name].name for key, name in choices.items()} for task, choices in names.items()}
    return list(models.values()), use


def picture_files(models: Sequence[BrowserModel], use: dict[str, Any]) -> dict[str, Served]:
    """The models and ``pictures.json``, by address."""
    scales = [int(scale) for scale in use["upscale"]]
    facts = {
        "offered": {"tasks": TASKS, "qualities": list(QUALITIES), "scales": scales},
        "use": use,
        "models": [model.facts() for model in models],
        "engine": engine_facts(),
    }
    return {**{f"models/{model.name}": model for model in models}, "pictures.json": Made.json("pictures.json", facts)}
