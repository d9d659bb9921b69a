"""Results for people and for programs: lines, JSON rows, a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from nitido.anomaly.drift import Drift
from nitido.anomaly.inspector import Inspection


def as_row(inspection: Inspection) -> dict[str, Any]:
    """An inspection as plain values for JSON."""
    return {
        "verdict": inspection.verdict,
        "score": round(inspection.score, 3),
        "threshold": inspection.threshold.score,
        "regions": [region._asdict() for region in inspection.regions],
    }


def line(row: Mapping[str, Any]) -> str:
    """The result of one picture as a line for people."""
    if row["verdict"] == "failed":
        return f"failed: {row['error'] if row['file'] in row['error'] else row['file'] + ': ' + row['error']}"
    places = "  ".join(f"{r['x']},{r['y']} {r['width']}×{r['height']}" for r in row["regions"])
    verdict = "ANOMALY" if row["verdict"] == "anomaly" else "ok"
    return f"{verdict:8}{row['score']:7.1f}  {row['file']}{'  ' + places if places else ''}"


def drift_line(drift: Drift, where: str) -> str:
    """A line for people that says that the drift alarm goes on or off at a picture."""
    return f"{'DRIFT' if drift.alarm else 'no drift':8}  at {where}: {drift.line()}"


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """All rows as a table in UTF-8, the hottest region of each."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["file", "verdict", "score", "threshold", "x", "y", "width", "height", "heatmap", "error"])
    for row in rows:
        hottest = row.get("regions") or [{}]
        box = [hottest[0].get(key, "") for key in ("x", "y", "width", "height")]
        facts = [row.get(key, "") for key in ("file", "verdict", "score", "threshold")]
        writer.writerow([*facts, *box, row.get("heatmap", ""), row.get("error", "")])
    return text.getvalue().encode("utf-8")
