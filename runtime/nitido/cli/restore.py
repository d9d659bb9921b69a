"""``nitido restore``: choose what each picture needs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.batch import carry_out
from nitido.cli.batch_options import HELP, BatchOptions, batch_options, temporal_option
from nitido.cli.size import opened

if TYPE_CHECKING:
    from nitido.batch.choosing import Chooser

AGAINST_NOISE = "denoise-camera-s.int8"
AGAINST_ARTEFACTS = "dejpeg-s"


@click.command(
    "restore",
    help="Choose for each picture what it needs: JPEG artefacts removed, noise removed, both or nothing.\n\n"
    f"A line for each picture says what was chosen and why. Videos are denoised.\n\n{HELP}",
)
@batch_options
@temporal_option
def restore(**given: Any) -> None:
    options = BatchOptions(**given, model=AGAINST_NOISE)
    if options.engine != "local":
        raise click.UsageError("--engine ray runs one model; use nitido denoise")
    carry_out(options, "denoise", chooser=chooser_for(options))


def chooser_for(options: BatchOptions) -> Chooser:
    """Raises ``NitidoError`` if one of the models is missing."""
    from nitido.batch.choosing import Chooser, Need
    from nitido.model_file import zoo

    paths = {Need.ARTEFACTS: zoo.find(AGAINST_ARTEFACTS), Need.NOISE: zoo.find(AGAINST_NOISE)}
    digests = {need: hashlib.sha256(path.read_bytes()).hexdigest() for need, path in paths.items()}
    return Chooser(digests, lambda need: opened(options, paths[need]))
