"""``nitido denoise``, ``nitido upscale`` and ``nitido run``: models over pictures, folders and videos."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.batch_options import HELP, BatchOptions, batch_options, strength_option, temporal_option
from nitido.cli.batch_pipe import check_piped, is_piped, run_piped
from nitido.cli.noise import dejpeg_option, noise_options, told_noise, told_quality
from nitido.cli.options import FRAME_MODEL, model_for
from nitido.cli.size import open_for_size, opened, size_from, size_options
from nitido.cli.terminal import messages
from nitido.model_file.zoo import DEJPEG_MODEL
from nitido.system.cpus import leave_cores_to_models
from nitido.system.process import Stop, importing, quiet_stderr, stop_on_signal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nitido.batch.choosing import Chooser
    from nitido.batch.clip_model import ClipModel
    from nitido.batch.engine import Engine, Settings
    from nitido.batch.enlarging import Enlarger
    from nitido.batch.plan import Job
    from nitido.batch.report import BatchReport
    from nitido.batch.run import Batch
    from nitido.cli.batch_output import BatchOutput
    from nitido.images.resize import OutputSize
    from nitido.inference.model import Model
    from nitido.system.search import Filter

CLIP_MODEL = "denoise-live-n.int8"  # the default model for videos


@click.command("denoise", help=f"Remove noise from pictures, folders and videos.\n\n{HELP}")
@batch_options
@strength_option
@noise_options
@dejpeg_option
@temporal_option
@click.option(
    "--model",
    type=model_for("denoise"),
    default="denoise",
    help="For photos denoise-camera-n, -s or -m; for videos denoise-live-n; for white noise denoise-n, -s or -m; or an "
    ".onnx file.  [default: denoise-camera-n for pictures, denoise-live-n.int8 for videos]",
)
def denoise(**given: Any) -> None:
    options = BatchOptions(**given)
    if options.dejpeg is not None:
        if options.noise is not None or options.calibration is not None:
            raise click.UsageError(
                "--dejpeg is about JPEG artefacts, --noise and --calibration about noise; choose one"
            )
        options = replace(options, model=DEJPEG_MODEL if options.model == "denoise" else options.model)
    carry_out(options, "denoise")


@click.command("upscale", help=f"Enlarge pictures, folders and videos.\n\n{HELP}")
@batch_options
@click.option(
    "--model", type=model_for("upscale"), default="upscale", show_default=True, help="Model name or .onnx file."
)
@size_options
def upscale(**given: Any) -> None:
    size = size_from(given)
    carry_out(BatchOptions(**given), "upscale", size)


@click.command("run", help=f"Run any image model over pictures, folders and videos.\n\n{HELP}")
@batch_options
@strength_option
@noise_options
@temporal_option
@click.option("--model", type=FRAME_MODEL, required=True, help="Model name or .onnx file.")
def run(**given: Any) -> None:
    carry_out(BatchOptions(**given))


def carry_out(
    options: BatchOptions,
    task: str | None = None,
    size: OutputSize | None = None,
    *,
    chooser: Chooser | None = None,
) -> None:
    """Runs the batch, for models of ``task`` if it is given. chooser: chooses the processing for each picture. Exits if
    something failed."""
    with importing():
        from nitido.batch.engine import LocalEngine
        from nitido.batch.journal import Journal
        from nitido.batch.plan import is_file_name
        from nitido.batch.run import Batch
        from nitido.cli.batch_output import BatchOutput
        from nitido.images.io import SUFFIX_OF
        from nitido.images.plugins import HEIF_PACKAGE, JXL_PACKAGE
        from nitido.model_file import zoo

    if options.format_ and options.format_ not in SUFFIX_OF:
        package = {"heic": HEIF_PACKAGE, "jxl": JXL_PACKAGE}.get(options.format_, "'pillow>=11.3'")
        raise click.UsageError(
            f"{options.format_} cannot be written here, expected one of {', '.join(SUFFIX_OF)}; "
            f"to write {options.format_}, run: pip install {package}"
        )
    piped = is_piped(options)
    if piped:
        check_piped(options)
    if options.watch and (options.dry_run or is_file_name(options.output)):
        raise click.UsageError("--watch needs a folder as -o, and cannot be combined with --dry-run")
    leave_cores_to_models()
    with messages("WARNING" if options.quiet else "INFO"):
        model, enlarger = open_for_size(options, size) if size else (opened(options, zoo.find(options.model)), None)
    if task:
        model.card.require_task(task, str(model.path))
    if options.strength != 1.0 and not model.has_strength:
        raise click.UsageError(f"{model.card.name} has no adjustable strength; leave out --strength")
    settings = replace(_settings(options, model, enlarger), chooser=chooser)
    clips = _clip_model(options, model) if task and (chooser or options.model == task == "denoise") else None
    shown = BatchOutput(options.quiet, options.verbose, options.as_json)
    level = "ERROR" if options.quiet else "DEBUG" if options.verbose else "WARNING"
    if piped:
        with messages(level):
            run_piped(options, model, settings, shown)
        return
    jobs = [] if options.watch else _plan(options)
    with messages(level), ExitStack() as stack:
        journal = None
        if not is_file_name(options.output):
            journal = stack.enter_context(Journal(options.output, readonly=options.dry_run))
        engine: Engine = LocalEngine(model, settings)
        if options.dry_run:
            planned = Batch(model, settings, journal=journal, engine=engine, clips=clips).sort(jobs)
            shown.plan(planned, _left_out(options), _links(options))
            return
        stack.enter_context(quiet_stderr())
        if options.engine == "ray":
            from nitido.batch.ray import RayEngine

            engine = stack.enter_context(RayEngine(model, settings, address=options.ray_address))
        stop = stack.enter_context(stop_on_signal())  # after Ray, which sets its own handler
        began = time.perf_counter()
        batch = Batch(model, settings, journal=journal, engine=engine, clips=clips)
        report = _watch(batch, options, stop, shown) if options.watch else _run(batch, jobs, stop, shown)
        if options.watch or not report.stopped:  # otherwise the running batch reports it
            report.left_out, report.links = _left_out(options), _links(options)
        _conclude(report, options, batch, time.perf_counter() - began, stop, shown)


def _settings(options: BatchOptions, model: Model, enlarger: Enlarger | None) -> Settings:
    from nitido.batch.engine import Settings
    from nitido.batch.enlarging import software_of
    from nitido.images.io import Encoding
    from nitido.video.formats import Encoding as VideoEncoding

    software = software_of([model]) if options.provenance else None
    encoding = Encoding(options.quality, options.lossless, software)
    pixels = int(options.max_megapixels * 1e6)
    return Settings(
        strength=options.strength,
        encoding=encoding,
        overwrite=options.overwrite,
        workers=options.workers,
        max_pixels=pixels,
        video=VideoEncoding(options.codec, options.quality),
        deinterlace=options.deinterlace,
        tone_map=options.tone_map,
        temporal=options.temporal,
        preserve_times=options.preserve_times,
        noise=told_noise(options.noise, options.calibration, model)
        if options.dejpeg is None
        else told_quality(options.dejpeg, model),
        enlarger=enlarger,
    )


def _clip_model(options: BatchOptions, model: Model) -> ClipModel | None:
    """The model for videos if none was chosen: a recurrent one. ``None``: the same as for pictures."""
    from nitido.batch.clip_model import ClipModel
    from nitido.model_file import zoo

    known = [entry for entry in zoo.entries() if entry.name == CLIP_MODEL]
    if not known or known[0].path.parent != model.path.parent:  # there is another model of that name
        return None

    return ClipModel(CLIP_MODEL, known[0].sha256, lambda name: opened(options, zoo.find(name)))


def _plan(options: BatchOptions) -> list[Job]:
    from nitido.batch.plan import PlanMismatch, plan_jobs
    from nitido.images.encode import LOSSLESS
    from nitido.images.io import FORMAT_OF

    try:
        jobs = plan_jobs(options.inputs, options.output, _chosen(options), options.format_)
    except PlanMismatch as error:
        raise click.UsageError(str(error)) from error
    lossy = {kind for job in jobs if (kind := FORMAT_OF.get(job.target.suffix.lower())) and kind not in LOSSLESS}
    if options.lossless and lossy:
        raise click.UsageError(f"{' and '.join(sorted(lossy))} cannot be lossless; add --format png, webp or tiff")
    return jobs


def _chosen(options: BatchOptions) -> Filter:
    from nitido.system.search import Filter

    return Filter(options.include, options.exclude)


def _left_out(options: BatchOptions) -> dict[str, int]:
    from nitido.batch.plan import SUFFIXES
    from nitido.system.search import left_out

    return left_out(options.inputs, SUFFIXES, _chosen(options), outside=options.output)


def _links(options: BatchOptions) -> list[Path]:
    from nitido.system.search import linked_folders

    return linked_folders(options.inputs, _chosen(options), outside=options.output)


def _title(batch: Batch, jobs: Sequence[Job] = ()) -> str:
    videos = sum(job.is_video for job in jobs)
    names = [batch.model.card.name] if batch.clips is None or videos < len(jobs) or not jobs else []
    names += [batch.clips.name] if batch.clips and videos else []
    return f"{', '.join(names)} on {batch.engine.place}"


def _run(batch: Batch, jobs: list[Job], stop: Stop, shown: BatchOutput) -> BatchReport:
    """Runs all jobs with a progress bar."""
    from nitido.batch.journal import State
    from nitido.batch.run import units

    planned = batch.sort(jobs)
    shown.begin(planned)
    todo = [job for job, state in planned if state is State.OPEN]
    with shown.progress(_title(batch, todo), units(todo)) as progress:
        return batch.run(planned, stopping=stop.is_set, progress=progress, finished=shown.finished, noted=shown.noted)


def _watch(batch: Batch, options: BatchOptions, stop: Stop, shown: BatchOutput) -> BatchReport:
    """Runs jobs as they arrive, with a line for each."""
    from functools import partial

    from nitido.batch.report import BatchReport
    from nitido.batch.watch import Arrivals

    arrivals, total = Arrivals(lambda: _plan(options)), BatchReport()
    shown.note(f"{_title(batch)}: watching {', '.join(map(str, options.inputs))}; Ctrl-C ends it")
    while not stop.is_set() and not total.stopped:
        jobs = arrivals.ready()
        if jobs:
            planned = batch.sort(jobs)
            shown.begin(planned)
            finished, noted = partial(shown.finished, lines=True), partial(shown.noted, lines=True)
            total.add(batch.run(planned, stopping=stop.is_set, finished=finished, noted=noted))
        stop.wait(options.poll)
    return total


def _conclude(
    report: BatchReport, options: BatchOptions, batch: Batch, seconds: float, stop: Stop, shown: BatchOutput
) -> None:
    """Shows the outcome of the run and exits with its exit code."""
    from nitido.batch.report import report_content, write_batch_report

    content = report_content(report, batch.producer, device=batch.model.device, seconds=seconds)
    shown.summary(report, options.output, seconds, content)
    if options.report:
        write_batch_report(options.report, content)
    if report.stopped == "interrupted":
        click.echo("Interrupted: what is done is kept; the same command continues with the rest", err=True)
        raise SystemExit(128 + stop.signal)
    if report.stopped:
        click.echo(f"Error: stopped: {report.stopped}", err=True)
    if report.stopped or report.failed:
        raise SystemExit(1)
