"""A part of a model that is exported in several files, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx

from nitido.model_file.certificate import Arrays


@dataclass(frozen=True)
class Part:
    """One file of a model in several parts, not yet proven.

    task: of its card.
    feeds: inputs for the certificate and for the comparison with the network.
    expected: computes the outputs of the network in torch for such inputs.
    latent: of its card.
    certified: the outputs in certificate and comparison; default: all.
    """

    task: str
    graph: onnx.ModelProto
    feeds: list[Arrays]
    expected: Callable[[Arrays], Arrays]
    latent: dict[str, Any]
    certified: tuple[str, ...] | None = None
