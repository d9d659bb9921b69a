"""Output of a command on a terminal during its work: a progress bar, a status line, log lines above it."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nitido.live.state import Status

_STATUS_EVERY = 1.0  # seconds between two status lines
# Levels of the logging module as the journal numbers them (sd-daemon(3)).
_PRIORITIES = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (0, "<7>"))


@contextmanager
def progress_bar(title: str, length: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr with the number done, the rate and the remaining time; yields a function that adds units."""
    began, done = time.perf_counter(), 0

    def rate(_item: object) -> str:
        return f"{done / max(1e-6, time.perf_counter() - began):.1f}/s"

    with click.progressbar(length=length, label=title, show_pos=True, item_show_func=rate, file=sys.stderr) as bar:

        def advance(units: int) -> None:
            nonlocal done
            done += units
            bar.update(units, 0)

        yield advance


class _Lines(logging.Handler):
    """Writes log messages of the library to stderr, above the status line, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        clear()
        click.echo(journal_prefix(record.levelno) + record.getMessage(), err=True)


@contextmanager
def messages(level: str = "INFO") -> Iterator[None]:
    """During the block, log messages of the library go to stderr, above the status line. level: the lowest level that
    is shown, such as ``DEBUG``."""
    logger, handler = logging.getLogger("nitido"), _Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        clear()
        logger.removeHandler(handler)
        logger.setLevel(before)


def status_line(*, quiet: bool = False, verbose: bool = False) -> Callable[[Status], None]:
    """Shows the status in one line of a terminal, about once a second; nothing when stderr is not a terminal.

    quiet: nothing in any case. verbose: each status on a line of its own, whatever stderr is."""
    if quiet or not (verbose or (sys.stderr is not None and sys.stderr.isatty())):
        return lambda _status: None
    last = 0.0

    def show(status: Status) -> None:
        nonlocal last
        if time.monotonic() - last >= _STATUS_EVERY:
            last = time.monotonic()
            if verbose:
                click.echo(status.line(), err=True)
                return
            clear()
            click.echo(status.line()[: shutil.get_terminal_size().columns - 1], nl=False, err=True)

    return show


def journal_prefix(level: int, environment: Mapping[str, str] = os.environ) -> str:
    """The prefix of a line on stderr that gives systemd's journal its priority, such as ``<4>`` for a warning; empty if
    stderr is not the journal. level: of the logging module."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return ""
    if environment.get("JOURNAL_STREAM") != f"{found.st_dev}:{found.st_ino}":
        return ""
    return next(prefix for least, prefix in _PRIORITIES if level >= least)


def clear() -> None:
    """Clears the status line."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
