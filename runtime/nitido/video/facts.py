"""Metadata of a file and its tracks: titles, dates, places, languages; and what of it is missing in the result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nitido.video.library import load_av, open_input

# Facts about the container and the program that wrote it, not about the contents.
_TECHNICAL = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"),
    "com.android.version",
)
# Names that phones use, and the names in other containers.
_PHONES = {
    "com.apple.quicktime.location.iso6709": "location",
    "com.apple.quicktime.creationdate": "date",
    "com.apple.quicktime.make": "make",
    "com.apple.quicktime.model": "model",
    "com.apple.quicktime.title": "title",
}
# These languages have two codes, and QuickTime knows the second one.
_CODES = """
sqi alb hye arm eus baq mya bur zho chi cze ces nld dut kat geo deu ger ell gre isl ice mkd mac msa may fas per rum ron
slo slk bod tib cym wel fre fra
"""
_QUICKTIME: dict[str, str] = dict(zip(_CODES.split()[::2], _CODES.split()[1::2], strict=True))


def facts_of(container: Any) -> dict[str, str]:
    """Metadata of the whole file. The common names are added to those of phones."""
    facts = {
        key: value
        for key, value in container.metadata.items()
        if key.lower() not in _TECHNICAL and not value.startswith("Lavf")  # FFmpeg's name for itself
    }
    for key, value in container.metadata.items():
        if (other := _PHONES.get(key.lower())) is not None:
            facts.setdefault(other, value)
    return facts


def language_for(suffix: str, language: str) -> str:
    """The code of a language in files of that suffix."""
    return _QUICKTIME.get(language, language) if suffix == ".mov" else language


def lost_facts(path: Path, facts: Mapping[str, str], languages: Mapping[int, str]) -> list[str]:
    """The names of ``facts``, and the ``languages`` of streams by index, that are missing in a finished file."""
    try:
        with open_input(path) as container:
            found = {key.lower(): value.strip() for key, value in container.metadata.items()}
            spoken = {stream.index: stream.language for stream in container.streams}
    except (load_av().error.FFmpegError, OSError):
        return []  # the check of its frames reports it
    kept = {*found.values(), ""}
    asked = {key: value.strip() for key, value in facts.items() if key.lower() not in _PHONES}
    lost = {key for key, value in asked.items() if key.lower() not in found and value not in kept}
    silent = {language for index, language in languages.items() if language != "und" and spoken.get(index) != language}
    return [*sorted(lost), *(f"language {language}" for language in sorted(silent))]
