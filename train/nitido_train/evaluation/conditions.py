"""Defines how each task is measured: how clean frames are degraded, and how results are scored.

Validation during a training, evaluation of a model file and benchmarks all get their frames here. A degraded frame
depends only on the degradation and on its position in the test set, so all of them measure the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nitido.calibration.pairs import CLEAN, NOISY
from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido_train.data import defects, degrade, developed, shrinking
from nitido_train.data.pictures import find_pictures, read_frame
from nitido_train.evaluation.metrics import score
from nitido_train.recipe.schema import DefectRecipe, Recipe

JPEG_QUALITIES = (10, 20, 40, 75, 90)


@dataclass(frozen=True)
class Degradation:
    """One way of degrading clean frames.

    name: as in cards.
    key: as in the validation figures of a training.
    apply: from (clean frame, its position in the test set) to the degraded frame.
    """

    name: str
    key: str
    apply: Callable[[Frame, int], Frame]


@dataclass(frozen=True)
class Condition:
    """A set of frames under one degradation.

    name, key: see :class:`Degradation`.
    given: inputs of the model.
    clean: frames to compare the results with.
    scale: size of a result relative to its input.
    meant: whether the network was made for this degradation.
    """

    name: str
    key: str
    given: list[Frame]
    clean: list[Frame]
    scale: int = 1
    meant: bool = True

    @property
    def metric(self) -> str:
        return "PSNR" if self.scale == 1 else "PSNR-Y"

    def baseline(self, given: Frame) -> Frame:
        """The result without a model: the degraded frame itself, or its bicubic enlargement."""
        return given if self.scale == 1 else degrade.enlarge(given, self.scale)

    def measure(self, restore: Callable[[Frame], Frame]) -> float:
        """Mean score in dB of ``restore`` over the frames."""
        pairs = zip(self.given, self.clean, strict=True)
        return float(np.mean([score(restore(given), clean, self.scale) for given, clean in pairs]))

    def part(self, every: int, side: int) -> Condition:
        """The upper left corner, ``side`` clean pixels wide and high, of every ``every``-th frame: enough for a
        ranking."""

        def cut(frames: list[Frame], side: int) -> list[Frame]:
            return [frame[..., :side, :side, :] for frame in frames[::every]]

        return replace(self, given=cut(self.given, side // self.scale), clean=cut(self.clean, side))


def white_noise() -> list[Degradation]:
    """Gaussian noise of the standard deviations at which denoisers are compared."""

    def at(sigma: int) -> Callable[[Frame, int], Frame]:
        return lambda frame, position: degrade.gaussian_at(frame, position, sigma)

    return [Degradation(f"gaussian sigma {sigma}", f"s{sigma}", at(sigma)) for sigma in degrade.SIGMAS]


def camera_noise() -> list[Degradation]:
    """The noise of a camera at the exposures at which denoisers are compared."""

    def at(camera: str) -> Callable[[Frame, int], Frame]:
        return lambda frame, position: degrade.camera_noise_at(frame, position, camera)

    return [Degradation(f"camera noise, {name}", name, at(name)) for name in degrade.CAMERAS]


def developed_noise() -> list[Degradation]:
    """Noise of developed files, at the settings at which denoisers are validated."""

    def at(setting: str) -> Callable[[Frame, int], Frame]:
        return lambda frame, position: developed.developed_noise_at(frame, position, setting)

    return [Degradation(f"developed noise, {name}", name, at(name)) for name in developed.DEVELOPED]


def drawn_defects(recipe: DefectRecipe) -> Degradation:
    """Defects on every frame. Cards and histories call them blots."""
    return Degradation("blots", "blots", lambda frame, position: defects.defects_at(frame, position, recipe))


def bicubic(scale: int) -> Degradation:
    """Antialiased bicubic shrinking. H and W must be multiples of ``scale``."""
    return Degradation(f"bicubic x{scale}", "y", lambda frame, _: degrade.shrink(frame, scale))


def jpeg() -> list[Degradation]:
    """JPEG of several qualities, with colour at half the size. The level is not given."""

    def at(quality: int) -> Callable[[Frame, int], Frame]:
        return lambda frame, _: degrade.compress(frame, quality)

    return [Degradation(f"JPEG {quality}", f"q{quality}", at(quality)) for quality in JPEG_QUALITIES]


def found_shrinking(scale: int) -> list[Degradation]:
    """Shrinking as programs do it, and JPEG after it. H and W must be multiples of ``scale``."""

    def by(kernel: str, quality: int | None) -> Callable[[Frame, int], Frame]:
        return lambda frame, _: shrinking.shrink_by(kernel, frame, scale, quality)

    return [
        Degradation(f"{kernel} x{scale}" + (f", JPEG {quality}" if quality else ""), key, by(kernel, quality))
        for kernel, quality, key in (
            ("bicubic", None, "y"),
            ("area", None, "area"),
            ("Lanczos", None, "lanczos"),
            ("unfiltered cubic", None, "cubic"),
            ("bicubic", 75, "y75"),
            ("area", 75, "area75"),
        )
    ]


def conditions(
    task: str, scale: int, clean: Sequence[Frame], *, purpose: str = "plain", drawn: DefectRecipe | None = None
) -> list[Condition]:
    """The conditions that models of a task are measured under.

    purpose: see :attr:`nitido_train.recipe.schema.Recipe.purpose`. Denoising: white noise. A ``camera`` model is
    measured on camera noise first; white noise is not what it is made for. Reconstruction: the defects that ``drawn``
    describes, or else the default ones. Upscaling: bicubic shrinking, of frames cropped to a multiple of ``scale``;
    with purpose ``found`` also other kernels and JPEG.
    """
    whole = [degrade.crop_to_multiple(frame, scale) for frame in clean]

    def under(degradation: Degradation, *, meant: bool = True) -> Condition:
        given = [degradation.apply(frame, position) for position, frame in enumerate(whole)]
        return Condition(degradation.name, degradation.key, given, whole, scale, meant)

    if purpose == "jpeg":
        return [under(degradation) for degradation in jpeg()]
    if task == "denoise":
        white = [under(noise, meant=purpose != "camera") for noise in white_noise()]
        return [under(noise) for noise in camera_noise()] + white if purpose == "camera" else white
    if purpose == "found":
        return [under(degradation) for degradation in found_shrinking(scale)]
    return [under(drawn_defects(drawn or DefectRecipe()) if task == "reconstruct" else bicubic(scale))]


def validation_conditions(recipe: Recipe, clean: Sequence[Frame]) -> list[Condition]:
    """The conditions that a training is validated under: those of its task. For a denoiser that learns developed noise,
    they are the noise of sensors and of developed files."""
    if recipe.noise is None or not recipe.noise.developed:
        purpose = "plain" if recipe.purpose == "camera" else recipe.purpose
        return conditions(recipe.task, recipe.scale, clean, purpose=purpose, drawn=recipe.blots)
    frames = list(clean)
    return [
        Condition(noise.name, noise.key, [noise.apply(frame, i) for i, frame in enumerate(frames)], frames)
        for noise in (*camera_noise(), *developed_noise())
    ]


def conditions_of(folder: Path, task: str, scale: int, *, purpose: str = "plain") -> list[Condition]:
    """:func:`conditions` of the pictures in a folder. For a denoiser and a folder of pairs, the condition is their real
    noise. Raises ``SourceUnavailable``."""
    if task == "denoise" and (found := read_pairs(folder)):
        _names, given, clean = found
        return [Condition("real noise", "real", given, clean)]
    return conditions(task, scale, read_pictures(folder), purpose=purpose)


def read_pairs(folder: Path) -> tuple[list[str], list[Frame], list[Frame]] | None:
    """(names, noisy, clean) of a folder whose files are pairs NAME_real and NAME_mean.

    NAME_real is one exposure and NAME_mean the mean of many, as in the PolyU set of Xu, Li, Liang, Zhang and Zhang
    (2018). ``None`` for another folder. Raises ``SourceUnavailable``.
    """
    found = {path.stem: path for path in find_pictures([folder])}
    names = sorted({stem.removesuffix(NOISY).removesuffix(CLEAN) for stem in found})
    if sorted(found) != sorted(f"{name}{end}" for name in names for end in (CLEAN, NOISY)):
        return None
    noisy, clean = ([_read(found[f"{name}{end}"]) for name in names] for end in (NOISY, CLEAN))
    return names, noisy, clean


def read_pictures(folder: Path) -> list[Frame]:
    """All pictures of a folder in the order of their names. Raises ``SourceUnavailable``."""
    return [_read(path) for path in find_pictures([folder])]


def _read(path: Path) -> Frame:
    frame = read_frame(path)
    if frame is None:
        raise SourceUnavailable(f"{path} cannot be decoded: an evaluation needs every picture of its set")
    return frame
