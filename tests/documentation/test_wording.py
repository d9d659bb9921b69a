"""Words that docs/development/writing.md replaces do not come back into text: pages, help, messages, comments."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.paths import ROOT

_AVOIDED = re.compile(
    r"\b(mend(?:s|ed|ing)?|anew|unheard|beside|told|tells?|by (?:itself|themselves)|what else there is)\b"
    r"|\b(cut short|stumbl(?:es?|ing)|put(?:s|ting)? up|what became of|that people have|once and for all)\b"
    r"|(?<!there )\b(?:is|are|was|were) no (?!longer)",
    re.IGNORECASE,
)
# What the words mean elsewhere: keys of recipes, a tensor of shipped graphs, and the guide itself.
_ALLOWED = re.compile(
    r"`noise\.told(?:_error)?`|``noise\.told``|told(?:_error)? ?=|^\s*told: |told: noise levels"
    r"|\{self\.told(?:_error)?\}|\{way\}\.told"
)
_SKIPPED = {"docs/development/writing.md"}
PAGES = [
    *ROOT.glob("*.md"),
    *(page for folder in ("docs", "samples", "models") for page in (ROOT / folder).rglob("*.md")),
]
CODE = [
    path for folder in ("runtime", "train", "export", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")
]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of a page, or of the strings and comments of a program."""
    text = path.read_text(encoding="utf-8")
    if not _AVOIDED.search(text):
        return
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield from enumerate(token.string.splitlines(), token.start[0])


def avoided(path: Path) -> list[str]:
    name = path.relative_to(ROOT).as_posix()
    found = [(number, line) for number, line in prose(path) if _AVOIDED.search(_ALLOWED.sub("", line))]
    return [f"{name}:{number}: {line.strip()}" for number, line in found]


@pytest.mark.parametrize("kind", [PAGES, CODE], ids=["pages", "code"])
def test_no_word_that_the_guide_replaces(kind: list[Path]) -> None:
    paths = [path for path in kind if path.relative_to(ROOT).as_posix() not in _SKIPPED]
    assert len(paths) > 20
    assert [line for path in paths for line in avoided(path)] == []


def test_the_words_are_those_of_the_guide() -> None:
    table = (ROOT / "docs/development/writing.md").read_text(encoding="utf-8").partition("## Words")[2]
    for word in ("mend", "tell", "anew", "beside", "is no …", "told", "by itself"):
        assert f"| {word} |" in table, word
