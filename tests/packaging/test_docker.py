"""The image, where a Docker daemon answers: it is built, denoises a picture, and is not root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.paths import ROOT, SAMPLES

pytestmark = [pytest.mark.network, pytest.mark.slow]
IMAGE = "nitido:test"


def docker(*arguments: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    if shutil.which("docker") is None or docker("info").returncode != 0:
        pytest.skip("no Docker daemon answers")
    built = docker("build", "--quiet", "--tag", IMAGE, ROOT, timeout=900)
    assert built.returncode == 0, built.stderr
    yield IMAGE
    docker("image", "rm", "--force", IMAGE)


def test_a_picture_is_denoised_in_a_mounted_folder(image: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    shutil.copy(SAMPLES / "coffee.webp", tmp_path)
    done = docker(
        "run", "--rm", "-v", f"{tmp_path}:/data", image, "denoise", "coffee.webp", "-o", "clean.png", timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clean.png").stat().st_size > 10_000
    assert (tmp_path / "clean.png").stat().st_uid != 0


def test_the_image_has_no_torch(image: str) -> None:
    command = "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('cv2') is not None)"
    done = docker("run", "--rm", "--entrypoint", "python", image, "-c", command, timeout=120)
    assert done.stdout.split() == ["None", "True"], done.stderr
