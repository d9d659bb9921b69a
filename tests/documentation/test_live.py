"""docs/guide/live.md: its examples run as they stand, its shell line with the real ffmpeg."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.video.reader import VideoSource
from nitido.video.writer import VideoSink
from support.paths import ROOT

TEXT = (ROOT / "docs/guide/live.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
SHELL = [block for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE) if "ffmpeg" in block]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a short clip of a photograph, 64×48, and in which the test runs."""
    picture = cv2.imread(str(ROOT / "samples/coffee.webp"))
    assert picture is not None
    with VideoSink(tmp_path / "clip.mp4", 30) as sink:
        for shift in range(12):
            sink.write(np.ascontiguousarray(np.asarray(picture, np.uint8)[100:148, 100 + shift : 164 + shift]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_example_runs(code: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "docs/guide/live.md", "exec", dont_inherit=True), {"__name__": "__example__"})
    assert capsys.readouterr().out.strip()
    if "clean.mp4" in code:
        with VideoSource(folder / "clean.mp4") as source:
            assert len(list(source)) >= 6  # of 12, at half the rate or more, as the machine has time


def test_ffmpeg_stands_on_both_sides_of_the_documented_line(folder: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not on PATH")
    (line,) = SHELL
    program = folder / "bin" / "nitido"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from nitido.cli.main import main; main()' \"$@\"\n")
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("640x480", "64x48")],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "12 of 12 frames shown" in done.stderr
    with VideoSource(folder / "clip.mp4") as given, VideoSource(folder / "clean.mp4") as got:
        pairs = list(zip(given, got, strict=True))
    assert len(pairs) == 12
    # Two lossy codecs and a denoiser lie between them: near, but sheared or swapped frames would be far off.
    assert max(float(np.abs(a.astype(int) - b).mean()) for a, b in pairs) < 12
