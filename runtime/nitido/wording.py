"""Wording of numbers and suggestions in messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_IRREGULAR = {"anomaly": "anomalies", "is": "are", "was": "were", "has": "have"}


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2 good pictures``: the last word of ``noun`` is the one that changes."""
    return f"{number} {plural(number, noun)}"


def plural(number: int, word: str) -> str:
    """A noun, or one of the verbs is, was and has, in the form for ``number``."""
    if number == 1:
        return word
    *before, last = word.split(" ")
    return " ".join([*before, _IRREGULAR.get(last, f"{last}s")])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean denoise-n or denoise-m?`` for the end of a message; empty when nothing is similar."""
    close = get_close_matches(name, sorted(set(known)))
    return f"; did you mean {' or '.join(close)}?" if close else ""
