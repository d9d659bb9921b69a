"""The faster variants of a model that the ladder may step down to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from nitido.errors import NitidoError
from nitido.inference.model import Model
from nitido.inference.session import read_card
from nitido.model_file import zoo
from nitido.model_file.card import Card

_INT8 = ".int8"
_log = logging.getLogger(__name__)


def open_variants(name: str, device: str = "auto", *, threads: int | None = None, faster: bool = True) -> list[Model]:
    """The model ``name`` (a name or an .onnx file) and, with ``faster``, what is quicker and does the same: its
    ``.int8`` beside it, then smaller sizes of the same family, each before its own int8. Best first.

    Which ones are quicker is read from their cards before any is opened. On a GPU the int8 files are left out: they
    are made for CPUs. A variant that cannot be opened is logged and left out. Sessions do not spin between frames.
    Raises ``ModelNotFound``, ``CardMismatch`` or ``ProviderUnavailable``.
    """
    path = zoo.find(name)
    first = Model(path, device, threads=threads, spinning=False)
    variants = [first]
    for candidate in _candidates(path, first.device) if faster else []:
        try:
            card = read_card(candidate)
            if (card.task, card.scale) != (first.card.task, first.card.scale) or _work(card) > _work(first.card):
                continue
            variants.append(Model(zoo.find(candidate), first.device, threads=threads, spinning=False))
        except NitidoError as error:
            _log.warning("left out the variant %s: %s", candidate, error)
    return sorted(variants, key=lambda model: _work(model.card), reverse=True)


def _work(card: Card) -> float:
    """In proportion to the time of a frame: a multiplication in 8 bits takes half as long as one in float, or less."""
    return card.macs_per_pixel * (0.5 if card.precision == "int8" else 1.0)


def variant_names(models: Sequence[Model]) -> list[str]:
    """What to call the models, from their files: ``denoise-n``, ``denoise-n.int8``."""
    return [model.path.stem for model in models]


def _candidates(path: Path, device: str) -> list[str]:
    """Names or files to try: those in the indexes by name, so that their hash is checked."""
    stem = path.stem
    entries = {entry.path.resolve(): entry for entry in zoo.entries()}
    own = entries.get(path.resolve())
    beside = path.with_name(f"{stem}{_INT8}.onnx")
    found = [str(beside)] if own is None and beside.is_file() and not stem.endswith(_INT8) else []
    if own is not None:
        for entry in entries.values():
            alike = (entry.task, entry.scale, _family(entry.name)) == (own.task, own.scale, _family(own.name))
            if alike and entry.name != own.name:
                found.append(entry.name)
    if device != "cpu":
        found = [name for name in found if not name.removesuffix(".onnx").endswith(_INT8)]
    if stem.endswith(_INT8):  # who asks for int8 does not want to climb down to float
        found = [name for name in found if name.endswith(_INT8)]
    return found


def _family(name: str) -> str:
    """``upscale-x2`` of ``upscale-x2-n.int8``."""
    return name.removesuffix(_INT8).rpartition("-")[0]
