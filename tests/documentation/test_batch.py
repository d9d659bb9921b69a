"""docs/guide/batch.md: its program runs as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.batch_files import names
from support.paths import ROOT


def test_the_documented_program_runs(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "guide" / "batch.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    photos.rename(photos.parent / "scans")
    monkeypatch.chdir(photos.parent)
    exec(compile(code, "docs/guide/batch.md", "exec", dont_inherit=True), {"__name__": "__example__"})
    assert len(names(photos.parent / "out")) == 3
