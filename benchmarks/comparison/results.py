"""What was measured, in one JSON file that an interrupted run goes on with.

{"quality": {"METHOD | SET | CONDITION": {...}}, "speed": {"METHOD": {...}}, "machine": {...}, "missing": [...]}
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nitido.system.files import write_whole


@dataclass(frozen=True)
class Quality:
    """One method on one trial. pictures: positions in the set; psnr in dB and ssim: one for each. identity: of the
    method, digest: of the pictures, such that a row for which both still hold needs no second measurement. strength:
    the one chosen, in 8-bit levels; ``None`` where there is none."""

    method: str
    dataset: str
    condition: str
    identity: str
    digest: str
    strength: float | None
    pictures: tuple[int, ...]
    psnr: tuple[float, ...]
    ssim: tuple[float, ...]

    def mean(self, pictures: Sequence[int] | None = None) -> tuple[float, float] | None:
        """(PSNR, SSIM) over those pictures, by default over all that it did; ``None`` when it did not do each."""
        wanted = self.pictures if pictures is None else tuple(pictures)
        where = {picture: i for i, picture in enumerate(self.pictures)}
        if not wanted or not set(wanted) <= set(where):
            return None
        at = [where[picture] for picture in wanted]
        return float(np.mean(np.take(self.psnr, at))), float(np.mean(np.take(self.ssim, at)))


class Results:
    """A JSON file that is written again, whole, at every change. Raises ``ValueError`` for a file of something else,
    ``SinkUnavailable`` when it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.quality: dict[str, Quality] = {}
        self.speed: dict[str, dict[str, Any]] = {}
        self.machine: dict[str, Any] = {}
        self.missing: list[str] = []
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            try:
                self.quality = {key: _quality(row) for key, row in found["quality"].items()}
                self.speed, self.machine, self.missing = found["speed"], found["machine"], found["missing"]
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"{path} does not hold benchmark results ({error}); delete it or choose another folder"
                ) from error

    def describe(self, method: str, trial: str) -> str:
        """For the console; trial: as ``Trial.key``."""
        row = self.quality[f"{method} | {trial}"]
        strength = "" if row.strength is None else f", strength {row.strength:.1f}"
        return f"{np.mean(row.psnr):6.2f} dB, SSIM {np.mean(row.ssim):.3f}{strength}"

    def find(self, method: str, dataset: str, condition: str) -> Quality | None:
        return self.quality.get(_key(method, dataset, condition))

    def drop_others(self, dataset: str, condition: str, digest: str) -> None:
        """Forgets what was measured under these names on other pictures: it is no longer comparable."""
        self.quality = {
            key: row
            for key, row in self.quality.items()
            if (row.dataset, row.condition) != (dataset, condition) or row.digest == digest
        }

    def drop_models(self, task: str, known: Collection[str]) -> None:
        """Forgets models (which have parameters) of a task that are not among the known ones."""
        gone = {name for name, row in self.speed.items() if row["task"] == task and "parameters" in row} - set(known)
        self.quality = {key: row for key, row in self.quality.items() if row.method not in gone}
        self.speed = {name: row for name, row in self.speed.items() if name not in gone}

    def add(self, row: Quality) -> None:
        self.quality[_key(row.method, row.dataset, row.condition)] = row
        self.save()

    def save(self) -> None:
        # A row a line: a diff shows what was measured again.
        lines = [f"  {json.dumps(key, ensure_ascii=False)}: {_line(asdict(row))}" for key, row in self.quality.items()]
        parts = [
            f'"machine": {_line(self.machine)}',
            f'"missing": {_line(self.missing)}',
            '"speed": {\n' + ",\n".join(f"  {_line(k)}: {_line(v)}" for k, v in self.speed.items()) + "\n}",
            '"quality": {\n' + ",\n".join(lines) + "\n}",
        ]
        write_whole(self.path, ("{\n" + ",\n".join(parts) + "\n}\n").encode())


def _key(method: str, dataset: str, condition: str) -> str:
    return f"{method} | {dataset} | {condition}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _quality(row: Mapping[str, Any]) -> Quality:
    lists = {name: tuple(row[name]) for name in ("pictures", "psnr", "ssim")}
    return Quality(**{**row, **lists})
