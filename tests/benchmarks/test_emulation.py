"""The ARM64 emulator, where it cannot be had."""

from __future__ import annotations

from pathlib import Path

import emulation
import pytest


def test_a_machine_without_debian_packages_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(emulation.EmulatorUnavailable, match="needs apt-get of Debian or Ubuntu"):
        emulation.prepare(tmp_path / "emulator")
    assert list(tmp_path.iterdir()) == []
