"""The site: links of its pages lead to pages of the site where it has them, else into the repository."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable

import pytest

from support.paths import ROOT

REPOSITORY = "https://example.org/nitido"


@pytest.fixture(scope="module")
def site_link() -> Callable[[str, str, str], str]:
    pytest.importorskip("mkdocs")
    return runpy.run_path(str(ROOT / "docs/site_pages.py"))["site_link"]


@pytest.mark.parametrize(
    ("source", "link", "expected"),
    [
        ("docs/guide/live.md", "batch.md#videos", "batch.md#videos"),
        ("docs/guide/live.md", "#pipes", "#pipes"),
        ("docs/guide/live.md", "../../CONTRIBUTING.md", "../development/contributing.md"),
        ("docs/README.md", "../models/README.md", "reference/models.md"),
        ("docs/README.md", "../README.md", "index.md"),
        ("CONTRIBUTING.md", "docs/development/architecture.md", "architecture.md"),
        ("models/README.md", "pictures/denoise-n.webp", "../models/pictures/denoise-n.webp"),
        ("models/README.md", "release.toml", f"{REPOSITORY}/blob/main/models/release.toml"),
        ("docs/guide/live.md", "../../models", f"{REPOSITORY}/tree/main/models"),
        ("README.md", f"{REPOSITORY}/blob/main/docs/guide/live.md#pipes", "guide/live.md#pipes"),
        ("README.md", f"{REPOSITORY}/blob/main/LICENSE", f"{REPOSITORY}/blob/main/LICENSE"),
        ("README.md", "https://example.com/other.md", "https://example.com/other.md"),
    ],
)
def test_a_link_leads_where_the_site_has_it(
    site_link: Callable[[str, str, str], str], source: str, link: str, expected: str
) -> None:
    assert site_link(link, source, REPOSITORY) == expected


def test_links_in_code_stay_as_they_are() -> None:
    pytest.importorskip("mkdocs")
    with_site_links = runpy.run_path(str(ROOT / "docs/site_pages.py"))["with_site_links"]
    text = "[a](../LICENSE) `[b](../LICENSE)`\n```md\n[c](../LICENSE)\n```\n"
    changed = with_site_links(text, "docs/page.md", REPOSITORY)
    assert changed == text.replace("[a](..", f"[a]({REPOSITORY}/blob/main")


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = set(re.findall(r"(\S+\.md)$", navigation, re.MULTILINE))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert pages - {"README.md"} <= listed
