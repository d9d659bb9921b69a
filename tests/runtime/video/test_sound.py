"""The sound of a video, copied with ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nitido.video import sound

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg") or not shutil.which("ffprobe"), reason="needs ffmpeg")
SOUND = ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"]


def clip(path: Path, *more: str) -> Path:
    """Ten frames as a video, by ffmpeg."""
    made = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", *more]
    subprocess.run([*made, "-c:v", "mpeg4", str(path)], check=True, capture_output=True)
    return path


def streams(path: Path) -> list[str]:
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", str(path)]
    return subprocess.run(probe, check=True, capture_output=True, text=True).stdout.split()


@needs_ffmpeg
def test_only_a_video_with_sound_is_written_twice(tmp_path: Path) -> None:
    for name, more, twice in (("sound.mp4", SOUND, True), ("silent.mp4", [], False)):
        with sound.with_sound(clip(tmp_path / name, *more), tmp_path / "out.mp4") as silent:
            assert silent.twice == twice and (silent.path == tmp_path / "out.mp4") != twice
            silent.path.write_bytes((tmp_path / name).read_bytes())
        assert streams(tmp_path / "out.mp4") == (["video", "audio"] if twice else ["video"])
