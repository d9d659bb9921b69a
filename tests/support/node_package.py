"""onnxruntime-node, installed once and kept."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from support.npm import keep, npm
from support.paths import ROOT

_LOCK_FOLDER = ROOT / "tests" / "export" / "node"


def node_folder(config: pytest.Config) -> Path:
    """A folder with the onnxruntime-node that the lock file names, in node_modules. Skips the test without npm."""
    if shutil.which("node") is None:
        pytest.skip("node is not on PATH")
    lock = (_LOCK_FOLDER / "package-lock.json").read_bytes()

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_LOCK_FOLDER / name, folder)
        npm("ci", cwd=folder)
        for platform in (folder / "node_modules" / "onnxruntime-node" / "bin").glob("*/*"):
            if platform.name != sys.platform:
                shutil.rmtree(platform)  # 220 MB of libraries for other systems

    return keep(config, f"node-{hashlib.sha256(lock).hexdigest()[:12]}", install)
