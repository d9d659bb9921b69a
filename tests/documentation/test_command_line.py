"""docs/reference/command-line.md is what the commands say of themselves now."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from support.commands import HANG
from support.paths import ROOT

# In a process of its own: click's commands keep the help option of the first context that they are called in.
_PAGE = 'import runpy, sys; sys.stdout.buffer.write(runpy.run_path(sys.argv[1])["page"]().encode("utf-8"))'


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    written = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    command = [sys.executable, "-c", _PAGE, str(ROOT / "docs/command_line.py")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=HANG, check=False)
    if missing := re.search(r"^ModuleNotFoundError: No module named '(.+)'$", done.stderr, re.MULTILINE):
        pytest.skip(f"{missing[1]} is not installed")
    assert done.stdout == written, done.stderr or "run: make docs"
