"""A browser for tests of pages, and what those pages compute with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from nitido.web.onnxruntime_web import PACKAGE, VERSION, install_engine
from support.npm import keep, npm
from support.waiting import WAIT

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
# Whatever is not on this machine is not found, as if there were no network.
_OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-quic")
# Playwright's own limit for what a page shows is five seconds, which a busy machine exceeds.
expect.set_options(timeout=1000 * WAIT)


def engine_archive(config: pytest.Config) -> Path:
    """The npm package of the browser engine. Skips the test when it cannot be had."""

    def fetch(folder: Path) -> None:
        npm("pack", f"{PACKAGE}@{VERSION}", cwd=folder)

    (archive,) = keep(config, f"{PACKAGE}-{VERSION}-archive", fetch).glob("*.tgz")
    return archive


def engine(config: pytest.Config) -> Path:
    """The folder of the browser engine, installed as users do. Skips the test when it cannot be had."""
    engine_archive(config)  # so that npm has it at hand
    (folder,) = keep(config, f"{PACKAGE}-{VERSION}", _install).glob(f"{PACKAGE}-*")
    return folder


def _install(folder: Path) -> None:
    install_engine(folder)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A headless browser. flags: more of its command line. Skips the test when none is installed."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_OFFLINE, *flags])
        try:
            yield browser
        finally:
            browser.close()
