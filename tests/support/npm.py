"""Packages that tests take from npm, fetched once and kept in pytest's cache."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.waiting import one_at_a_time

# What npm says when no registry answered; any other failure is one of the test.
_UNREACHABLE = re.compile(
    r"npm (?:error|ERR!) code (ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|E(?:NET|HOST)UNREACH|ERR_SOCKET_TIMEOUT|E50\d)"
)


def npm(*arguments: str, cwd: Path) -> str:
    """Runs npm and returns what it printed. Skips the test without npm or an answering registry, else fails it."""
    program = shutil.which("npm")
    if program is None or shutil.which("node") is None:
        pytest.skip("node and npm are not on PATH")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--prefer-offline", "--loglevel=error"]
    try:
        done = subprocess.run(
            [program, *arguments, *quiet], cwd=cwd, capture_output=True, text=True, check=False, timeout=240
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry did not answer within four minutes")
    unreachable = _UNREACHABLE.search(done.stderr)
    if unreachable:
        pytest.skip(f"the npm registry cannot be reached ({unreachable[1]})")
    if done.returncode:
        pytest.fail(f"npm {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def keep(config: pytest.Config, name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of pytest's cache, filled by ``make`` when it is not there. Complete or not there."""
    assert config.cache is not None
    folder = config.cache.mkdir("npm") / name
    with one_at_a_time(folder.with_name(f"{name}.lock")):
        if not folder.is_dir():
            draft = folder.with_name(f"{name}.partial")
            shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed
            draft.mkdir()
            try:
                make(draft)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder
