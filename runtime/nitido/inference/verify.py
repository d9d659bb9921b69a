"""Replaying a model's certificate on the device at hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import CardMismatch
from nitido.inference.recurrence import RecurrentState, States
from nitido.inference.session import open_session, run_graph
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.certificate import VECTORS, Vector, difference, is_finite, vectors_from_text
from nitido.model_file.properties import is_intact
from nitido.model_file.weights import first_not_finite

_ADVICE = "the training behind it has diverged: export another checkpoint"


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
    """What replaying a certificate showed.

    Attributes:
        device: where the model ran.
        onnxruntime: version of ONNX Runtime.
        intact: whether the file is the exported one to the last bit; ``None`` for a format without a seal.
        tolerance: largest ``max_error`` that another machine may show.
        mean_tolerance: largest ``mean_error`` that another machine may show.
        replays: one for each test vector.
    """

    device: str
    onnxruntime: str
    intact: bool | None
    tolerance: float
    mean_tolerance: float
    replays: list[Replay]

    @property
    def passed(self) -> bool:
        """Whether the file is intact and every replay is within the tolerances."""
        return self.intact is not False and all(
            r.max_error <= self.tolerance and r.mean_error <= self.mean_tolerance for r in self.replays
        )


def verify(name_or_path: str | Path, device: str = "auto", *, threads: int | None = None) -> Verdict:
    """Replays the certificate of a model on this device.

    Args:
        name_or_path: name or file of the model.
        device: as for :func:`nitido.load`.
        threads: CPU threads of one operator.

    Raises:
        ModelNotFound: there is no such name or file.
        CardMismatch: the file has no certificate, or has weights or certified outputs that are not finite.
        ProviderUnavailable: the device cannot be used.
    """
    path = zoo.find(str(name_or_path))
    content = path.read_bytes()
    if path.suffix == ".onnx":
        _require_finite_weights(content, path)
    session, used = open_session(path, device, threads=threads)
    metadata = session.get_modelmeta().custom_metadata_map
    card = Card.from_metadata(metadata, str(path))
    if VECTORS not in metadata or "mean_tolerance" not in card.certificate:
        raise CardMismatch(f"{path} carries no certificate: it was made by an older nitido; export the model again")
    vectors = vectors_from_text(metadata[VECTORS], str(path))
    tolerances = float(card.certificate["tolerance"]), float(card.certificate["mean_tolerance"])
    if not all(map(math.isfinite, tolerances)) or not all(is_finite(vector.outputs) for vector in vectors):
        raise CardMismatch(f"{path}: its certificate holds values that are not finite; {_ADVICE}")
    runs = run_vectors(session, vectors, RecurrentState.of(session, card, str(path)))
    replays = [_replay(vector, found) for vector, found in zip(vectors, runs, strict=True)]
    return Verdict(
        device=used,
        onnxruntime=ort.__version__,
        intact=is_intact(content),
        tolerance=tolerances[0],
        mean_tolerance=tolerances[1],
        replays=replays,
    )


def _require_finite_weights(content: bytes, path: Path) -> None:
    """Raises ``CardMismatch``. Outputs do not show such weights: bytes that are made of NaN are black pictures."""
    try:
        broken = first_not_finite(content)
    except CardMismatch:
        return  # onnxruntime knows better what is wrong with it
    if broken:
        raise CardMismatch(f"{path}: its weights are not finite ({broken}); {_ADVICE}")


def run_vectors(
    session: ort.InferenceSession, vectors: Iterable[Vector], state: RecurrentState
) -> Iterator[dict[str, NDArray[Any]]]:
    """The outputs for each vector, in turn, by name. Each follows the one before where it says so."""
    states: States = {}
    for vector in vectors:
        if state and not (vector.follows and states):
            states = state.blank(vector.inputs["frame"].shape)
        found = run_graph(session, {**vector.inputs, **states})
        states = state.after(found)
        yield found


def _replay(vector: Vector, found: dict[str, NDArray[Any]]) -> Replay:
    largest, mean, identical = difference(vector.outputs, found)
    return Replay(next(iter(vector.inputs.values())).shape, largest, mean, identical)
