"""What the tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.batch_files import crops


@pytest.fixture
def setting(tiny_models: dict[str, Path], tmp_path: Path) -> tuple[Path, Path, list[object]]:
    """A folder with pictures, one for the results, and the options that choose the model."""
    crops(tmp_path / "in", 6)
    return tmp_path / "in", tmp_path / "out", ["--model", tiny_models["denoise"]]
