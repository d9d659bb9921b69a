"""Finds model files by name: shipped models, and those in the folders of ``NITIDO_MODELS``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from nitido.errors import CardMismatch, ModelNotFound
from nitido.wording import did_you_mean

INDEX = "index.json"
ENVIRONMENT = "NITIDO_MODELS"
FILES = (".onnx", ".ort")
DEJPEG_MODEL = "dejpeg-n"
"""The model that removes JPEG artefacts unless another is chosen."""
PARTS = {"encoder": "encode", "decoder": "decode"}
"""The tasks of the two parts of a latent model, which are separate files: ``NAME.encoder`` and ``NAME.decoder``."""


@dataclass(frozen=True)
class Entry:
    """One model in an index. ``default``: the task's name means this model at its scale. ``sha256``: of the file."""

    name: str
    path: Path
    task: str
    scale: int
    summary: str
    sha256: str
    default: bool

    @property
    def takes_frames(self) -> bool:
        """Whether it is a model from frame to frame, not a part of an autoencoder."""
        return self.task not in PARTS.values()


def shipped_folder() -> Path | None:
    """The folder of models in the package, or that of the checkout; ``None`` if there is neither."""
    here = Path(__file__)
    inside, checkout = here.parents[1] / "models", here.resolve().parents[3] / "models"
    return next((folder for folder in (inside, checkout) if (folder / INDEX).is_file()), None)


def entries() -> list[Entry]:
    """All indexed models, those of ``NITIDO_MODELS`` first."""
    found: list[Entry] = []
    for folder in folders():
        index = folder / INDEX
        if not index.is_file():
            continue
        try:
            rows = json.loads(index.read_text(encoding="utf-8"))["models"]
            found += [Entry(path=folder / row.pop("file"), **row) for row in rows]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CardMismatch(
                f"{index} is not a model index ({error}); run 'nitido export' again or reinstall"
            ) from error
    return found


def find(name: str, scale: int | None = None) -> Path:
    """Path of a model file from a path, a model's name (``denoise-n``) or a task's (``denoise``, ``upscale``). A path
    ends in .onnx or .ort or contains a separator.

    scale: of the default model for a task's name; by default the smallest available one.

    Raises ``ModelNotFound`` if there is no such model, or for an autoencoder, which has two files; ``CardMismatch`` if
    a shipped file differs from the one in its index.
    """
    if name.endswith(FILES) or os.sep in name or (os.altsep and os.altsep in name):
        path = Path(name)
        if not path.is_file():
            raise ModelNotFound(f"no such model file: {name}; 'nitido models' lists those at hand")
        return path
    known = entries()
    alike = sorted((e for e in known if e.task == name and e.default), key=lambda e: e.scale)
    chosen = [e for e in known if e.name == name] or [e for e in alike if scale in (None, e.scale)]
    if chosen:
        _check(chosen[0])
        return chosen[0].path
    for folder in folders():
        if (folder / f"{name}.onnx").is_file():
            return folder / f"{name}.onnx"
    if parts := _halves(name, known):
        raise ModelNotFound(f"{name} is not one file: its parts are {' and '.join(parts)}; name one of them")
    if alike:
        scales = ", ".join(f"×{e.scale}" for e in alike)
        raise ModelNotFound(f"no model for '{name}' ×{scale}: there are {scales}; or name a model file with --model")
    near = did_you_mean(name, [*model_names(known), *latent_names(known), *(p.name for p in Path().glob("*.onnx"))])
    if near:
        raise ModelNotFound(f"no model named '{name}'{near} 'nitido models' lists those at hand")
    names = ", ".join(e.name for e in known) or "none installed"
    raise ModelNotFound(f"no model named '{name}': expected an .onnx or .ort file, or one of: {names}")


def family(task: str) -> dict[int, Entry]:
    """The default models for the task's name, by scale."""
    found: dict[int, Entry] = {}
    for entry in entries():
        if entry.task == task and entry.default:
            found.setdefault(entry.scale, entry)
    return found


def find_part(name_or_path: str | Path, part: str) -> Path:
    """The file of the ``encoder`` or ``decoder`` of a model by name or file. For a name that is neither in an index nor
    in a folder of ``NITIDO_MODELS``, it is the file in the current folder: ``NAME.encoder.onnx``.

    Raises ``ModelNotFound`` if there is no such file, ``CardMismatch`` if the model is of another kind.
    """
    given = str(name_or_path)
    if given.endswith(".onnx") or os.sep in given:
        file = Path(given)
        wanted = file.with_name(_part_name(file.name.removesuffix(".onnx"), part) + ".onnx")
        if wanted.is_file():
            return wanted
        if file.is_file() and f".{_other(part)}" not in file.name:
            return file  # a file with another name; its card says what it is
        raise ModelNotFound(f"no such model file: {wanted}; {parts_at_hand(part)}")
    name, known = _part_name(given, part), {entry.name: entry for entry in entries()}
    try:
        return find(name)
    except ModelNotFound:
        if name in known:
            raise  # in the index and not in the folder
        here = Path(f"{name}.onnx")
        if here.is_file():
            return here
        if given in known:
            raise CardMismatch(
                f"{given} is a model for '{known[given].task}' and has no {part}; {parts_at_hand(part)}"
            ) from None
        near = did_you_mean(given, latent_names(list(known.values()))) or ";"
        raise ModelNotFound(f"no {part} of a model named '{given}'{near} {parts_at_hand(part)}") from None


def model_names(known: Iterable[Entry], tasks: Collection[str] = ()) -> list[str]:
    """The names of indexed models that :func:`find` takes: the models' names, and the tasks with a default model.
    tasks: only models for these; empty: all."""
    chosen = [entry for entry in known if not tasks or entry.task in tasks]
    return sorted({e.name for e in chosen} | {e.task for e in chosen if e.default and e.takes_frames})


def latent_names(known: Iterable[Entry]) -> list[str]:
    """The names of indexed latent models, without the part."""
    return sorted({e.name.removesuffix(f".{part}") for e in known for part, task in PARTS.items() if e.task == task})


def default_latent_model() -> str:
    """The name of the default latent model: the index's default encoder, or else its first. Raises
    ``ModelNotFound`` when no encoder is installed."""
    found = [entry for entry in entries() if entry.task == PARTS["encoder"]]
    if not found:
        raise ModelNotFound(f"no latent model is installed: {parts_at_hand('encoder')}")
    return next((entry for entry in found if entry.default), found[0]).name.removesuffix(".encoder")


def parts_at_hand(part: str) -> str:
    """The latent models with that part, for the end of a message."""
    names = [entry.name.removesuffix(f".{part}") for entry in entries() if entry.task == PARTS[part]]
    return f"models at hand with one: {', '.join(names) or 'none; train one, or point NITIDO_MODELS at a folder'}"


def _part_name(name: str, part: str) -> str:
    if f".{_other(part)}" in name:
        return name.replace(f".{_other(part)}", f".{part}")
    return name if f".{part}" in name else f"{name}.{part}"


def _other(part: str) -> str:
    return "decoder" if part == "encoder" else "encoder"


def _halves(name: str, known: list[Entry]) -> list[str]:
    """Names of the encoder and the decoder of an autoencoder, shipped or of the user."""
    halves = (f"{name}.encoder", f"{name}.decoder")
    indexed = {entry.name for entry in known}
    return [half for half in halves if half in indexed or any((f / f"{half}.onnx").is_file() for f in folders())]


def folders() -> list[Path]:
    """The folders with models: those of ``NITIDO_MODELS``, then the shipped one."""
    extra = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    shipped = shipped_folder()
    return extra + ([shipped] if shipped else [])


def _check(entry: Entry) -> None:
    if not entry.path.is_file():
        raise ModelNotFound(f"{entry.path} is in the index but missing; reinstall nitido")
    digest = hashlib.sha256(entry.path.read_bytes()).hexdigest()
    if digest != entry.sha256:
        raise CardMismatch(f"{entry.path} is damaged: its SHA-256 is not the one in {INDEX}; reinstall nitido")
