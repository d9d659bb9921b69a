"""The runtime's own tests need nothing that a device does not have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.paths import ROOT


@pytest.mark.slow
def test_the_tests_of_the_runtime_can_be_collected_without_torch_and_onnx() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "support.runtime_only", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--collect-only", "-q", "tests/runtime"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": "tests"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "tests/runtime/live/test_loop.py::" in done.stdout
