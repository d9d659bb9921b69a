"""The report of a batch, for programs and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nitido import __version__
from nitido.batch.journal import Maker
from nitido.batch.run import Report
from nitido.system.files import write_whole


def write_report(path: Path, report: Report, maker: Maker, *, device: str, seconds: float) -> None:
    """Writes the report as JSON. Raises ``SinkUnavailable``."""
    content: dict[str, Any] = {
        "nitido": __version__,
        "model": maker.model,
        "sha256": maker.sha256,
        "options": maker.options,
        "device": device,
        "seconds": round(seconds, 3),
        "stopped": report.stopped or None,
        "done": [str(path) for path in report.done],
        "resumed": [str(path) for path in report.resumed],
        "skipped": [str(path) for path in report.skipped],
        "failed": [{"source": str(path), "reason": reason} for path, reason in report.failed],
        "left_out": dict(report.left_out),
    }
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n")


def failure_line(source: Path, reason: str) -> str:
    """One line for a file that failed."""
    return f"failed: {reason if str(source) in reason else f'{source}: {reason}'}"


def summary(report: Report, output: Path, seconds: float) -> str:
    """One line for the run."""
    return ", ".join(_counts(report)) + f" in {seconds:.1f} s -> {output}"


def _counts(report: Report) -> Iterator[str]:
    yield f"{len(report.done)} done"
    yield f"{len(report.failed)} failed"
    if report.resumed:
        yield f"{len(report.resumed)} skipped (done before)"
    if report.skipped:
        yield f"{len(report.skipped)} skipped (result exists; --overwrite replaces it)"
