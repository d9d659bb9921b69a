"""Files of the explorer's page: its scripts, the decoders, and facts about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nitido.errors import CardMismatch
from nitido.latent.space import LatentSpace
from nitido.model_file.card import Card
from nitido.model_file.properties import read_properties
from nitido.model_file.zoo import PARTS, find_part, parts_at_hand
from nitido.web.files import Made, Served
from nitido.web.onnxruntime_web import engine_facts
from nitido.web.server import pages

MODELS = ("vae-digits", "cvae-digits", "vae-emoji", "vae-melody", "aae-digits", "autoencoder-digits")
"""Default models of the app: those that are shipped. The first one is shown at the start."""


class Explorable(Protocol):
    """A decoder for the browser, such as an opened :class:`~nitido.latent.autoencoder.Decoder`."""

    @property
    def path(self) -> Path: ...

    @property
    def card(self) -> Card: ...

    @property
    def space(self) -> LatentSpace: ...


@dataclass(frozen=True)
class DecoderFile:
    """A decoder's file and the facts on its card, without a session on this machine."""

    path: Path
    card: Card
    space: LatentSpace


def find_decoders(names: Sequence[str]) -> list[DecoderFile]:
    """Decoders by name or file. Raises ``ModelNotFound``, or ``CardMismatch`` for another kind of model."""
    found: list[DecoderFile] = []
    for name in names:
        path = find_part(name, "decoder")
        card = Card.from_metadata(read_properties(path.read_bytes()), str(path))
        if card.task != PARTS["decoder"]:
            raise CardMismatch(
                f"{path} is a model for '{card.task}', expected the decoder of a latent model; "
                f"{parts_at_hand('decoder')}"
            )
        found.append(DecoderFile(path, card, LatentSpace.of(card, str(path))))
    return found


def space_facts(decoder: Explorable) -> dict[str, object]:
    """Facts about a decoder for the page, as plain values."""
    space = decoder.space
    return {
        "name": space.name,
        "summary": decoder.card.summary,
        "kind": space.kind,
        "medium": space.medium,
        "size": space.size,
        "height": space.height,
        "width": space.width,
        "steps": space.steps,
        "steps_per_beat": space.steps_per_beat,
        "lowest": space.lowest,
        "pitches": space.pitches,
        "labels": list(space.labels),
        "mean": space.mean.tolist(),
        "std": space.std.tolist(),
        "normal": space.normal,
        "file": decoder.path.name,
        "bytes": decoder.path.stat().st_size,
    }


def decoder_files(decoders: Sequence[Explorable], problem: str = "") -> dict[str, Served]:
    """The decoders and ``latents.json``, by address. problem: why the engine is missing."""
    models = [space_facts(decoder) for decoder in decoders]
    facts = {"models": models, "engine": None if problem else engine_facts(), "problem": problem}
    files = [Made(decoder.path.name, decoder.path.read_bytes()) for decoder in decoders]
    return {**{f"models/{file.name}": file for file in files}, "latents.json": Made.json("latents.json", facts)}


def page_scripts() -> dict[str, Served]:
    """The page's scripts and style sheet, by address."""
    return {file.name: file for file in (pages() / "explore").iterdir() if not file.name.endswith(".html")}
