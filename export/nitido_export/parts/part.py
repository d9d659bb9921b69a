"""One of the files that a model in several parts is shipped in, and its comparison with the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from nitido.errors import ExportError
from nitido.inference.verify import Arrays, difference, run
from nitido_export.session import quiet_session

# Of float outputs relative to their size: what summing in another order may change in float32.
FLOAT_GAP = 1e-4


@dataclass(frozen=True)
class Part:
    """One file to be. task: of its card. feeds: inputs for the certificate. expected: what the network in torch makes
    of them."""

    task: str
    graph: onnx.ModelProto
    feeds: list[Arrays]
    expected: Callable[[Arrays], Arrays]
    latent: dict[str, Any]


def check_part(part: Part) -> dict[str, Any]:
    """Runs a part's graph and its network on the part's feeds; returns the card's ``parity``.

    Raises ``ExportError`` when a byte differs by more than one, or a float by more than ``FLOAT_GAP`` of the largest.
    """
    session = quiet_session(part.graph.SerializeToString())
    worst, size = 0.0, 1.0
    for feed in part.feeds:
        expected, found = part.expected(feed), run(session, feed)
        gap, _, _ = difference(expected, found)
        is_bytes = all(array.dtype == np.uint8 for array in expected.values())
        size = 1.0 if is_bytes else max(1.0, *(float(np.abs(array).max()) for array in expected.values()))
        if gap > (1.0 if is_bytes else FLOAT_GAP * size):
            raise ExportError(
                f"the exported {part.task} graph differs from the network by {gap:g}, allowed is "
                f"{1 if is_bytes else FLOAT_GAP * size:g}; nothing written"
            )
        worst = max(worst, gap)
    return {
        "max_error": round(worst, 7),
        "sizes": [list(next(iter(feed.values())).shape) for feed in part.feeds],
        "provider": "CPUExecutionProvider",
        "onnxruntime": ort.__version__,
    }
