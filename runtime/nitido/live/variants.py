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
# Families of recurrent models, and the corresponding families for single frames, which need less work.
_SINGLE = {"denoise-live": "denoise-camera"}
_log = logging.getLogger(__name__)


def open_variants(name: str, device: str = "auto", *, threads: int | None = None, faster: bool = True) -> list[Model]:
    """Opens a model and faster ones that do the same, best first.

    After the model come its ``.int8`` file and then smaller sizes of the same family, each before its own ``.int8``
    file. After recurrent models come models of single frames that are faster than the whole family. On a GPU the int8
    files are left out, because they are made for CPUs. A variant that cannot be opened is logged and left out.

    Args:
        name: name or file of the model.
        device: as for :func:`nitido.load`.
        threads: CPU threads of one operator.
        faster: whether faster models are opened too.

    Raises:
        ModelNotFound: there is no such name or file.
        CardMismatch: the file is not a Nítido model from frame to image.
        ProviderUnavailable: the device cannot be used.
    """
    path = zoo.find(name)
    first = Model(path, device, threads=threads, spinning=False)
    variants = [first]
    own, others = _candidates(path, first.device) if faster else ([], [])
    for candidates in (own, others):
        # Models of another family must be faster than the last one of the first family; those of the same family must
        # be faster than its first one.
        most = _work(first.card) if candidates is own else min(_work(model.card) for model in variants)
        found: list[Model] = []
        for candidate in candidates:
            try:
                card = read_card(candidate)
                if (card.task, card.scale) != (first.card.task, first.card.scale) or _work(card) > most:
                    continue
                found.append(Model(zoo.find(candidate), first.device, threads=threads, spinning=False))
            except NitidoError as error:
                _log.warning("left out the variant %s: %s", candidate, error)
        variants += sorted(found, key=lambda model: _work(model.card), reverse=True)
    return variants


def _work(card: Card) -> float:
    """A value proportional to the time of a frame. A multiplication in 8 bits takes half as long as one in float, or
    less."""
    return card.macs_per_pixel * (0.5 if card.precision == "int8" else 1.0)


def variant_names(models: Sequence[Model]) -> list[str]:
    """Names of the models, from their files: ``denoise-n``, ``denoise-n.int8``."""
    return [model.path.stem for model in models]


def _candidates(path: Path, device: str) -> tuple[list[str], list[str]]:
    """Names or files to try, of the same family and of the one below it. Indexed models are tried by name, so that
    their hash is checked."""
    stem = path.stem
    entries = {entry.path.resolve(): entry for entry in zoo.entries()}
    own = entries.get(path.resolve())
    beside = path.with_name(f"{stem}{_INT8}.onnx")
    found = [str(beside)] if own is None and beside.is_file() and not stem.endswith(_INT8) else []
    others: list[str] = []
    if own is not None:
        family = _family(own.name)
        for entry in entries.values():
            if (entry.task, entry.scale) != (own.task, own.scale) or entry.name == own.name:
                continue
            if _family(entry.name) == family:
                found.append(entry.name)
            elif _family(entry.name) == _SINGLE.get(family):
                others.append(entry.name)

    def fits(name: str) -> bool:
        is_int8 = name.removesuffix(".onnx").endswith(_INT8)
        # A user who asks for int8 does not want float variants.
        return is_int8 if stem.endswith(_INT8) else device == "cpu" or not is_int8

    return [name for name in found if fits(name)], [name for name in others if fits(name)]


def _family(name: str) -> str:
    """``upscale-x2`` of ``upscale-x2-n.int8``."""
    return name.removesuffix(_INT8).rpartition("-")[0]
