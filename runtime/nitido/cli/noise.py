"""Options for the noise level of the input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.options import together
from nitido.model_file.zoo import DEJPEG_MODEL

if TYPE_CHECKING:
    from nitido.inference.levels import Noise
    from nitido.inference.model import Model

AUTO = "auto"


class NoiseType(click.ParamType):
    """A noise level: ``auto`` or a number of 8-bit levels."""

    name = "level"

    def convert(
        self, value: str | float | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        if value is None or value == AUTO:
            return None
        try:
            level = float(value)
        except ValueError:
            level = -1.0
        if not 0 <= level <= 255:
            self.fail(f"expected auto or a number of 0..255, found '{value}'", param, ctx)
        return level


noise_options = together(
    click.option(
        "--noise",
        type=NoiseType(),
        metavar="auto|N",
        default=AUTO,
        show_default=True,
        help="Noise level: standard deviation of brightness noise, in 8-bit levels.",
    ),
    click.option(
        "--calibration",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Noise of this camera, as 'nitido calibrate' measured it, instead of --noise.",
    ),
)


class QualityType(click.ParamType):
    """A JPEG quality: ``auto``, which becomes 0, or 1..100."""

    name = "quality"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if str(value) == AUTO:
            return 0
        if not str(value).isdecimal() or not 1 <= int(value) <= 100:
            self.fail(f"expected auto or a JPEG quality of 1..100, found '{value}'", param, ctx)
        return int(value)


dejpeg_option = click.option(
    "--dejpeg",
    type=QualityType(),
    metavar="auto|QUALITY",
    help=f"Remove JPEG artefacts, not noise, with {DEJPEG_MODEL}. auto: as strongly as each file's own table says.",
)


def told_quality(quality: int, model: Model) -> float | None:
    """The value of ``--dejpeg``. Raises ``click.UsageError`` for a model that does not remove JPEG artefacts."""
    if not model.card.removes_compression:
        raise click.UsageError(f"{model.card.name} does not remove JPEG artefacts; leave out --dejpeg, or --model")
    from nitido.images.compression import level_of_quality

    return level_of_quality(quality) if quality else None


def told_noise(level: float | None, calibration: Path | None, model: Model) -> Noise | None:
    """The level or calibration from the options. Raises ``click.UsageError`` for both at once, or for a model that does
    not take a level, and ``NitidoError`` for a file that is not a calibration."""
    if level is not None and calibration is not None:
        raise click.UsageError("--noise and --calibration both say how noisy the input is; leave one out")
    if level is None and calibration is None:
        return None
    if not model.has_noise:
        option, other = (
            ("--noise", "use --strength") if calibration is None else ("--calibration", "take another model")
        )
        raise click.UsageError(f"{model.card.name} cannot be given a noise level; leave out {option} or {other}")
    if calibration is None:
        return level
    from nitido.calibration.calibration import load_calibration

    return load_calibration(calibration)
