"""The wheel in a bare environment: models inside, no torch, commands that answer."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nitido.model_file import zoo
from support.paths import ROOT

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.mark.skipif(not zoo.entries(), reason="no shipped models")
def test_the_wheel_runs_without_torch(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"nitido/cli/main.py", "nitido_train/recipes/denoise-n.toml", "nitido_export/graph/frames.py"} <= names
    assert {"nitido_train/reports/templates/run.html.j2", "nitido_train/reports/report.css"} <= names
    assert "nitido/models/checkpoints/denoise-n.pt" in names
    assert {f"nitido/models/{entry.path.name}" for entry in zoo.entries()} <= names
    assert not [name for name in names if "research" in name]  # not under the wheel's licence
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "bare"], check=True, timeout=120)
    python = tmp_path / "bare" / "bin" / "python"
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", "-q", *constraints, wheel], check=True, timeout=300)
    nitido = tmp_path / "bare" / "bin" / "nitido"
    photo, out = ROOT / "samples" / "coffee.webp", tmp_path / "coffee.png"
    subprocess.run([nitido, "denoise", photo, "-o", out], check=True, timeout=60, cwd=tmp_path)
    assert out.stat().st_size > 10_000
    missing = subprocess.run(
        [nitido, "train", "denoise-n", "--data", ROOT, "--out", tmp_path / "run"], capture_output=True, text=True
    )
    assert missing.returncode == 1
    assert "pip install 'nitido[train]'" in missing.stderr
