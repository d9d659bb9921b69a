"""What signals do to a command, in processes of their own: they start with the signals that the test gives them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nitido.system.process import end_despite_threads, leave_behind, stop_on_signal
from support.commands import HANG, running
from support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not for Windows")

_STOPPABLE = """
import signal, sys, time
from pathlib import Path
from nitido.system.process import end_despite_threads, leave_behind, stop_on_signal

folder, ignored, hangup, second = Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3] == "hangup", sys.argv[4]
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
for name in ignored:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
with stop_on_signal(hangup=hangup, second=second, asked=lambda: (folder / "asked").touch()) as stop:
    (folder / "ready").touch()
    while not (folder / "go on").exists():
        time.sleep(0.005)
print("set" if stop.is_set() else "not set", stop.signal)
"""


class Stoppable:
    """A process that waits in ``stop_on_signal``."""

    def __init__(self, folder: Path, *, ignored: str = "", hangup: bool = False, second: str = "kill") -> None:
        self.folder = folder
        words = [sys.executable, "-c", _STOPPABLE, str(folder), ignored, "hangup" if hangup else "", second]
        self.process = running(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def signals(self, number: signal.Signals, *, asks: bool = True) -> tuple[int, str]:
        """Sends a signal, lets the process go on, and returns its exit code and what it printed. asks: whether the
        signal is dealt with."""
        with self.process as process:
            until((self.folder / "ready").exists)
            process.send_signal(number)
            if asks:
                until((self.folder / "asked").exists)
            (self.folder / "go on").touch()
            return process.wait(HANG), process.stdout.read().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_end(tmp_path: Path, number: signal.Signals) -> None:
    assert Stoppable(tmp_path).signals(number) == (0, f"set {int(number)}")


def test_the_second_signal_interrupts(tmp_path: Path) -> None:
    with Stoppable(tmp_path, second="interrupt").process as process:
        until((tmp_path / "ready").exists)
        process.send_signal(signal.SIGTERM)
        until((tmp_path / "asked").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG) == -signal.SIGINT


def test_the_second_signal_kills(tmp_path: Path) -> None:
    with Stoppable(tmp_path).process as process:
        until((tmp_path / "ready").exists)
        process.send_signal(signal.SIGTERM)
        until((tmp_path / "asked").exists)
        # One that comes while the first is still dealt with counts as one with it.
        until(lambda: process.poll() is not None or process.send_signal(signal.SIGTERM))
        assert process.returncode == -signal.SIGTERM


def test_a_closed_terminal_asks_to_end_where_that_is_wanted_and_kills_elsewhere(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
    assert Stoppable(tmp_path / "a", hangup=True).signals(signal.SIGHUP) == (0, f"set {int(signal.SIGHUP)}")
    assert Stoppable(tmp_path / "b").signals(signal.SIGHUP, asks=False) == (-signal.SIGHUP, "")


def test_what_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    ignoring = Stoppable(tmp_path, ignored="SIGHUP SIGINT", hangup=True)
    assert ignoring.signals(signal.SIGHUP, asks=False) == (0, "not set 0")


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signal():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


_STUCK = """
import sys, threading
from nitido.system.process import end_despite_threads, leave_behind

thread = threading.Thread(target=threading.Event().wait, daemon=sys.argv[1] == "daemon")
thread.start()
leave_behind(thread)
print("said", end="")
end_despite_threads(3)
"""


@pytest.mark.parametrize("kind", ["daemon", "waited for"])
def test_a_process_ends_with_its_code_though_a_thread_hangs(kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", _STUCK, kind], capture_output=True, timeout=HANG, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"said", b"")


_FOREIGN = """
import atexit
from nitido.system.process import end_despite_threads, leave_library_behind

atexit.register(print, "the usual end")
leave_library_behind()
print("said", end="")
end_despite_threads(3)
"""


def test_a_process_does_not_wait_for_a_library_with_threads_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", _FOREIGN], capture_output=True, timeout=HANG, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"said", b"")


def test_a_process_whose_threads_have_ended_goes_on() -> None:
    thread = threading.Thread(target=str)
    thread.start()
    leave_behind(thread)
    thread.join()
    end_despite_threads(3)
