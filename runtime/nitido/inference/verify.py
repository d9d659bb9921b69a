"""The proof inside a model file: frames, what the model made of them when it was exported, and a seal on the file.

Metadata entry ``nitido.vectors`` holds the test vectors, ``nitido.seal`` the SHA-256 of the file with the seal's own 64
digits set to ``0``. The card's ``certificate`` says how far another machine may be off.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import CardMismatch
from nitido.inference.session import open_session, run_error
from nitido.model_file import zoo
from nitido.model_file.card import PREFIX, Card

VECTORS = PREFIX + "vectors"
SEAL = PREFIX + "seal"
UNSEALED = "0" * 64
# The seal in the file as protobuf writes a metadata entry: key, tag and length of the value, value.
_SEAL = re.compile(re.escape(SEAL.encode()) + rb"\x12\x40([0-9a-f]{64})")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Vector:
    """Inputs of the graph by name, and its outputs when it was exported."""

    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Replay:
    """One vector run again. shape: of the first input. max_error: largest difference, in 8-bit levels for uint8
    outputs, in the output's own units for others. mean_error: mean absolute difference. identical: to the last bit."""

    shape: tuple[int, ...]
    max_error: float
    mean_error: float
    identical: bool


@dataclass(frozen=True)
class Verdict:
    """intact: the file is the exported one to the last bit; ``None`` for a format without a seal. tolerance,
    mean_tolerance: the largest ``max_error`` and ``mean_error`` that another machine may show."""

    device: str
    onnxruntime: str
    intact: bool | None
    tolerance: float
    mean_tolerance: float
    replays: list[Replay]

    @property
    def passed(self) -> bool:
        return self.intact is not False and all(
            r.max_error <= self.tolerance and r.mean_error <= self.mean_tolerance for r in self.replays
        )


def verify(name_or_path: str | Path, device: str = "auto", *, threads: int | None = None) -> Verdict:
    """Replays the certificate of a model, by name or file, on the device at hand.

    Raises ``ModelNotFound``, ``CardMismatch`` for a file without a certificate, ``ProviderUnavailable`` for a device
    that cannot be had.
    """
    path = zoo.find(str(name_or_path))
    session, used = open_session(path, device, threads=threads)
    metadata = session.get_modelmeta().custom_metadata_map
    card = Card.from_metadata(metadata, str(path))
    if VECTORS not in metadata or "mean_tolerance" not in card.certificate:
        raise CardMismatch(f"{path} carries no certificate: it was made by an older nitido; export the model again")
    replays = [_replay(session, vector) for vector in vectors_from_text(metadata[VECTORS], str(path))]
    return Verdict(
        device=used,
        onnxruntime=ort.__version__,
        intact=is_intact(path.read_bytes()),
        tolerance=float(card.certificate["tolerance"]),
        mean_tolerance=float(card.certificate["mean_tolerance"]),
        replays=replays,
    )


def run(session: ort.InferenceSession, inputs: Arrays) -> Arrays:
    """All outputs by name. Raises ``NitidoError`` when the runtime cannot run the graph."""
    names = [output.name for output in session.get_outputs()]
    try:
        return {name: np.asarray(value) for name, value in zip(names, session.run(names, inputs), strict=True)}
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        raise run_error(error) from error


def difference(expected: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]]) -> tuple[float, float, bool]:
    """(largest, mean absolute difference, identical to the last bit) over all outputs."""
    largest, total, count, identical = 0.0, 0.0, 0, True
    for name, wanted in expected.items():
        got = found.get(name)
        if got is None or got.shape != wanted.shape or got.dtype != wanted.dtype:
            return float("inf"), float("inf"), False
        gap = np.abs(wanted.astype(np.float64) - got.astype(np.float64))
        # A NaN is not small.
        largest = max(largest, float(np.nan_to_num(gap.max(), nan=np.inf)))
        total, count = total + float(gap.sum()), count + gap.size
        identical = identical and wanted.tobytes() == got.tobytes()
    return largest, total / max(1, count), identical


def vectors_to_text(vectors: Sequence[Vector]) -> str:
    """The metadata entry: JSON, arrays as base64 of zlib of their bytes in C order, with the SHA-256 of those bytes."""
    rows = [
        {side: {name: _pack(array) for name, array in arrays.items()} for side, arrays in vector.__dict__.items()}
        for vector in vectors
    ]
    return json.dumps(rows, separators=(",", ":"))


def vectors_from_text(text: str, origin: str) -> list[Vector]:
    """Reads the metadata entry. Raises ``CardMismatch`` naming ``origin`` when it is damaged."""
    try:
        return [
            Vector(**{side: {name: _unpack(a) for name, a in row[side].items()} for side in ("inputs", "outputs")})
            for row in json.loads(text)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise CardMismatch(f"{origin}: its test vectors are damaged ({error}); get the file again") from error


def seal(model: bytes) -> bytes:
    """The model file with its seal filled in; expects the entry ``nitido.seal`` with 64 zeros."""
    found = _SEAL.search(model)
    if found is None:
        raise ValueError(f"the model has no entry {SEAL}")
    blank = model[: found.start(1)] + UNSEALED.encode() + model[found.end(1) :]
    digest = hashlib.sha256(blank).hexdigest().encode()
    return model[: found.start(1)] + digest + model[found.end(1) :]


def is_intact(model: bytes) -> bool | None:
    """Whether a file's seal fits its bytes; ``None`` when it has none."""
    return None if _SEAL.search(model) is None else seal(model) == model


def _replay(session: ort.InferenceSession, vector: Vector) -> Replay:
    largest, mean, identical = difference(vector.outputs, run(session, vector.inputs))
    return Replay(next(iter(vector.inputs.values())).shape, largest, mean, identical)


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
        raise ValueError("an array does not have the SHA-256 it should")
    return np.frombuffer(raw, np.dtype(packed["dtype"])).reshape(packed["shape"])
