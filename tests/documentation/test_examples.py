"""The examples in the documentation, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.paths import ROOT

PAGES = ("README.md", "docs/guide/python.md", "docs/guide/latent.md")
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_READ = re.compile(r"""(?:imread|VideoCapture|frames)\(["']([^"']+)["']\)""")
_WRITTEN = re.compile(r"""imwrite\(["']([^"']+)["']""")


def examples() -> list[tuple[str, int, str]]:
    """(page, line, code) of every Python block."""
    found: list[tuple[str, int, str]] = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found += [(page, text[: m.start(1)].count("\n") + 1, m.group(1)) for m in _BLOCK.finditer(text)]
    return found


EXAMPLES = examples()


def provide(path: Path) -> None:
    """A real picture, or five frames of it as a film, under the name that an example reads."""
    picture = cv2.imread(str(ROOT / "samples/coffee.webp"))
    assert picture is not None
    if path.suffix == ".mp4":
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (160, 120))
        for shift in range(5):
            writer.write(np.ascontiguousarray(picture[100:220, 100 + shift : 260 + shift]))
        writer.release()
    else:
        cv2.imwrite(str(path), picture[:300, :300])


def test_every_page_has_examples() -> None:
    assert {page for page, _, _ in EXAMPLES} == set(PAGES)


@pytest.mark.parametrize(("page", "line", "code"), EXAMPLES, ids=[f"{page}:{line}" for page, line, _ in EXAMPLES])
def test_the_example_runs(
    page: str, line: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in _READ.findall(code):
        provide(tmp_path / name)
    before = set(tmp_path.iterdir())
    exec(compile("\n" * line + code, str(ROOT / page), "exec", dont_inherit=True), {"__name__": "__example__"})
    if "print(" in code:
        assert capsys.readouterr().out.strip()
    if "imwrite(" in code:
        assert set(tmp_path.iterdir()) - before
    for name in _WRITTEN.findall(code):
        assert (tmp_path / name).is_file()
