"""``nitido export``: a training run as a model file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nitido.wording import count
from nitido_export.cli.evaluate import print_evaluation

if TYPE_CHECKING:
    from nitido.model_file.card import Card
    from nitido_export.draft import ReleaseInfo
    from nitido_train.checkpoint import Checkpoint

FOLDER = click.Path(path_type=Path)


@dataclass(frozen=True)
class ExportOptions:
    """The values of the command line, by the names of its parameters."""

    run: Path
    output: Path
    licence: str | None
    data_note: str | None
    failures: str
    folders: tuple[Path, ...]
    vectors: Path | None
    int8: bool
    fp16: bool
    int8_weights: bool
    calib: Path | None
    holdout: tuple[Path, ...]
    prior: tuple[Path, ...]
    prior_kind: str
    max_drop: float
    against: Path | None
    parts: tuple[str, ...]
    report: Path | None

    @property
    def measured_on(self) -> tuple[Path, ...]:
        """Folders that the loss of a lower precision is measured on."""
        return self.holdout or self.folders

    def check(self) -> None:
        """Raises ``UsageError`` for options that exclude each other or miss another option."""
        if self.output.suffix != ".onnx":
            raise click.UsageError(f"-o expects a file name ending in .onnx, found {self.output}")
        if self.int8 + self.fp16 + self.int8_weights > 1:
            raise click.UsageError("--int8, --fp16 and --int8-weights exclude each other")
        if self.int8 and self.calib is None:
            raise click.UsageError("--int8 expects --calib FOLDER, clean pictures like those the model will see")
        if not self.measured_on and (self.int8 or self.fp16):
            raise click.UsageError("--int8 and --fp16 expect --holdout FOLDER, clean pictures to measure the loss on")
        if not self.measured_on and self.int8_weights:
            raise click.UsageError("--int8-weights expects --eval TESTS or --holdout DATA to measure the loss on")

    def check_task(self, task: str) -> None:
        """Raises ``UsageError`` for options that do not fit the task of the network."""
        if task == "autoencode" and (self.int8 or self.fp16):
            raise click.UsageError("--int8 and --fp16 are for networks from frame to frame, not for autoencoders")
        if task != "autoencode" and self.int8_weights:
            raise click.UsageError("--int8-weights is for autoencoders; networks from frame to frame have --int8")
        if task != "autoencode" and self.prior:
            raise click.UsageError("--prior is for autoencoders; this run trained a network from frame to frame")
        if task != "autoencode" and self.parts:
            raise click.UsageError("--part is for autoencoders; this run trained a network from frame to frame")


@click.command(short_help="Turn a training run into one .onnx model.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write.")
@click.option("--licence", help="Licence of the weights, for the card.  [default: of the model they began with]")
@click.option("--data-note", help="Training data and its licences, for the card.  [default: as for --licence]")
@click.option("--failures", default="", help="Where the model is known to fail, in words, for the card.")
@click.option("--eval", "folders", multiple=True, type=FOLDER, help="Folder of clean test pictures, for the card.")
@click.option("--vectors", type=FOLDER, help="Folder of pictures whose crops go into the certificate.")
@click.option("--int8", is_flag=True, help="Compute in 8 bits, if the loss is allowed and the file is faster.")
@click.option("--fp16", is_flag=True, help="Compute in float16, for GPUs; gains nothing on a CPU.")
@click.option("--int8-weights", is_flag=True, help="Autoencoders: store the weights in 8 bits, if the loss is allowed.")
@click.option("--calib", type=FOLDER, help="--int8: folder of clean pictures that ranges are measured on.")
@click.option(
    "--holdout",
    multiple=True,
    type=FOLDER,
    help="Folder of clean pictures to measure the loss on. For autoencoders: data of the training, whose held-out part "
    "is measured.  [default: --eval]",
)
@click.option(
    "--prior",
    multiple=True,
    type=FOLDER,
    help="Autoencoders: data of the training. What 'nitido sample' draws is fitted to it and stored in the decoder.",
)
@click.option(
    "--prior-kind",
    type=click.Choice(["flow", "mixture"]),
    default="flow",
    show_default=True,
    help="--prior: a flow, or for a few thousand examples of many kinds a mixture of 256 normal distributions.",
)
@click.option("--max-drop", default=0.1, show_default=True, help="Allowed loss in dB on the worst condition.")
@click.option("--against", type=click.Path(path_type=Path), help="Float model to compare with.  [default: RUN in fp32]")
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(["encoder", "decoder", "whole"]),
    help="Autoencoders: files to write next to the output, NAME.encoder.onnx and so on.  [default: encoder, decoder]",
)
@click.option("--report", type=FOLDER, help="--int8: folder for the report.  [default: reports next to the output]")
def export(**values: Any) -> None:
    """Export RUN (a run folder or a checkpoint) as a self-describing model file, checked against the network.

    With --int8 or --fp16 the loss against float32 is measured on held-out pictures. A file that loses more than
    --max-drop, or an int8 file that is not faster on this machine, is not written. With --int8-weights, each score
    of an autoencoder may lose at most 1 %.
    """
    options = ExportOptions(**values)
    options.check()

    from nitido_export.export import export_parts, export_parts_int8_weights
    from nitido_train.checkpoint import load_checkpoint

    logging.basicConfig(format="%(message)s", level=logging.INFO)
    checkpoint = load_checkpoint(options.run)
    _print_notes(checkpoint, options.licence)
    options.check_task(checkpoint.recipe.task)
    info = _release_info(checkpoint, options)
    if checkpoint.recipe.task == "autoencode":
        parts = options.parts or ("encoder", "decoder")
        if options.int8_weights:
            prior = (options.prior, options.prior_kind)
            cards = export_parts_int8_weights(checkpoint, options.output, info, parts, options.holdout, *prior)
        else:
            cards = export_parts(checkpoint, options.output, info, parts, options.prior, options.prior_kind)
        _print_parts(cards, options.output)
        print_evaluation(cards[0].evaluation)
    else:
        card = _export_frames(checkpoint, info, options)
        _print_card(card, options.output)
        print_evaluation(card.evaluation)


def _export_frames(checkpoint: Checkpoint, info: ReleaseInfo, options: ExportOptions) -> Card:
    from nitido_export.export import AllowedLoss, export_float, export_fp16, export_int8

    allowed = AllowedLoss(options.measured_on, options.max_drop, options.against)
    if options.fp16:
        return export_fp16(checkpoint, options.output, info, allowed)
    if options.int8:
        assert options.calib is not None  # check() has required it
        reports = options.report or options.output.parent / "reports"
        card, written = export_int8(checkpoint, options.output, info, allowed, options.calib, reports)
        for path in written:
            click.echo(f"report: {path}")
        return card
    return export_float(checkpoint, options.output, info)


def _release_info(checkpoint: Checkpoint, options: ExportOptions) -> ReleaseInfo:
    """The texts from the options, or else from the checkpoint."""
    from nitido_export.draft import ReleaseInfo
    from nitido_train.evaluation.conditions import read_pictures

    # The parts of an autoencoder contain examples of its training instead of pictures.
    shown = None if checkpoint.recipe.task == "autoencode" else options.vectors or next(iter(options.folders), None)
    return ReleaseInfo(
        licence=options.licence or checkpoint.licence or "not stated",
        data=options.data_note or checkpoint.data or "not stated",
        evaluation=options.folders,
        vectors=read_pictures(shown) if shown else [],
        failures=options.failures,
    )


def _print_notes(checkpoint: Checkpoint, licence: str | None) -> None:
    """Prints notes about the weights before they are exported."""
    if licence and checkpoint.licence not in ("", licence):
        click.echo(
            f"note: these weights started from others, licensed '{checkpoint.licence}'; the card will say '{licence}'"
        )
    if not checkpoint.history:
        steps = f"{checkpoint.step} of {count(checkpoint.recipe.schedule.steps, 'step')}"
        click.echo(f"note: these weights were never validated ({steps}) and may restore little or nothing")


def _print_parts(cards: Sequence[Card], output: Path) -> None:
    for card in cards:
        unit = "levels of 255" if card.task != "encode" else "in its own units"
        click.echo(
            f"{output.with_name(card.name)}.onnx: {count(card.parameters, 'parameter')}, differs from the network "
            f"by at most {card.parity['max_error']:g} {unit}"
        )
    if cards[0].quantization:
        click.echo(f"loses at most {max(0.0, cards[0].quantization['loss']):.2%} of a score against fp32")


def _print_card(card: Card, output: Path) -> None:
    click.echo(
        f"{output}: {count(card.parameters, 'parameter')}, {card.macs_per_pixel / 1000:.1f} K MAC/pixel, "
        f"halo {card.halo} px, differs from the network by at most {card.parity['max_error']} of 255 levels"
    )
    if card.quantization:
        facts = card.quantization
        click.echo(f"loses {facts['drop']:.3f} dB against fp32 on the worst condition; {facts['timing']}")
        if card.precision == "fp16":
            click.echo("note: on a CPU this file is not faster than fp32; it is smaller, and meant for GPUs")
