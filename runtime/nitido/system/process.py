"""The process of a command: signals that ask it to end, its end with hanging threads, and output of libraries."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal


class Stop(threading.Event):
    """Set by the first signal that asks the process to end. signal: its number."""

    signal = 0


@contextmanager
def stop_on_signal(
    *,
    hangup: bool = False,
    second: Literal["kill", "interrupt"] = "kill",
    asked: Callable[[], None] = lambda: None,
) -> Iterator[Stop]:
    """For the block, the first SIGINT or SIGTERM sets the request to end.

    hangup: SIGHUP, for example when a terminal is closed, does the same. second: effect of the second signal: ``kill``
    ends the process as if the signal were not caught, ``interrupt`` raises ``KeyboardInterrupt``. asked: called in the
    handler of the first signal; it must not use locks.

    Signals that the caller ignores, like SIGHUP with ``nohup``, stay ignored. Outside the main thread, where Python
    does not allow handlers, no signal is caught.
    """
    stop = Stop()

    def handle(number: int, _frame: object) -> None:
        if stop.is_set() and second == "interrupt":
            raise KeyboardInterrupt
        stop.signal = number
        stop.set()
        asked()
        if second == "kill":
            signal.signal(number, signal.SIG_DFL)

    earlier: dict[int, object] = {}
    if threading.current_thread() is threading.main_thread():
        names = ("SIGINT", "SIGTERM", *(("SIGHUP",) if hangup else ()))
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
        earlier = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]


@contextmanager
def importing() -> Iterator[None]:
    """For a block that imports modules: switches the garbage collector off, and excludes all objects that exist at its
    end from later collections, because modules are thousands of objects that stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


_left_behind: list[Callable[[], bool]] = []  # each says whether it still runs


def leave_behind(thread: threading.Thread) -> None:
    """Registers a daemon thread that hangs in a library and is abandoned, see :func:`end_despite_threads`."""
    _left_behind.append(thread.is_alive)


def leave_library_behind() -> None:
    """Registers a library with threads that Python does not know and that may crash at Python's usual end."""
    _left_behind.append(lambda: True)


def end_despite_threads(code: int) -> None:
    """Ends the process immediately, with that exit code, if an abandoned thread still runs or could run.

    Python's usual end destroys the interpreter and the globals of libraries while such a thread uses them, which
    sometimes crashes. Without such a thread, Python ends as usual, but without a last garbage collection, because the
    system frees the memory faster.
    """
    if any(runs() for runs in _left_behind):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    gc.freeze()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """For the block, discards messages of C libraries and Python warnings about damaged files, because each file has a
    line of its own. Python's own output is not affected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shown = sys.stderr.fileno() == 2
        except (OSError, ValueError, AttributeError):
            shown = False
        if shown:
            with _redirected():
                yield
        else:
            yield


@contextmanager
def _redirected() -> Iterator[None]:
    stderr = sys.stderr
    stderr.flush()
    kept = os.dup(2)
    with (
        Path(os.devnull).open("w") as nowhere,
        os.fdopen(kept, "w", encoding=stderr.encoding, errors=stderr.errors) as shown_still,
    ):
        sys.stderr = shown_still
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            shown_still.flush()
            os.dup2(kept, 2)
            sys.stderr = stderr
