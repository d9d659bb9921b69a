"""docs/guide/systemd: systemd knows every line of the units, and the guide shows them as they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.paths import ROOT

UNITS = sorted((ROOT / "docs/guide/systemd").glob("*.service"))
PROGRAM = "/opt/nitido/bin/nitido"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on PATH")
    text = unit.read_text(encoding="utf-8")
    assert PROGRAM in text
    (tmp_path / unit.name).write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")  # it must exist
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / unit.name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_guide_names_the_unit_and_where_it_goes(unit: Path) -> None:
    guide = (ROOT / "docs/guide/raspberry-pi.md").read_text(encoding="utf-8")
    assert f"systemd/{unit.name}" in guide
