"""Nítido: run small image restoration models on the device in front of you.

    import nitido

    model = nitido.load("denoise")
    clean = model(frame)            # uint8 H×W×3 BGR in and out, as OpenCV reads frames

Importing this package loads neither onnxruntime nor OpenCV; the first use does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nitido.errors import (
        CardMismatch,
        FrameMismatch,
        ModelNotFound,
        NitidoError,
        ProviderUnavailable,
        SinkUnavailable,
        SourceUnavailable,
    )
    from nitido.inference.model import Model, load
    from nitido.inference.verify import Verdict, verify
    from nitido.model_file.card import Card

__all__ = [
    "Card",
    "CardMismatch",
    "FrameMismatch",
    "Model",
    "ModelNotFound",
    "NitidoError",
    "ProviderUnavailable",
    "SinkUnavailable",
    "SourceUnavailable",
    "Verdict",
    "__version__",
    "load",
    "verify",
]

__version__ = "0.1.0"

# Newer ONNX Runtimes write usage events to a cache in the home folder and send them, unless this is set before they are
# loaded. A tool for people's pictures must not do that without asking; setting it to 0 allows it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "Card": "model_file.card",
    "CardMismatch": "errors",
    "FrameMismatch": "errors",
    "Model": "inference.model",
    "ModelNotFound": "errors",
    "NitidoError": "errors",
    "ProviderUnavailable": "errors",
    "SinkUnavailable": "errors",
    "SourceUnavailable": "errors",
    "Verdict": "inference.verify",
    "load": "inference.model",
    "verify": "inference.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nitido' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"nitido.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
