"""Fits the noise estimator of a trained level-denoiser to the quality of the denoiser's results.

    python models/fit_estimator.py RUN NEW.pt --data FOLDER [--data FOLDER]

RUN is a checkpoint or a run folder, FOLDER holds the training's pictures. NEW.pt is the checkpoint to export. It takes
a few minutes on one core.
"""

from __future__ import annotations

import logging
from pathlib import Path

import click

from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.training.estimator import SIDES, fit_estimator


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path), help="Training pictures.")
@click.option("--frames", default=800, show_default=True, help="Frames to try levels on.")
@click.option("--known", default=6000, show_default=True, help="Other frames, whose true levels are learnt.")
def fit(run: Path, target: Path, data: tuple[Path, ...], frames: int, known: int) -> None:
    """Fit the noise estimator of RUN and write the checkpoint TARGET."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    store = PictureStore(find_pictures(data), smallest=max(SIDES) + 8)
    save_checkpoint(fit_estimator(load_checkpoint(run), store, frames, known), target)


if __name__ == "__main__":
    fit()
