"""``nitido live`` and ``nitido cameras`` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nitido.video.io import VideoSink, VideoSource
from support.commands import HANG, nitido

COMMANDS = [
    *("live", "cameras", "anomaly", "anomaly live", "denoise", "run", "doctor", "sample", "interpolate", "embed"),
    *("explore", "train", "report", "export", "evaluate", "pack"),
]
# click's classes take type arguments only since 8.4, and older ones will do.
OLDER = """
import click

def refuse(*_):
    raise TypeError("not subscriptable")

for found in vars(click).values():
    if isinstance(found, type) and hasattr(found, "__class_getitem__"):
        found.__class_getitem__ = refuse
"""
HELP = """
import json, sys
from click.testing import CliRunner
from nitido.cli.main import cli

def helped(command):
    done = CliRunner().invoke(cli, [*command.split(), "--help"])
    return done.exit_code, done.output + repr(done.exception or "")

print(json.dumps({command: helped(command) for command in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def helped_by_old_click() -> dict[str, tuple[int, str]]:
    """Exit code and output of ``--help`` of every command, in a process with such a click."""
    done = subprocess.run(
        [sys.executable, "-c", OLDER + HELP, *COMMANDS], capture_output=True, text=True, timeout=HANG, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_oldest_click_will_do(command: str, helped_by_old_click: dict[str, tuple[int, str]]) -> None:
    code, said = helped_by_old_click[command]
    assert code == 0 and "Usage" in said, said


@pytest.mark.parametrize(
    ("source", "message"),
    [("63", "cannot open camera 63"), ("http://127.0.0.1:9/x", "cannot open the stream"), ("bad.mp4", "not a video")],
)
def test_a_source_that_cannot_be_opened_is_one_line(source: str, message: str, tmp_path: Path) -> None:
    if source.endswith("mp4"):
        source = str(tmp_path / source)
        Path(source).write_text("no video")
    done = nitido("live", "--source", source, "--sink", "none")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("Error: ") and message in done.stderr


def test_a_recorded_clip_has_its_first_frame_and_its_length(tmp_path: Path) -> None:
    count, clip, clean = 16, tmp_path / "clip.avi", tmp_path / "clean.avi"
    with VideoSink(clip, 30) as sink:
        for number in range(count):
            sink.write(np.full((480, 640, 3), 40 + 10 * number, np.uint8))
    done = nitido("live", "--source", clip, "--sink", clean, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    with VideoSource(clean) as source:
        levels = [float(item.mean()) for item in source]
    assert len(levels) == count
    assert abs(levels[0] - 40) < 5 and abs(levels[-1] - (40 + 10 * (count - 1))) < 5
