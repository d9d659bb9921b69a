"""One batch as the command line asked for it: what it prints, writes and exits with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.system.process import Stop, quiet_stderr, stop_on_signal

if TYPE_CHECKING:
    from nitido.batch.engine import Engine, Settings
    from nitido.batch.journal import Journal, Maker
    from nitido.batch.plan import Job
    from nitido.batch.run import Report
    from nitido.inference.model import Model
    from nitido.system.search import Filter


@dataclass(frozen=True)
class Wish:
    """What the command line asked for; fields are named as its options."""

    inputs: tuple[Path, ...]
    output: Path
    model: str
    device: str
    threads: int | None
    overwrite: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    workers: int | None
    format_: str | None
    quality: int | None
    lossless: bool
    provenance: bool
    max_megapixels: float
    report: Path | None
    dry_run: bool
    watch: bool
    poll: float
    engine: str
    ray_address: str | None
    strength: float = 1.0


def carry_out(wish: Wish, task: str | None = None, scale: int | None = None) -> None:
    """Runs the batch, for models of ``task`` and ``scale`` where these are given. Exits unless all is well."""
    from nitido.batch.engine import LocalEngine
    from nitido.batch.journal import Journal
    from nitido.batch.plan import is_file_name
    from nitido.batch.run import maker_of
    from nitido.images.io import SUFFIX_OF
    from nitido.inference.model import Model
    from nitido.model_file import zoo

    if wish.format_ and wish.format_ not in SUFFIX_OF:
        raise click.UsageError(f"this Pillow cannot write {wish.format_}; expected one of {', '.join(SUFFIX_OF)}")
    if wish.watch and (wish.dry_run or is_file_name(wish.output)):
        raise click.UsageError("--watch needs a folder as -o, and does not go with --dry-run")
    # Waiting threads that do not spin leave the cores to decoding and encoding.
    model = Model(zoo.find(wish.model, scale), wish.device, threads=wish.threads, spinning=False)
    if task:
        model.card.require_task(task, str(model.path))
    if scale and model.card.scale != scale:
        raise click.UsageError(f"{model.card.name} enlarges ×{model.card.scale}, --scale asked for ×{scale}")
    if wish.strength != 1.0 and not model.has_strength:
        raise click.UsageError(f"{model.card.name} has no adjustable strength; leave out --strength")
    settings = _settings(wish, model)
    maker = maker_of(model, settings)
    jobs = [] if wish.watch else _plan(wish)
    with ExitStack() as stack:
        journal = None
        if not is_file_name(wish.output):
            journal = stack.enter_context(Journal(wish.output, readonly=wish.dry_run))
        if wish.dry_run:
            _list(jobs, journal, maker, wish.overwrite)
            _tell_left_out(_left_out(wish))
            return
        stack.enter_context(quiet_stderr())
        engine: Engine = LocalEngine(model, settings)
        if wish.engine == "ray":
            from nitido.batch.ray import RayEngine

            engine = stack.enter_context(RayEngine(model, settings, address=wish.ray_address))
        stop = stack.enter_context(stop_on_signal())  # after Ray, which has a handler of its own
        began = time.perf_counter()
        title = f"{model.card.name} on {engine.place}"
        batch = _Batch(model, settings, journal, engine, stop, title)
        report = batch.watch(wish) if wish.watch else batch.run(jobs)
        if wish.watch or not report.stopped:  # else the run that goes on tells
            report.left_out = _left_out(wish)
        _conclude(report, wish, maker, model.device, time.perf_counter() - began, stop)


def _settings(wish: Wish, model: Model) -> Settings:
    import hashlib

    from nitido import __version__
    from nitido.batch.engine import Settings
    from nitido.images.io import Encoding

    software = None
    if wish.provenance:
        digest = hashlib.sha256(model.path.read_bytes()).hexdigest()
        software = f"nitido {__version__}, {model.card.name}, sha256 {digest[:12]}"
    encoding = Encoding(wish.quality, wish.lossless, software)
    pixels = int(wish.max_megapixels * 1e6)
    return Settings(wish.strength, encoding, wish.overwrite, wish.workers, pixels)


def _plan(wish: Wish) -> list[Job]:
    from nitido.batch.plan import PlanMismatch, plan_jobs
    from nitido.images.io import FORMAT_OF

    try:
        jobs = plan_jobs(wish.inputs, wish.output, _chosen(wish), wish.format_)
    except PlanMismatch as error:
        raise click.UsageError(str(error)) from error
    lossy = {kind for job in jobs if (kind := FORMAT_OF.get(job.target.suffix.lower())) in ("jpeg", "avif")}
    if wish.lossless and lossy:
        raise click.UsageError(f"{' and '.join(sorted(lossy))} cannot be lossless; add --format png, webp or tiff")
    return jobs


def _chosen(wish: Wish) -> Filter:
    from nitido.system.search import Filter

    return Filter(wish.include, wish.exclude)


def _left_out(wish: Wish) -> dict[str, int]:
    from nitido.batch.plan import SUFFIXES
    from nitido.system.search import left_out

    return left_out(wish.inputs, SUFFIXES, _chosen(wish), outside=wish.output)


def _tell_left_out(endings: dict[str, int]) -> None:
    from nitido.system.search import left_out_line

    if endings:
        click.echo(left_out_line(endings))


def _list(jobs: list[Job], journal: Journal | None, maker: Maker, overwrite: bool) -> None:
    """What a run would do, a line a file."""
    from collections import Counter

    from nitido.batch.journal import State
    from nitido.batch.run import sort_jobs

    words = {State.OPEN: "would write", State.DONE: "done before", State.KEPT: "would keep"}
    counts: Counter[str] = Counter()
    for job, state in sort_jobs(jobs, journal, maker, overwrite=overwrite):
        word = words[state]
        if job.problem or not job.source.is_file():
            word = "would fail"
        elif state is State.OPEN and job.target.exists():
            word = "would replace"
        counts[word] += 1
        click.echo(f"{word:13} {job.target} <- {job.source}{f': {job.problem}' if job.problem else ''}")
    click.echo(", ".join(f"{word}: {count}" for word, count in counts.items()) + "; nothing was written")


@dataclass(frozen=True)
class _Batch:
    model: Model
    settings: Settings
    journal: Journal | None
    engine: Engine
    stop: Stop
    title: str

    def run(self, jobs: list[Job]) -> Report:
        """All jobs under a progress bar."""
        from nitido.batch.journal import State
        from nitido.batch.report import failure_line
        from nitido.batch.run import maker_of, sort_jobs, units

        maker = maker_of(self.model, self.settings)
        states = sort_jobs(jobs, self.journal, maker, overwrite=self.settings.overwrite)
        length = units([job for job, state in states if state is State.OPEN])
        began, done = time.perf_counter(), 0

        def rate(_item: object) -> str:
            return f"{done / max(1e-6, time.perf_counter() - began):.1f}/s"

        with click.progressbar(
            length=length, label=self.title, show_pos=True, item_show_func=rate, file=sys.stderr
        ) as bar:

            def progress(units: int) -> None:
                nonlocal done
                done += units
                bar.update(units, 0)

            report = self._jobs(jobs, progress)
        for path, reason in report.failed:
            click.echo(failure_line(path, reason), err=True)
        return report

    def watch(self, wish: Wish) -> Report:
        """Jobs as they come, a line for each."""
        from nitido.batch.run import Report
        from nitido.batch.watch import Arrivals

        arrivals, total = Arrivals(lambda: _plan(wish)), Report()
        click.echo(f"{self.title}: watching {', '.join(map(str, wish.inputs))}; Ctrl-C ends it", err=True)
        while not self.stop.is_set() and not total.stopped:
            jobs = arrivals.ready()
            if jobs:
                part = self._jobs(jobs, lambda _units: None, _tell)
                total.done += part.done
                total.failed += part.failed
                total.skipped += part.skipped
                total.resumed += part.resumed
                total.stopped = "" if part.stopped == "interrupted" else part.stopped
            self.stop.wait(wish.poll)
        return total

    def _jobs(
        self,
        jobs: list[Job],
        progress: Callable[[int], None],
        finished: Callable[[Job, str], None] = lambda _job, _reason: None,
    ) -> Report:
        from nitido.batch.run import run_jobs

        return run_jobs(
            self.model,
            jobs,
            self.settings,
            journal=self.journal,
            engine=self.engine,
            stopping=self.stop.is_set,
            progress=progress,
            finished=finished,
        )


def _tell(job: Job, reason: str) -> None:
    from nitido.batch.report import failure_line

    if reason:
        click.echo(failure_line(job.source, reason), err=True)
    else:
        click.echo(f"done {job.target}")


def _conclude(report: Report, wish: Wish, maker: Maker, device: str, seconds: float, stop: Stop) -> None:
    """Tells what became of the run and exits as it deserves."""
    from nitido.batch.report import summary, write_report

    click.echo(summary(report, wish.output, seconds))
    _tell_left_out(report.left_out)
    if wish.report:
        write_report(wish.report, report, maker, device=device, seconds=seconds)
    if report.stopped == "interrupted":
        click.echo("Interrupted: what is done is kept; the same command goes on with the rest", err=True)
        raise SystemExit(128 + stop.signal)
    if report.stopped:
        click.echo(f"Error: stopped: {report.stopped}", err=True)
    if report.stopped or report.failed:
        raise SystemExit(1)
