"""The wheel in a bare environment: small, models inside, no torch, commands that answer. What it leaves out is in the
sdist."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nitido import __version__
from nitido.model_file import zoo
from support.paths import ROOT

LARGEST = 18_000_000  # bytes unpacked: it goes onto devices
NITIDO = "from nitido.cli.main import main; main()"

# Everything that the index names is there, is the file that it says, and runs; each name in a line of its own.
LOAD = """
from nitido.inference.session import open_session
from nitido.model_file import zoo
for entry in zoo.entries():
    open_session(zoo.find(entry.name), "cpu")
    print(entry.name)
"""

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.skipif(not zoo.entries(), reason="no shipped models")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    install = [folder / "bin" / "python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, timeout=300)
    return folder / "bin"


def test_the_wheel_holds_packages_and_models_and_is_small(wheel: Path) -> None:
    files = {info.filename: info.file_size for info in zipfile.ZipFile(wheel).infolist()}
    assert sum(files.values()) < LARGEST
    assert {"nitido/cli/main.py", "nitido_train/recipes/denoise-n.toml", "nitido_export/cli/export.py"} <= set(files)
    assert {"nitido_train/reports/templates/run.html.j2", "nitido_train/reports/report.css"} <= set(files)
    models = {Path(name).name for name in files if name.startswith("nitido/models/")}
    assert models == {zoo.INDEX, *(entry.path.name for entry in zoo.entries())}
    assert not [name for name in files if name.endswith(".pt")]
    assert not [name for name in files if "research" in name]  # not under the wheel's licence


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder]
    subprocess.run(build, check=True, timeout=300, cwd=ROOT, capture_output=True)
    (built,) = folder.glob("*.tar.gz")
    return built


def test_pypi_would_show_the_description(wheel: Path, sdist: Path) -> None:
    pytest.importorskip("twine")
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sdist_becomes_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """Whoever installs from the sdist gets what the wheel has."""
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, sdist]
    subprocess.run(build, check=True, timeout=300)
    (built,) = tmp_path.glob("*.whl")
    listed = [{(info.filename, info.CRC) for info in zipfile.ZipFile(file).infolist()} for file in (wheel, built)]
    assert listed[0] == listed[1]


def test_the_wheel_runs_without_torch(bare: Path, tmp_path: Path) -> None:
    photo, out = ROOT / "samples" / "coffee.webp", tmp_path / "coffee.png"
    subprocess.run([bare / "nitido", "denoise", photo, "-o", out], check=True, timeout=60, cwd=tmp_path)
    assert out.stat().st_size > 10_000
    missing = subprocess.run(
        [bare / "nitido", "train", "denoise-n", "--data", ROOT, "--out", tmp_path / "run"],
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 1
    assert "pip install 'nitido[train]'" in missing.stderr


def test_every_model_of_the_wheel_loads(bare: Path, tmp_path: Path) -> None:
    command = [bare / "python", "-c", LOAD]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path)
    assert found.stdout.split() == [entry.name for entry in zoo.entries()]


def test_checkpoints_are_asked_for_where_they_are(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """An installed wheel says that it has none; the sdist, fetched as the message has it, does."""
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    environment.pop(zoo.ENVIRONMENT, None)

    def export(run: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", NITIDO, "export", str(run), "-o", "m.onnx"]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)

    missing = export("denoise-n")
    assert missing.returncode == 1 and len(missing.stderr.splitlines()) == 1
    assert f"found none in {installed / 'nitido' / 'models'};" in missing.stderr
    advice = f"pip download --no-deps --no-binary nitido nitido=={__version__}"
    assert f"'{advice}'" in missing.stderr and "models/checkpoints/denoise-n.pt" in missing.stderr

    shelf = tmp_path / "shelf"  # as an index that has both
    shelf.mkdir()
    shutil.copy(sdist, shelf)
    (shelf / wheel.name).write_bytes(wheel.read_bytes())
    offline = ["--no-index", "--find-links", shelf, "--no-build-isolation", "-q"]
    subprocess.run([sys.executable, "-m", *advice.split(), *offline], check=True, timeout=300, cwd=tmp_path)
    (source,) = tmp_path.glob("nitido-*")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    assert export(Path(f"nitido-{__version__}", "models", "checkpoints", "denoise-n.pt")).returncode == 0
