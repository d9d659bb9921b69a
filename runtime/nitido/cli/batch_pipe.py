"""``-`` instead of a file: one picture from standard input or to standard output."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from nitido.cli.batch_options import STANDARD_STREAM, BatchOptions
from nitido.errors import NitidoError, SinkUnavailable, SourceUnavailable
from nitido.system.process import quiet_stderr

if TYPE_CHECKING:
    from nitido.batch.engine import Findings, Settings
    from nitido.cli.batch_output import BatchOutput
    from nitido.inference.model import Model

_NAMES = {STANDARD_STREAM: "standard input"}


def is_piped(options: BatchOptions) -> bool:
    """Whether the picture comes from standard input or goes to standard output."""
    return STANDARD_STREAM in (*options.inputs, options.output)


def check_piped(options: BatchOptions) -> None:
    """Raises ``UsageError`` for options that cannot be combined with ``-``."""
    from nitido.images.io import FORMAT_OF
    from nitido.system.files import is_folder

    if len(options.inputs) != 1 or is_folder(options.inputs[0]):
        raise click.UsageError("expected one picture as input with -, found a folder or several")
    if options.watch or options.dry_run or options.as_json or options.engine != "local":
        raise click.UsageError("--watch, --dry-run, --json and --engine cannot be combined with -")
    if options.output == STANDARD_STREAM:
        if sys.stdout is None:
            raise click.UsageError("-o - writes a picture to standard output, which is closed; redirect it")
        if sys.stdout.isatty():
            raise click.UsageError("-o - writes a picture to standard output, which is a terminal; redirect it")
    elif options.output.suffix.lower() not in FORMAT_OF or is_folder(options.output):
        raise click.UsageError(f"expected the name of a picture or - as -o with standard input, found {options.output}")
    elif options.format_ and FORMAT_OF[options.output.suffix.lower()] != options.format_:
        raise click.UsageError(
            f"{options.output} does not name a {options.format_} file; change the name or the format"
        )
    if options.lossless and not _is_lossless(_kind(options)):
        raise click.UsageError(f"{_kind(options)} cannot be lossless; add --format png, webp or tiff")


def run_piped(options: BatchOptions, model: Model, settings: Settings, shown: BatchOutput) -> None:
    """Processes the picture. Messages go to stderr. Exits with 1 if it fails."""
    from nitido.batch.report import BatchReport, failure_line, note_line, report_content, write_batch_report
    from nitido.batch.run import producer_of

    began, source = time.perf_counter(), options.inputs[0]
    report, name = BatchReport(), _NAMES.get(source, str(source))
    try:
        with quiet_stderr():
            findings = _restore(options, model, settings, name)
        report.notes = [(Path(name), note) for note in findings.notes]
        if findings.noise is not None:
            report.levels.append((Path(name), findings.noise))
        report.done.append(options.output)
    except NitidoError as error:
        report.failed.append((Path(name), str(error)))
    for path, note in report.notes:
        shown.note(note_line(path, note))
    for path, reason in report.failed:
        click.echo(failure_line(path, reason), err=True)
    if options.report:
        seconds = time.perf_counter() - began
        content = report_content(report, producer_of(model, settings), device=model.device, seconds=seconds)
        write_batch_report(options.report, content)
    if report.failed:
        raise SystemExit(1)


def _restore(options: BatchOptions, model: Model, settings: Settings, name: str) -> Findings:
    """Writes the result and returns facts about it."""
    from nitido.batch.content import restore_content
    from nitido.system.files import refuse_existing, write_whole

    if options.output != STANDARD_STREAM:
        refuse_existing([options.output], overwrite=options.overwrite)
    result, findings = restore_content(model, _content(options.inputs[0], name), name, _kind(options), settings)
    if options.output != STANDARD_STREAM:
        write_whole(options.output, result)
        return findings
    try:
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python flushes again at its end, which must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SinkUnavailable(f"cannot write to standard output: {error.strerror or error}") from error
    return findings


def _content(source: Path, name: str) -> bytes:
    if source == STANDARD_STREAM:
        stream: BinaryIO | None = sys.stdin.buffer if sys.stdin else None
        content = stream.read() if stream else b""
        if not content:
            raise SourceUnavailable("standard input is empty, expected a picture")
        return content
    try:
        return source.read_bytes()
    except OSError as error:
        raise SourceUnavailable(f"{name} cannot be read: {error.strerror or error}") from error


def _kind(options: BatchOptions) -> str:
    from nitido.images.io import format_of

    return options.format_ or "png" if options.output == STANDARD_STREAM else format_of(options.output)


def _is_lossless(kind: str) -> bool:
    from nitido.images.encode import LOSSLESS

    return kind in LOSSLESS
