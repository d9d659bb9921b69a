"""The shipped networks from frame to frame, each in float32, float16 and 8 bits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nitido.model_file import zoo
from nitido_export.draft import ReleaseInfo, draft
from nitido_train.checkpoint import load_checkpoint

PRECISIONS = ("fp32", "fp16", "int8")
INT8 = ".int8"
CHECKPOINTS = Path(__file__).parents[2] / "models" / "checkpoints"


@dataclass(frozen=True)
class Network:
    """name: of the float model. default: whether it is what its task gets when no model is named."""

    name: str
    default: bool

    def file(self, precision: str, halves: Path) -> Path:
        """The model file. halves: folder of float16 files, which is filled as they are asked for.

        Raises ``ModelNotFound``, ``CheckpointError``, ``ExportError``.
        """
        if precision == "fp16":
            return _half(self.name, halves)
        return zoo.find(self.name + (INT8 if precision == "int8" else ""))


def networks() -> list[Network]:
    """All that are shipped, the default ones and the recurrent one first: with little time, these are measured."""
    known = [entry for entry in zoo.entries() if entry.takes_frames]
    chosen = {entry.name.removesuffix(INT8) for entry in known if entry.default}
    entries = [entry for entry in known if not entry.name.endswith(INT8)]
    found = [Network(entry.name, entry.name in chosen or "live" in entry.name) for entry in entries]
    return sorted(found, key=lambda network: not network.default)


def _half(name: str, folder: Path) -> Path:
    """Float16 files are not shipped: they gain nothing on a CPU. They are made from checkpoints, with a certificate."""
    checkpoint = CHECKPOINTS / f"{name}.pt"
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest() if checkpoint.is_file() else "missing"
    target = folder / f"{name}.fp16-{digest[:12]}.onnx"
    if not target.is_file():
        loaded = load_checkpoint(checkpoint)
        info = ReleaseInfo(loaded.licence or "not stated", loaded.data or "not stated")
        made = draft(loaded.frame_net(), loaded, f"{name}.fp16", info, "fp16")
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(made.to_bytes())
        partial.replace(target)
    return target
