"""One of the files that a model in several parts is shipped in, before it is a file."""

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
    expected: what the network in torch makes of such inputs.
    latent: of its card.
    certified: the outputs that certificate and comparison are about; default: all.
    """

    task: str
    graph: onnx.ModelProto
    feeds: list[Arrays]
    expected: Callable[[Arrays], Arrays]
    latent: dict[str, Any]
    certified: tuple[str, ...] | None = None
