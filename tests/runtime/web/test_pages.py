"""The wheel carries the web pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from nitido.web.onnxruntime_web import BINARY, SCRIPT, VERSION
from support.paths import ROOT


def test_a_wheel_carries_the_page_and_the_engine_if_it_was_there(tmp_path: Path, pretended: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "runtime", source / "runtime", ignore=shutil.ignore_patterns("engine", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source)
    for folder in ("export/nitido_export", "train/nitido_train", "models"):
        (source / folder).mkdir(parents=True)
    shutil.copytree(pretended, source / "runtime/nitido/web/pages/engine" / f"onnxruntime-web-{VERSION}")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name.removeprefix("nitido/web/pages/") for name in zipfile.ZipFile(wheel).namelist()}
    pages = ROOT / "runtime/nitido/web/pages"
    assert {path.relative_to(pages).as_posix() for path in pages.rglob("*.*") if "engine" not in path.parts} <= names
    assert {f"engine/onnxruntime-web-{VERSION}/{name}" for name in (SCRIPT, BINARY)} <= names
