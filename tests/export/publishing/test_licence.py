from __future__ import annotations

from pathlib import Path

from nitido_export.publishing.licence import record_licence
from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from support.tiny_models import random_checkpoint


def test_a_checkpoint_says_what_its_weights_are_released_as(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    save_checkpoint(random_checkpoint("denoise"), path)
    record_licence(path, "MIT", "my photographs")
    found = load_checkpoint(path)
    assert (found.licence, found.data) == ("MIT", "my photographs")
    assert all(bool((value == found.ema[key]).all()) for key, value in random_checkpoint("denoise").ema.items())


def test_a_checkpoint_that_says_so_already_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    save_checkpoint(random_checkpoint("denoise"), path)
    record_licence(path, "MIT", "my photographs")
    before = path.stat()
    record_licence(path, "MIT", "my photographs")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
