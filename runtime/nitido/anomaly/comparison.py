"""Compares the scores of sets of pictures by one model: its own kind, other kinds, good and bad ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.anomaly.check import read_source
from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import PROPERTY, Heat, Measure, Threshold
from nitido.errors import NitidoError
from nitido.frames import Frame
from nitido.model_file.properties import read_properties

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Shown:
    """One picture of a set.

    given, returned: input and result of the model, uint8 h×w×3 BGR.
    heat: float32 h×w, in 8-bit levels.
    """

    file: Path
    score: float
    given: Frame = field(repr=False)
    returned: Frame = field(repr=False)
    heat: Heat = field(repr=False)


@dataclass(frozen=True)
class ScoredSet:
    """The scores of a set of pictures.

    role: ``good``, ``bad`` or ``other``.
    scores: of the pictures that could be read, in order.
    failed: (file, reason) of the others.
    shown: the pictures with the lowest, the median and the highest score.
    """

    name: str
    role: str
    scores: NDArray[np.float64]
    failed: list[tuple[Path, str]]
    shown: list[Shown] = field(repr=False)


def auroc(higher: Sequence[float] | NDArray[np.float64], lower: Sequence[float] | NDArray[np.float64]) -> float:
    """The probability that a value of ``higher`` exceeds one of ``lower``, 0..1; a tie counts half. It is computed from
    the sum of ranks (Mann and Whitney, 1947). Both have at least one number."""
    values = np.concatenate([np.asarray(higher, np.float64), np.asarray(lower, np.float64)])
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places.reshape(-1)]  # equal values share their mean rank
    n, m = len(higher), len(lower)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def measure_of(reconstruction: Reconstruction) -> tuple[Measure, Threshold | None]:
    """How a model's scores are computed, and its threshold if one was fitted."""
    text = read_properties(reconstruction.path.read_bytes()).get(PROPERTY)
    if text is None:
        return Measure.usual(reconstruction), None
    threshold = Threshold.from_text(text, str(reconstruction.path))
    return threshold.measure, threshold


def score_set(
    reconstruction: Reconstruction,
    measure: Measure,
    files: Sequence[Path],
    name: str,
    role: str,
    done: Callable[[int], None] = lambda _files: None,
) -> ScoredSet:
    """Scores picture files. done: called with 1 after each. Files that cannot be read are listed, not raised."""
    scores: list[float] = []
    read: list[Path] = []
    failed: list[tuple[Path, str]] = []
    for file in files:
        try:
            scores.append(measure.score(measure.heat(reconstruction(read_source(file)))))
            read.append(file)
        except NitidoError as error:
            failed.append((file, str(error)))
        done(1)
    order = np.argsort(scores, kind="stable")
    chosen = dict.fromkeys(int(order[i]) for i in (0, len(order) // 2, len(order) - 1)) if len(order) else {}
    shown: list[Shown] = []
    for number in chosen:
        # Computed again, because the pictures of thousands of files would not fit into memory.
        pair = reconstruction(read_source(read[number]))
        shown.append(Shown(read[number], scores[number], pair.given, pair.returned, measure.heat(pair)))
    return ScoredSet(name, role, np.asarray(scores), failed, shown)


def reference(sets: Sequence[ScoredSet]) -> tuple[str, NDArray[np.float64]]:
    """Name and scores of the reference: all good sets, or the first set if there are no good ones."""
    good = [s for s in sets if s.role == "good"] or [s for s in sets if s.role != "bad"][:1]
    if not good:
        return "", np.empty(0)
    return " + ".join(s.name for s in good), np.concatenate([s.scores for s in good])


def as_json(sets: Sequence[ScoredSet], measure: Measure, threshold: Threshold | None) -> dict[str, Any]:
    """The comparison as plain values: ``auroc`` of all bad pictures against all good ones (``null`` if one of them is
    missing), and for each set its quantiles and its ``auroc`` against the reference."""
    against, lower = reference(sets)
    bad = [s.scores for s in sets if s.role == "bad"]
    higher = np.concatenate(bad) if bad else np.empty(0)
    labelled = bool(len(higher) and any(s.role == "good" for s in sets) and len(lower))
    rows: list[dict[str, Any]] = []
    for scored in sets:
        row: dict[str, Any] = {"name": scored.name, "role": scored.role, "pictures": len(scored.scores)}
        row["failed"] = len(scored.failed)
        if len(scored.scores):
            row |= {f"q{100 * q:02.0f}": round(float(np.quantile(scored.scores, q)), 3) for q in QUANTILES}
        if threshold is not None:
            row["above_threshold"] = int((scored.scores > threshold.score).sum())
        own = scored.role == "good" or scored.name == against
        both = not own and len(scored.scores) and len(lower)
        row["auroc"] = round(auroc(scored.scores, lower), 4) if both else None
        row["scores"] = [round(float(score), 3) for score in scored.scores]
        rows.append(row)
    return {
        "measure": {"blur": measure.blur, "pool": measure.pool},
        "threshold": threshold.score if threshold else None,
        "against": against,
        "auroc": round(auroc(higher, lower), 4) if labelled else None,
        "sets": rows,
    }


def as_lines(found: dict[str, Any]) -> list[str]:
    """The comparison as a table for people."""
    wide = max(len(row["name"]) for row in found["sets"])
    above = found["threshold"] is not None
    head = f"{'set':{wide}}  {'':5}  pictures     5 %  median    95 %" + ("   above" if above else "") + "   AUROC"
    lines = [head]
    for row in found["sets"]:
        quantiles = "".join(f"{row.get(name, float('nan')):8.1f}" for name in ("q05", "q50", "q95"))
        share = f"{row['above_threshold']:8}" if above else ""
        chance = f"{row['auroc']:8.4f}" if row["auroc"] is not None else "       -"
        lines.append(f"{row['name']:{wide}}  {row['role']:5}  {row['pictures']:8}{quantiles}{share}{chance}")
    if found["auroc"] is not None:
        lines.append(f"AUROC of all bad pictures against all good ones: {found['auroc']:.4f}")
    elif any(row["auroc"] is not None for row in found["sets"]):
        lines.append(f"AUROC: against {found['against']}")
    return lines
