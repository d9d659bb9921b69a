"""What the pages for developers say of the code: paths and names exist, and the import order is the enforced one."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import import_module

import pytest

from support.paths import ROOT

PAGE = (ROOT / "docs/development/architecture.md").read_text(encoding="utf-8")
_PATH = re.compile(r"`((?:runtime|train|export|models|tests|benchmarks|samples|docs)/[^`\s*{]*)`")
_NAME = re.compile(r"`([A-Za-z_.]+)`")


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@cache
def sources() -> str:
    """All code of the three packages."""
    found = (path for package in ("runtime", "train", "export") for path in (ROOT / package).rglob("*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


@pytest.mark.parametrize("page", ["docs/development/architecture.md", "CONTRIBUTING.md"])
def test_every_path_exists(page: str) -> None:
    paths = _PATH.findall((ROOT / page).read_text(encoding="utf-8"))
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_every_place_to_look_has_the_names_it_is_said_to_have() -> None:
    table = rows("I want to change …")
    assert len(table) >= 25
    for wish, where, names in table:
        code = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in _PATH.findall(where))
        missing = [name for name in _NAME.findall(names) if not re.search(rf"^\s*(def|class)? ?{name}\b", code, re.M)]
        assert not missing, f"{wish}: {missing} not in {where}"


def test_every_word_of_the_vocabulary_is_in_the_code() -> None:
    for word, _, names in rows("Vocabulary"):
        assert _NAME.findall(names), word
        for name in _NAME.findall(names):
            last = name.rpartition(".")[2]
            assert re.search(rf"^\s*((def|class) {last}\b|{last}\b.*[:=])", sources(), re.M), f"{word}: {name}"


def test_the_import_order_is_the_enforced_one() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    enforced = {c["containers"][0]: c["layers"] for c in contracts if c.get("exhaustive")}
    written = {
        _NAME.findall(package)[0]: [" | ".join(_NAME.findall(layer)) for layer in order.split("→")]
        for package, order in rows("Packages and import order")
    }
    assert enforced
    for package, layers in enforced.items():
        assert written[package] == layers


def test_every_name_that_moved_is_where_the_changelog_says() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    moved = re.findall(r"^\| `nitido\.[^|]*\| `(nitido\.[\w.]+)`(.*)\|$", text, re.M)
    assert len(moved) >= 20
    for first, others in moved:
        module, _, name = first.rpartition(".")
        for each in (name, *_NAME.findall(others)):
            assert hasattr(import_module(module), each), f"{module}.{each}"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/development/adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert not [page.name for page in folder.glob("0*.md") if f"]({page.name})" not in index]
