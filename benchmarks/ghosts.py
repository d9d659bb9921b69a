"""Looks for ghosts of the past: what a model that remembers does just after something changed, compared with a model
that sees each frame alone.

    python benchmarks/ghosts.py --model denoise-live-n [--single denoise-camera-n.int8] [--strips FOLDER]

Three changes: a square passes, and its trail is looked at; a light is switched on; the scene is cut. For each of the
five frames from the change on it prints the PSNR of both in dB, and the difference; beyond -0.3 dB after three frames
counts as a ghost, and the exit code is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
from footage.clips import CONDITIONS

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.inference.clip import restore_clip
from nitido.inference.model import load
from nitido.system.files import write_whole
from nitido_train.evaluation.metrics import psnr

ROOT = Path(__file__).parents[1]
HEIGHT, WIDTH = 240, 320
BEFORE, AFTER = 14, 5  # frames
SIDE, STEP = 48, 8  # pixels: of the square, and its way from frame to frame
ALLOWED = -0.3  # dB
SETTLED = 3  # frames after the change

Regions = Sequence[tuple[slice, slice]]


class Change(NamedTuple):
    """clean: frames, of which the last ``AFTER`` come after the change. regions: what is looked at in each of these."""

    clean: list[Frame]
    regions: Regions


def passing_square(scene: Frame, _other: Frame) -> Change:
    """A square moves from left to right; the place that it just left is looked at."""
    count = BEFORE + AFTER
    frames = [scene.copy() for _ in range(count)]
    left = [STEP * (i + 1) for i in range(count)]
    rows = slice((HEIGHT - SIDE) // 2, (HEIGHT + SIDE) // 2)
    for frame, at in zip(frames, left, strict=True):
        frame[rows, at : at + SIDE] = (40, 200, 230)
    # One strip, uncovered in the first frame that is looked at, then 1 to 4 frames ago.
    strip = slice(left[BEFORE - 1], left[BEFORE])
    return Change(frames, [(rows, strip)] * AFTER)


def light(scene: Frame, _other: Frame) -> Change:
    """A light is switched on."""
    dark = np.asarray(np.rint(scene * 0.45), np.uint8)
    return Change([dark] * BEFORE + [scene] * AFTER, _whole())


def cut(scene: Frame, other: Frame) -> Change:
    """Another scene begins."""
    return Change([other] * BEFORE + [scene] * AFTER, _whole())


def _whole() -> Regions:
    return [(slice(None), slice(None))] * AFTER


CHANGES: dict[str, Callable[[Frame, Frame], Change]] = {"trail of a square": passing_square, "light": light, "cut": cut}


def scenes(paths: Sequence[Path]) -> tuple[Frame, Frame]:
    """The middles of two pictures, shrunk to the size of frames. Raises ``SourceUnavailable``."""
    found: list[Frame] = []
    for path in paths:
        picture = cv2.imread(str(path))
        if picture is None:
            raise SourceUnavailable(f"{path} is not a picture that can be read")
        found.append(np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
    return found[0], found[1]


def values(change: Change, outputs: Sequence[Frame]) -> list[float]:
    """PSNR in dB of the regions of the frames after the change."""
    pairs = zip(outputs[-AFTER:], change.clean[-AFTER:], change.regions, strict=True)
    return [psnr(out[region], clean[region]) for out, clean, region in pairs]


def strip(change: Change, rows: Iterable[Sequence[Frame]]) -> Frame:
    """A contact strip: the frames after the change, clean above the others."""
    return np.vstack([np.hstack(list(frames)[-AFTER:]) for frames in (change.clean, *rows)])


def _measure(
    restore: Callable[[Iterator[Frame]], Iterable[Frame]], single: Callable[[Frame], Frame], condition: str,
    pictures: tuple[Frame, Frame], strips: Path | None, title: str,
) -> Iterator[tuple[str, list[float], list[float]]]:  # fmt: skip
    for name, make in CHANGES.items():
        change, rng = make(*pictures), np.random.default_rng(5)
        degrade = CONDITIONS[condition](0)
        given = [degrade(frame, rng) for frame in change.clean]
        together, alone = list(restore(iter(given))), [single(frame) for frame in given]
        if strips:
            strips.mkdir(parents=True, exist_ok=True)
            _, data = cv2.imencode(".png", strip(change, (given, alone, together)))
            file = f"{title}-{condition}-{name}.png".replace(" ", "-").replace(",", "")
            write_whole(strips / file, data.tobytes())
        yield name, values(change, alone), values(change, together)


@click.command(context_settings={"show_default": True})
@click.option("--model", default="denoise-live-n", help="Recurrent model, name or file.")
@click.option("--single", default="denoise-camera-n.int8", help="Model that sees each frame alone.")
@click.option(
    "--picture", "pictures", type=click.Path(path_type=Path, exists=True), multiple=True, nargs=2,
    default=[(ROOT / "samples" / "astronaut.webp", ROOT / "samples" / "coffee.webp")], help="Two scenes; repeatable.",
)  # fmt: skip
@click.option("--conditions", default="camera mid, JPEG 85;σ 25", help="Kinds of noise, separated by ;.")
@click.option("--strips", type=click.Path(path_type=Path), help="Folder for contact strips.")
@click.option("--temporal", is_flag=True, help="Look at past and future instead of a stream.")
def main(
    model: str, single: str, pictures: tuple[tuple[Path, Path], ...], conditions: str, strips: Path | None,
    temporal: bool,
) -> None:  # fmt: skip
    ghosts = 0
    with load(model, "cpu") as remembering, load(single, "cpu") as alone:
        restore = remembering.stream
        if temporal:
            restore = lambda frames: restore_clip(remembering, frames)  # noqa: E731
        for pair in pictures:
            for condition in conditions.split(";"):
                both = scenes(pair)
                for name, was, now in _measure(restore, alone, condition, both, strips, pair[0].stem):
                    gains = [b - a for a, b in zip(was, now, strict=True)]
                    ghost = any(gain < ALLOWED for gain in gains[SETTLED:])
                    ghosts += ghost
                    shown = "  ".join(f"{b:6.2f} ({g:+.2f})" for b, g in zip(now, gains, strict=True))
                    print(f"{pair[0].stem:12} {condition:22} {name:18} {shown}{'  ghost' if ghost else ''}", flush=True)
    raise SystemExit(1 if ghosts else 0)


if __name__ == "__main__":
    main()
