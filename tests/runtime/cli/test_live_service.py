"""``nitido live`` as a service of systemd: signs of life on its socket, lines for its journal, a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import HANG, command, running
from support.frames import frames_in
from support.live_fakes import raw_frames
from support.systemd import Listener

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux")


def test_a_service_is_ready_with_its_first_frame_and_completes_its_recording_on_sigterm(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("av")
    out = tmp_path / "out.mp4"
    arguments = ["--source", "-", "--size", "64x48", "--sink", out, "--model", tiny_models["denoise"]]
    with (
        Listener() as systemd,
        running(
            command("live", *arguments), stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=os.environ | {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "100000"},
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(raw_frames(1, size=(64, 48)))
        assert systemd.next(HANG) == "READY=1"
        assert systemd.next(HANG).startswith("STATUS=")
        for _ in range(3):  # no further frame comes, and nothing hangs
            assert systemd.next(HANG) == "WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        text = process.stderr.read().decode()
        assert process.wait(HANG) == 0, text
        assert systemd.rest()[-1] == "STOPPING=1"
    assert frames_in(out) > 0


def test_the_journal_gets_whole_lines_with_their_priority(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    with (tmp_path / "journal").open("wb") as journal:
        found = os.fstat(journal.fileno())
        arguments = ["--source", "-", "--size", "16x12", "--sink", "none", "--every-frame", "--verbose", "--model"]
        done = subprocess.run(
            command("live", *arguments, tiny_models["denoise"]), input=raw_frames(1, 2) + b"rest", stderr=journal,
            env=os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, timeout=HANG, check=False,
        )  # fmt: skip
    text = (tmp_path / "journal").read_text()
    assert done.returncode == 0, text
    assert "<4>the last frame was incomplete, 4 of 576 bytes, and was left out\n" in text
    assert "\r" not in text and "\x1b" not in text


def test_an_error_has_its_priority_in_the_journal_and_none_elsewhere(tmp_path: Path) -> None:
    words = command("live", "--source", tmp_path / "missing.mp4", "--sink", "none")
    with (tmp_path / "journal").open("wb") as journal:
        found = os.fstat(journal.fileno())
        environment = os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        done = subprocess.run(words, stderr=journal, env=environment, timeout=HANG, check=False)
    assert done.returncode == 1
    assert (tmp_path / "journal").read_text().startswith("<3>Error: ")
    elsewhere = subprocess.run(words, capture_output=True, env=environment, timeout=HANG, check=False)
    assert elsewhere.stderr.startswith(b"Error: ")
