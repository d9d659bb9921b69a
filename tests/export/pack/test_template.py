"""The templates of a pack."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from support.paths import ROOT

TEMPLATES = ROOT / "export" / "nitido_export" / "pack" / "templates"


def test_the_wheel_carries_the_templates(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"nitido_export/pack/templates/{p.relative_to(TEMPLATES).as_posix()}"
        for p in TEMPLATES.rglob("*")
        if p.is_file()
    }
    assert "nitido_export/pack/templates/c/nitido_frame.c" in expected
    assert expected <= names
