"""Everything that is compared on clips, each as a function from the frames of a clip to its frames.

Frames are uint8 H×W×3 BGR.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from comparison import ffmpeg

from footage.ffmpeg_clips import ClipFilter
from footage.vapoursynth_clips import PLUGINS, VapourSynthFilter, missing
from nitido.frames import Frame
from nitido.inference import alignment, clip, fusion, neighbours
from nitido.inference.model import Model, load

Restore = Callable[[Sequence[Frame]], list[Frame]]
THREADS = 2


@dataclass(frozen=True)
class Method:
    """open: makes the function, from a strength. start: the strength that is tried first, as a multiple of the level of
    the noise; 0: there is none to choose. least, most: what it takes. identity: changes when the results may."""

    name: str
    identity: str
    open: Callable[[float], Restore] = field(repr=False)
    start: float = 0.0
    least: float = 0.0
    most: float = 1e9


def untouched() -> Method:
    return Method("noisy", "1", lambda _: list)


def model_rows(name_or_path: str) -> list[Method]:
    """A model frame by frame, or recurrent with and without alignment; and with past and future."""
    with load(name_or_path, "cpu") as model:
        name, recurrent, path = model.card.name, model.recurrent, model.path
    plain, fused = (
        _digest([path]),
        _digest([path, *map(Path, (alignment.__file__, fusion.__file__, neighbours.__file__))]),
    )
    aligned = _digest([path, Path(alignment.__file__)]) if recurrent else plain
    rows = [(name, aligned, _stream)]
    if recurrent:
        rows.append((f"{name}, not aligned", plain, _unaligned))
    rows.append((f"{name}, past and future", fused, _clip))
    return [Method(row, digest, partial(_opened, name_or_path, how)) for row, digest, how in rows]


def _digest(paths: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def peers(vapoursynth: Path | None) -> tuple[list[Method], list[str]]:
    """Other tools that are at hand, and a line about each that is not."""
    found: list[Method] = []
    lines: list[str] = []
    program = ffmpeg.version()
    if program is None:
        lines.append(f"ffmpeg {', '.join(name for name, *_ in _FILTERS)}: no ffmpeg program")
    for name, chain, start, least, most in _FILTERS if program else ():
        identity = f"{program} {chain}"
        found.append(Method(f"ffmpeg {name}", identity, partial(_filter, chain), start, least, most))
    for name in PLUGINS:
        line = missing(vapoursynth, name)
        if line is not None or vapoursynth is None:
            lines.append(line or name)
            continue
        opened = partial(VapourSynthFilter, vapoursynth, name)
        found.append(Method(f"VapourSynth {name}", "1", opened, _PLUGIN_STARTS[name], 0.1))
    return found, lines


def _opened(name_or_path: str, how: Callable[[Model, Sequence[Frame]], list[Frame]], _strength: float) -> Restore:
    return partial(how, load(name_or_path, "cpu", threads=THREADS, spinning=False))


def _stream(model: Model, frames: Sequence[Frame]) -> list[Frame]:
    return list(model.stream(frames))


def _unaligned(model: Model, frames: Sequence[Frame]) -> list[Frame]:
    return list(model.stream(frames, align=False))


def _clip(model: Model, frames: Sequence[Frame]) -> list[Frame]:
    return list(clip.restore_clip(model, frames))


def _filter(chain: str, strength: float) -> Restore:
    return ClipFilter(chain.format(s=strength, a=min(strength / 255, 0.3), b=min(strength / 127, 5.0)))


_YUV, _RGB = "format=yuv444p", "format=gbrp"
_TEMPORAL = "atadenoise=0a={a:.4f}:0b={b:.4f}:1a={a:.4f}:1b={b:.4f}:2a={a:.4f}:2b={b:.4f}:s=9"
_HQDN3D_TEMPORAL = "hqdn3d=0.01:0.01:{s:.3f}:{s:.3f}"
_NLMEANS = "nlmeans={s:.3f}:pc=5:rc=9:p=5:r=9"
_DCT = "dctdnoiz={s:.3f}:n=4"
# Name, chain, first strength as a multiple of the noise, least and most that it takes.
_FILTERS = (
    ("hqdn3d", f"{_YUV},hqdn3d={{s:.3f}}:{{s:.3f}}:{{s:.3f}}:{{s:.3f}}", 1.5, 0.1, 250.0),
    ("hqdn3d, temporal", f"{_YUV},{_HQDN3D_TEMPORAL}", 2.0, 0.1, 250.0),
    ("atadenoise", f"{_YUV},{_TEMPORAL}", 2.0, 0.1, 76.0),
    ("nlmeans", f"{_YUV},{_NLMEANS}", 0.4, 1.0, 30.0),
    ("fftdnoiz", f"{_RGB},fftdnoiz={{s:.3f}}:prev=1:next=1", 1.0, 0.1, 100.0),
    ("dctdnoiz", f"{_RGB},{_DCT}", 0.8, 0.1, 900.0),
    ("bm3d", f"{_RGB},bm3d={{s:.3f}}:bstep=4:group=1", 4.0, 0.1, 900.0),
    ("dctdnoiz + atadenoise", f"{_RGB},{_DCT},{_YUV},{_TEMPORAL}", 0.6, 0.1, 76.0),
    ("hqdn3d + dctdnoiz", f"{_YUV},{_HQDN3D_TEMPORAL},{_RGB},{_DCT}", 0.6, 0.1, 250.0),
    ("nlmeans + atadenoise", f"{_YUV},{_NLMEANS},{_TEMPORAL}", 0.4, 1.0, 30.0),
)
_PLUGIN_STARTS = {"Degrain3": 40.0, "dfttest": 4.0}
