"""docs/reference/command-line.md is what the commands say of themselves now."""

from __future__ import annotations

import runpy

import pytest

from support.paths import ROOT


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    written = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    try:
        expected = runpy.run_path(str(ROOT / "docs/command_line.py"))["page"]()
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed")
    assert written == expected, "run: make docs"
