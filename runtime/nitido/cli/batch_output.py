"""The output of a batch, during the run and at its end: text for people, JSON lines for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from nitido.batch.journal import State, version_of
from nitido.batch.plan import Job
from nitido.batch.report import BatchReport, failure_line, note_line, summary_line
from nitido.cli.terminal import progress_bar
from nitido.system.files import exists
from nitido.system.search import left_out_line, links_line

_PLANNED = {State.OPEN: "would write", State.DONE: "done before", State.KEPT: "would keep"}
_KNOWN = {State.DONE: "resumed", State.KEPT: "skipped"}


@dataclass
class BatchOutput:
    """quiet: only failures and errors. verbose: a line for each file as it is done, instead of the progress bar.
    as_json: only JSON on stdout, one object for each file and one for the run."""

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    _below: list[str] = field(default_factory=list)  # the bar
    _notes: dict[Path, list[str]] = field(default_factory=dict)  # notes of jobs that are about to end, for JSON

    def plan(self, jobs: Sequence[tuple[Job, State]], left_out: dict[str, int], links: Sequence[Path]) -> None:
        """Shows what a run would do, a line for each file."""
        counts: Counter[str] = Counter()
        for job, state in jobs:
            word = _PLANNED[state]
            if job.problem or version_of(job.source) is None:
                word = "would fail"
            elif state is State.OPEN and exists(job.target):
                word = "would replace"
            counts[word] += 1
            if self.as_json:
                self._object(_row(job, word, job.problem))
            else:
                click.echo(f"{word:13} {job.target} <- {job.source}{f': {job.problem}' if job.problem else ''}")
        if self.as_json:
            self._object({"summary": {**counts, "left_out": left_out, "links": len(links)}})
            return
        click.echo(", ".join(f"{word}: {count}" for word, count in counts.items()) + "; nothing was written")
        self._left_out(left_out, links)

    def begin(self, jobs: Sequence[tuple[Job, State]]) -> None:
        """Takes the jobs of a run that will not be processed."""
        for job, state in jobs:
            if state in _KNOWN and self.as_json:
                self._object(_row(job, _KNOWN[state]))
            elif state in _KNOWN and self.verbose:
                click.echo(f"{_KNOWN[state]} {job.target}")

    @contextmanager
    def progress(self, title: str, units: int) -> Iterator[Callable[[int], None]]:
        """A progress bar for the block, unless each file has a line; notes and failures are listed below it."""
        if self.quiet or self.verbose:
            yield lambda _units: None
            return
        with progress_bar(title, units) as advance:
            yield advance
        for line in self._below:
            click.echo(line, err=True)

    def noted(self, job: Job, note: str, *, lines: bool = False) -> None:
        """Takes a note about something that a result lacks, before the job is finished."""
        if self.as_json:
            self._notes.setdefault(job.source, []).append(note)
        elif self.verbose or lines:
            self.note(note_line(job.source, note))
        else:
            self._below.append(note_line(job.source, note))

    def finished(self, job: Job, reason: str, *, lines: bool = False) -> None:
        """Takes a job that has ended. lines: show a line for it, because there is no bar."""
        if self.as_json:
            notes = self._notes.pop(job.source, [])
            self._object(_row(job, "failed" if reason else "done", reason) | ({"notes": notes} if notes else {}))
        if reason:
            line = failure_line(job.source, reason)
            if self.quiet or self.verbose or lines:
                click.echo(line, err=True)
            else:
                self._below.append(line)
        elif (self.verbose or lines) and not (self.quiet or self.as_json):
            click.echo(f"done {job.target}")

    def note(self, line: str) -> None:
        """Prints a line on stderr, unless the run is quiet."""
        if not self.quiet:
            click.echo(line, err=True)

    def summary(self, report: BatchReport, output: Path, seconds: float, facts: dict[str, Any]) -> None:
        """Shows the outcome of the run. facts: the JSON report; its lists are counted here."""
        if self.as_json:
            self._object({"summary": {k: len(v) if isinstance(v, list) else v for k, v in facts.items()}})
        elif not self.quiet:
            click.echo(summary_line(report, output, seconds))
            self._left_out(report.left_out, report.links)

    def _left_out(self, endings: dict[str, int], links: Sequence[Path]) -> None:
        for line in (links_line(links), left_out_line(endings)):
            if line:
                click.echo(line)

    def _object(self, content: dict[str, Any]) -> None:
        click.echo(json.dumps(content))


def _row(job: Job, state: str, reason: str = "") -> dict[str, Any]:
    return {"source": str(job.source), "target": str(job.target), "state": state} | (
        {"reason": reason} if reason else {}
    )
