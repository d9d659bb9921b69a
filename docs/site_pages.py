"""A hook of MkDocs: the site has pages from outside docs/ too, and links work there as they do on GitHub.

Pages keep relative links, or in README.md, which PyPI shows, absolute ones into the repository. Both lead to a page of
the site where there is one, else to the file in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
# Files of the repository by their path in it, and where the site has them.
PAGES = {
    "README.md": "index.md",
    "docs/README.md": "contents.md",
    "CONTRIBUTING.md": "development/contributing.md",
    "CHANGELOG.md": "changelog.md",
    "models/README.md": "reference/models.md",
}
PICTURES = "models/pictures/"
_CODE_OR_LINK = re.compile(
    r"^```.*?^```$|`[^`\n]*`|(?P<open>\]\(|src(?:set)?=\")(?P<link>[^)\"\s]+)", re.DOTALL | re.MULTILINE
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and pictures from outside docs/."""
    found = {**PAGES, **{path: path for path in _pictures()}}
    for path, place in found.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Repoints the links of a page."""
    place = page.file.src_uri
    source = next((path for path, other in PAGES.items() if other == place), f"docs/{place}")
    return with_site_links(markdown, source, config.repo_url or "")


def with_site_links(markdown: str, source: str, repository: str) -> str:
    """The text of a page with links as the site needs them.

    source: path of the page in the repository. repository: its address.
    """

    def repoint(match: re.Match[str]) -> str:
        link = match["link"]
        return match[0] if link is None else match["open"] + site_link(link, source, repository)

    return _CODE_OR_LINK.sub(repoint, markdown)


def site_link(link: str, source: str, repository: str) -> str:
    """Where a link of the page ``source`` leads on the site; both as paths in the repository."""
    path, hash_sign, anchor = link.partition("#")
    target = _in_repository(path, source, repository)
    if target is None:
        return link
    place = _place(target)
    if place is None:
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{repository}/{kind}/main/{target}{hash_sign}{anchor}"
    here = _place(source) or source
    return posixpath.relpath(place, posixpath.dirname(here) or ".") + hash_sign + anchor


def _in_repository(path: str, source: str, repository: str) -> str | None:
    """The file that a link names, as a path in the repository; ``None`` for another place on the web."""
    if inside := re.match(rf"{re.escape(repository)}/(?:blob|tree|raw)/main/(.+)", path):
        return inside[1]
    if not path or re.match(r"[a-z]+:", path):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path))


def _place(path: str) -> str | None:
    """Where the site has a file of the repository, or ``None``."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith(PICTURES):
        return path
    return path.removeprefix("docs/") if path.startswith("docs/") and not path.endswith((".py", ".json")) else None


def _pictures() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / PICTURES).iterdir())
