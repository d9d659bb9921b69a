"""``nitido`` as a user runs it: in this process, which is fast, or in one of its own."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from nitido.cli.main import main
from support.waiting import until

HANG = 300.0  # seconds after which a process is taken for one that hangs, however busy the machine is

# Signals as in a terminal: what started the tests may ignore some, as nohup does, and a child would ignore them too.
_BEGIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
if hasattr(signal, "SIGWINCH"):
    signal.signal(signal.SIGWINCH, lambda *_: None)
"""
_MAIN = """
from nitido.cli.main import main
main()
"""
_HOLD = """
import os, sys, time
def hold(event, arguments):
    if event == "open" and str(arguments[0]) in {files!r}:
        while not os.path.exists({gate!r}):
            time.sleep(0.005)
sys.addaudithook(hold)
"""
_OPEN_AT_SIGNAL = """
import pathlib
set_handler = signal.signal
def set_telling_handler(number, handler):
    def tell(*arguments):
        try:
            handler(*arguments)
        finally:
            pathlib.Path({gate!r}).touch()
    return set_handler(number, tell if callable(handler) else handler)
signal.signal = set_telling_handler
"""


def command(*arguments: object, before: str = "") -> list[str]:
    """``nitido ARGUMENTS…`` by this interpreter, with the signals of a terminal. before: code that runs first."""
    return [sys.executable, "-c", _BEGIN + before + _MAIN, *map(str, arguments)]


def held_at(*files: Path, gate: Path) -> str:
    """Code that goes ``before`` a command: whoever opens one of the files waits until ``gate`` is there."""
    return _HOLD.format(files={str(file) for file in files}, gate=str(gate))


def opened_by_signal(gate: Path) -> str:
    """Code that goes ``before`` a command: ``gate`` is there as soon as the command has dealt with a signal."""
    return _OPEN_AT_SIGNAL.format(gate=str(gate))


@contextmanager
def running(words: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process for the block; one that still runs at its end is killed. options: of ``Popen``."""
    with subprocess.Popen(words, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def send(process: subprocess.Popen[Any], number: int, *, gate: Path) -> None:
    """Sends a signal and returns when the command has dealt with it, as :func:`opened_by_signal` tells.

    Python calls handlers between two steps of the main thread. One that began to wait just before the signal came is
    woken by another signal, which does nothing else.
    """
    process.send_signal(number)
    wake = getattr(signal, "SIGWINCH", None)
    until(lambda: gate.exists() or process.poll() is not None or (wake and process.send_signal(wake)))


def nitido(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What the command printed and exited with, run in this process, which saves starting one."""
    out, err, given = io.StringIO(), io.StringIO(), sys.argv
    words = ["nitido", *map(str, arguments)]
    sys.argv = words
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.argv = given
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def nitido_process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own. options: of ``subprocess.run``."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=HANG, check=False, **options)
