"""Finding the two halves of a latent model, which are files of their own: ``NAME.encoder`` and ``NAME.decoder``."""

from __future__ import annotations

import os
from pathlib import Path

from nitido.errors import CardMismatch, ModelNotFound
from nitido.model_file import zoo

TASKS = {"encoder": "encode", "decoder": "decode"}


def find_part(name_or_path: str | Path, part: str) -> Path:
    """The file of the ``encoder`` or ``decoder`` of a model given as for :func:`load_encoder`.

    Raises ``ModelNotFound`` when there is none, ``CardMismatch`` when the model at hand is of another kind.
    """
    given = str(name_or_path)
    if given.endswith(".onnx") or os.sep in given:
        file = Path(given)
        wanted = file.with_name(_part_name(file.name.removesuffix(".onnx"), part) + ".onnx")
        if wanted.is_file():
            return wanted
        if file.is_file() and f".{_other(part)}" not in file.name:
            return file  # under a name of its own; its card tells what it is
        raise ModelNotFound(f"no such model file: {wanted}; {at_hand(part)}")
    name, known = _part_name(given, part), {entry.name: entry for entry in zoo.entries()}
    try:
        return zoo.find(name)
    except ModelNotFound:
        if name in known:
            raise  # in the index and not in the folder
        if given in known:
            raise CardMismatch(
                f"{given} is a model for '{known[given].task}' and has no {part}; {at_hand(part)}"
            ) from None
        raise ModelNotFound(f"no {part} of a model named '{given}'; {at_hand(part)}") from None


def default_name() -> str:
    """The name of the latent model to take when none is given: the index's default encoder, else its first. Raises
    ``ModelNotFound`` when no encoder is installed."""
    found = [entry for entry in zoo.entries() if entry.task == TASKS["encoder"]]
    if not found:
        raise ModelNotFound(f"no latent model is installed: {at_hand('encoder')}")
    return next((entry for entry in found if entry.default), found[0]).name.removesuffix(".encoder")


def _part_name(name: str, part: str) -> str:
    if f".{_other(part)}" in name:
        return name.replace(f".{_other(part)}", f".{part}")
    return name if f".{part}" in name else f"{name}.{part}"


def _other(part: str) -> str:
    return "decoder" if part == "encoder" else "encoder"


def at_hand(part: str) -> str:
    """Which latent models have that part, for the end of a message."""
    names = [entry.name.removesuffix(f".{part}") for entry in zoo.entries() if entry.task == TASKS[part]]
    return f"models at hand with one: {', '.join(names) or 'none; train one, or point NITIDO_MODELS at a folder'}"
