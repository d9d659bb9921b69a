"""The report of a batch, for programs and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nitido import __version__
from nitido.batch.journal import Producer
from nitido.system.files import write_whole


@dataclass
class BatchReport:
    """The outcome of a run.

    done: results written.
    skipped: sources whose result exists for another reason.
    resumed: sources with the same result from an earlier run.
    failed: (source, reason).
    notes: (source, line) about things that the result lacks or that changed.
    levels: (source, noise level that was removed), if known.
    stopped: why it ended early; empty if it did not.
    left_out, links: see :func:`nitido.system.search.left_out` and ``linked_folders``, for the run's inputs; filled by
    the caller.
    """

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    resumed: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[tuple[Path, str]] = field(default_factory=list)
    levels: list[tuple[Path, float]] = field(default_factory=list)
    stopped: str = ""
    left_out: dict[str, int] = field(default_factory=dict)
    links: list[Path] = field(default_factory=list)

    def add(self, part: BatchReport) -> None:
        """Adds the outcome of more jobs; the caller reports an interruption."""
        self.done += part.done
        self.failed += part.failed
        self.notes += part.notes
        self.levels += part.levels
        self.skipped += part.skipped
        self.resumed += part.resumed
        self.stopped = "" if part.stopped == "interrupted" else part.stopped


def report_content(report: BatchReport, producer: Producer, *, device: str, seconds: float) -> dict[str, Any]:
    """The report as plain values for JSON. device: of the run. seconds: its duration."""
    return {
        "nitido": __version__,
        "model": producer.model,
        "sha256": producer.sha256,
        "options": producer.options,
        "device": device,
        "seconds": round(seconds, 3),
        "stopped": report.stopped or None,
        "done": [str(path) for path in report.done],
        "resumed": [str(path) for path in report.resumed],
        "skipped": [str(path) for path in report.skipped],
        "failed": [{"source": str(path), "reason": reason} for path, reason in report.failed],
        "notes": [{"source": str(path), "note": note} for path, note in report.notes],
        "noise_levels": [{"source": str(path), "noise": round(level, 2)} for path, level in report.levels],
        "left_out": dict(report.left_out),
        "links": [str(path) for path in report.links],
    }


def write_batch_report(path: Path, content: dict[str, Any]) -> None:
    """Writes the report as JSON. Raises ``SinkUnavailable``."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n")


def failure_line(source: Path, reason: str) -> str:
    """One line for a file that failed."""
    return f"failed: {reason if str(source) in reason else f'{source}: {reason}'}"


def note_line(source: Path, note: str) -> str:
    """One line about something that a result lacks or that changed."""
    return f"note: {source}: {note}"


def summary_line(report: BatchReport, output: Path, seconds: float) -> str:
    """One line for the run."""
    return ", ".join(_counts(report)) + f" in {seconds:.1f} s -> {output}"


def _counts(report: BatchReport) -> Iterator[str]:
    yield f"{len(report.done)} done"
    yield f"{len(report.failed)} failed"
    if report.resumed:
        yield f"{len(report.resumed)} skipped (done before)"
    if report.skipped:
        yield f"{len(report.skipped)} skipped (result exists; --overwrite replaces it)"
