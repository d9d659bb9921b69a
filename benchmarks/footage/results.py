"""What was measured on clips, in one JSON file that an interrupted run goes on with.

{"rows": {"METHOD | CLIP | CONDITION": {...}}, "strengths": {"METHOD | CONDITION": {...}}, "times": {"METHOD": 1.0},
 "missing": [...]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from footage.clips import Trial
from footage.measures import Measures
from footage.methods import Method
from nitido.system.files import write_whole


@dataclass(frozen=True)
class Row:
    """A method on a trial. identity: of the method, with its strength; digest: of the frames."""

    identity: str
    digest: str
    measures: Measures


class Results:
    """A JSON file that is written again, whole, at every change. times: ms a frame as multiples of the first row's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, Row] = {}
        self.strengths: dict[str, dict[str, Any]] = {}
        self.times: dict[str, float] = {}
        self.missing: list[str] = []
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            self.rows = {key: _row(value) for key, value in found["rows"].items()}
            self.strengths, self.times, self.missing = found["strengths"], found["times"], found["missing"]

    def find(self, method: str, clip: str, condition: str) -> Measures | None:
        row = self.rows.get(f"{method} | {clip} | {condition}")
        return row.measures if row else None

    def holds(self, method: Method, strength: float, trial: Trial) -> bool:
        """Whether a row of the same method, strength and frames is there."""
        row = self.rows.get(f"{method.name} | {trial.key}")
        return row is not None and (row.identity, row.digest) == (_identity(method, strength), trial.digest)

    def add(self, method: Method, strength: float, trial: Trial, measures: Measures) -> None:
        self.rows[f"{method.name} | {trial.key}"] = Row(_identity(method, strength), trial.digest, measures)
        self.save()

    def strength(self, method: Method, condition: str) -> float | None:
        """The one that was chosen earlier."""
        found = self.strengths.get(f"{method.name} | {condition}")
        return found["strength"] if found and found["identity"] == method.identity else None

    def add_strength(self, method: Method, condition: str, strength: float) -> None:
        chosen = {"identity": method.identity, "strength": strength}
        self.strengths[f"{method.name} | {condition}"] = chosen
        self.save()

    def save(self) -> None:
        parts = [f'"missing": {_line(self.missing)}', f'"times": {_line(self.times)}']
        for name, table in (("strengths", self.strengths), ("rows", {k: asdict(v) for k, v in self.rows.items()})):
            # A row a line: a diff shows what was measured again.
            lines = ",\n".join(f"  {_line(key)}: {_line(value)}" for key, value in table.items())
            parts.append(f'"{name}": {{\n{lines}\n}}')
        write_whole(self.path, ("{\n" + ",\n".join(parts) + "\n}\n").encode())


def _identity(method: Method, strength: float) -> str:
    return f"{method.identity} {strength:g}"


def _row(value: Mapping[str, Any]) -> Row:
    found = value["measures"]
    return Row(value["identity"], value["digest"], Measures(**{**found, "psnr": tuple(found["psnr"])}))


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
