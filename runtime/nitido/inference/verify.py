"""Replaying a model's certificate on the device at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from nitido.errors import CardMismatch
from nitido.inference.session import open_session, run_graph
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.certificate import VECTORS, Vector, difference, vectors_from_text
from nitido.model_file.properties import is_intact


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


def _replay(session: ort.InferenceSession, vector: Vector) -> Replay:
    largest, mean, identical = difference(vector.outputs, run_graph(session, vector.inputs))
    return Replay(next(iter(vector.inputs.values())).shape, largest, mean, identical)
