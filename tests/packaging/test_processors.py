"""The shipped files and the runtime on emulated processors: of a Raspberry Pi 4 and 5, and of older PCs."""

from __future__ import annotations

import platform
from pathlib import Path

import cv2
import emulation
import numpy as np
import processors
import pytest

from nitido.inference.model import load
from nitido.model_file import zoo
from support.paths import ROOT, SAMPLES
from support.waiting import one_at_a_time

pytestmark = [pytest.mark.network, pytest.mark.slow]

COMMAND = "import sys; from nitido.cli.main import main; sys.argv[0] = 'nitido'; main()"


@pytest.fixture(scope="module")
def emulator(request: pytest.FixtureRequest) -> emulation.Emulator:
    """Kept in pytest's cache."""
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir("emulated") / emulation.ONNXRUNTIME
    try:
        with one_at_a_time(folder.with_name(f"{folder.name}.lock")):
            return emulation.prepare(folder)
    except emulation.EmulatorUnavailable as error:
        pytest.skip(str(error))


def test_every_shipped_model_passes_its_certificate_on_a_raspberry_pi_4(emulator: emulation.Emulator) -> None:
    found = processors.replay(emulator, [entry.path for entry in zoo.entries()], emulation.PI_4)
    assert {one.model for one in found} == {entry.name for entry in zoo.entries()}
    assert [one for one in found if not one.passed] == []


def test_models_in_8_bits_pass_with_the_dot_products_of_a_raspberry_pi_5(emulator: emulation.Emulator) -> None:
    paths = [entry.path for entry in zoo.entries() if entry.name.endswith(".int8")]
    assert paths
    assert [one for one in processors.replay(emulator, paths, emulation.PI_5) if not one.passed] == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this Python is not one for x86-64")
@pytest.mark.parametrize("processor", [emulation.AVX2, emulation.SSE4])
def test_models_in_8_bits_pass_on_older_x86_64_processors(emulator: emulation.Emulator, processor: str) -> None:
    paths = [entry.path for entry in zoo.entries() if entry.name.endswith("n.int8")]
    assert len(paths) >= 5
    assert [one for one in processors.replay(emulator, paths, processor) if not one.passed] == []


def test_nitido_denoise_makes_the_picture_that_it_makes_here(emulator: emulation.Emulator, tmp_path: Path) -> None:
    photo = cv2.imread(str(SAMPLES / "coffee.webp"))
    assert photo is not None
    crop = photo[100:164, 100:196]
    cv2.imwrite(str(tmp_path / "photo.png"), crop)
    done = emulator.python(
        "-c", COMMAND, "denoise", str(tmp_path / "photo.png"), "-o", str(tmp_path / "out.png"), "--model", "denoise-n",
        paths=[ROOT / "runtime"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    there = cv2.imread(str(tmp_path / "out.png"))
    with load("denoise-n", "cpu") as here:
        expected, allowed = here(crop), here.card.certificate
    assert there is not None
    gap = np.abs(there.astype(int) - expected)
    assert np.abs(expected.astype(int) - crop).max() > 0
    assert gap.max() <= allowed["tolerance"] and gap.mean() <= allowed["mean_tolerance"]


def test_nitido_live_restores_a_pipe(emulator: emulation.Emulator) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    done = emulator.python(
        "-c", COMMAND, "live", "--source", "-", "--size", "64x48", "--sink", "-", "--every-frame",
        paths=[ROOT / "runtime"], given=frames.tobytes(),
    )  # fmt: skip
    assert done.returncode == 0 and b"3 of 3 frames shown" in done.stderr, done.stderr.decode()
    assert len(done.stdout) == frames.nbytes
    assert done.stdout != frames.tobytes()
