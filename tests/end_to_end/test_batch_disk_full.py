"""A disk that fills up ends the run with one clear line; with room again, the same command goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nitido.batch.journal import NAME
from nitido.images.io import read_picture
from support.batch_files import crops
from support.commands import nitido

pytestmark = pytest.mark.slow

FILES = 60
SIZE = 600  # KB: about half of what the results take


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux to mount a small tmpfs")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}k", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "webp"])
def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(
    tiny_models: dict[str, Path], small_disk: Path, tmp_path: Path, kind: str
) -> None:
    crops(tmp_path / "in", FILES, side=96)
    out = small_disk / "out"
    arguments = ["denoise", tmp_path / "in", "-o", out, "--model", tiny_models["denoise"], "--format", kind]
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * (SIZE - 200)))

    full = nitido(*arguments)

    assert full.returncode == 1
    said = [line for line in full.stderr.splitlines() if "full" in line]
    assert len(said) == 1 and "make room" in said[0], full.stderr
    assert "failed:" not in full.stderr
    made = [path for path in out.rglob("[!.]*.*") if path.is_file()]
    assert 0 < len(made) < FILES
    for path in made:
        read_picture(path)
    assert not list(out.rglob("*.partial.*"))
    for line in (out / NAME).read_bytes().splitlines():
        json.loads(line)

    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    rest = nitido(*arguments)
    assert rest.returncode == 0, rest.stderr
    assert f"{FILES - len(made)} done, 0 failed, {len(made)} skipped (done before)" in rest.stdout
