"""The proof inside a model file: test vectors, which are inputs and the model's results for them at export.

They are the property ``nitido.vectors``. The card's ``certificate`` contains the allowed difference on other machines.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.errors import CardMismatch
from nitido.model_file.card import PREFIX

VECTORS = PREFIX + "vectors"

Arrays = dict[str, NDArray[Any]]
SIDES = ("inputs", "outputs")


@dataclass(frozen=True)
class Vector:
    """Inputs of the graph by name, and its outputs when it was exported.

    follows: for a recurrent model, the states are those after the vector before; otherwise they are zeros. They are not
    stored.
    """

    inputs: Arrays
    outputs: Arrays
    follows: bool = False


def difference(expected: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]]) -> tuple[float, float, bool]:
    """(largest, mean absolute difference, identical to the last bit) over all outputs."""
    largest, total, count, identical = 0.0, 0.0, 0, True
    for name, wanted in expected.items():
        got = found.get(name)
        if got is None or got.shape != wanted.shape or got.dtype != wanted.dtype:
            return float("inf"), float("inf"), False
        gap = np.abs(wanted.astype(np.float64) - got.astype(np.float64))
        # NaN must not count as a small difference.
        largest = max(largest, float(np.nan_to_num(gap.max(), nan=np.inf)))
        total, count = total + float(gap.sum()), count + gap.size
        identical = identical and wanted.tobytes() == got.tobytes()
    return largest, total / max(1, count), identical


def is_finite(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether no float is NaN or infinite."""
    return all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f")


def vectors_to_text(vectors: Sequence[Vector]) -> str:
    """The metadata entry: JSON, arrays as base64 of zlib of their bytes in C order, with the SHA-256 of those bytes."""
    rows = [
        {side: {name: _pack(array) for name, array in getattr(vector, side).items()} for side in SIDES}
        | ({"follows": True} if vector.follows else {})
        for vector in vectors
    ]
    return json.dumps(rows, separators=(",", ":"))


def vectors_from_text(text: str, origin: str) -> list[Vector]:
    """Reads the metadata entry. Raises ``CardMismatch`` naming ``origin`` when it is damaged."""
    try:
        return [
            Vector(
                **{side: {name: _unpack(a) for name, a in row[side].items()} for side in SIDES},
                follows=bool(row.get("follows", False)),
            )
            for row in json.loads(text)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise CardMismatch(f"{origin}: its test vectors are damaged ({error}); get the file again") from error


def _pack(array: NDArray[Any]) -> dict[str, Any]:
    raw = array.tobytes()
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "data": base64.b64encode(zlib.compress(raw, 9)).decode(),
    }


def _unpack(packed: dict[str, Any]) -> NDArray[Any]:
    raw = zlib.decompress(base64.b64decode(packed["data"]))
    if hashlib.sha256(raw).hexdigest() != packed["sha256"]:
        raise ValueError("the SHA-256 of an array is wrong")
    return np.frombuffer(raw, np.dtype(packed["dtype"])).reshape(packed["shape"])
