"""Links in the documentation: each into the repository points at a file, and every anchor at a heading."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

from support.paths import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "models", "samples", "benchmarks") for page in (ROOT / folder).rglob("*.md")),
    ]
)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    result: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        result.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return result


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    problems: list[str] = []
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        inside = re.match(rf"{re.escape(REPOSITORY)}/(?:blob|tree|raw)/main/(.+)", link)
        if re.match(r"[a-z]+:", link) and not inside:
            continue
        path, _, anchor = unquote(inside[1] if inside else link).partition("#")
        target = (ROOT if inside else page.parent) / path if path else page
        if not target.exists():
            problems.append(f"{link}: no such file")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            problems.append(f"{link}: no such heading")
    return problems


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not broken(page)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page: `one`\n[here](#a-page-one) [there](#nothing) [file](other.md) [web](https://a.example)\n"
        f"[ours]({REPOSITORY}/blob/main/LICENSE) [gone]({REPOSITORY}/blob/main/GONE)\n"
    )
    assert broken(page) == [
        "#nothing: no such heading",
        "other.md: no such file",
        f"{REPOSITORY}/blob/main/GONE: no such file",
    ]


def test_the_readme_has_no_relative_links() -> None:
    """PyPI shows it too."""
    text = _CODE.sub("", (ROOT / "README.md").read_text(encoding="utf-8"))
    links = [*_LINK.findall(text), *re.findall(r'(?:src|srcset|href)="([^"]+)"', text)]
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert [link for link in links if link.startswith(REPOSITORY)]
