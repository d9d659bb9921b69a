"""``nitido export`` and ``nitido evaluate``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(path_type=Path)


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
@click.option("--calib", type=FOLDER, help="--int8: folder of clean pictures that ranges are measured on.")
@click.option(
    "--holdout", multiple=True, type=FOLDER, help="Folder of clean pictures to measure the loss on.  [default: --eval]"
)
@click.option("--max-drop", default=0.1, show_default=True, help="Allowed loss in dB on the worst condition.")
@click.option("--against", type=click.Path(path_type=Path), help="Float model to compare with.  [default: RUN in fp32]")
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(["encoder", "decoder", "whole"]),
    help="Autoencoders: files to write beside the output, NAME.encoder.onnx and so on.  [default: encoder, decoder]",
)
@click.option("--report", type=FOLDER, help="--int8: folder for the report.  [default: reports beside the output]")
def export(
    run: Path,
    output: Path,
    licence: str | None,
    data_note: str | None,
    failures: str,
    folders: tuple[Path, ...],
    vectors: Path | None,
    int8: bool,
    fp16: bool,
    calib: Path | None,
    holdout: tuple[Path, ...],
    max_drop: float,
    against: Path | None,
    parts: tuple[str, ...],
    report: Path | None,
) -> None:
    """Export RUN (a run folder or a checkpoint) as a self-describing model file, checked against the network.

    With --int8 or --fp16 the loss against float32 is measured on held-out pictures. A file that loses more than
    --max-drop, or an int8 file that is not faster on this machine, is not written.
    """
    if output.suffix != ".onnx":
        raise click.UsageError(f"-o expects a file name ending in .onnx, found {output}")
    if int8 and fp16:
        raise click.UsageError("--int8 and --fp16 exclude each other")
    if int8 and calib is None:
        raise click.UsageError("--int8 expects --calib FOLDER, clean pictures like those the model will see")
    holdout = holdout or folders
    if not holdout and (int8 or fp16):
        raise click.UsageError("--int8 and --fp16 expect --holdout FOLDER, clean pictures to measure the loss on")

    from nitido_export.evaluation.frames import conditions_of, read_pictures
    from nitido_export.publishing.publish import Statement, export_checkpoint, publish
    from nitido_train.checkpoint import load

    logging.basicConfig(format="%(message)s", level=logging.INFO)
    checkpoint = load(run)
    if licence and checkpoint.licence not in ("", licence):
        click.echo(
            f"note: these weights began as others, licensed '{checkpoint.licence}'; the card will say '{licence}'"
        )
    if not checkpoint.history:
        steps = f"{checkpoint.step} of {checkpoint.recipe.schedule.steps} steps"
        click.echo(f"note: these weights were never validated ({steps}): they may restore little or nothing")
    licence = licence or checkpoint.licence or "not stated"
    data_note = data_note or checkpoint.data or "not stated"
    if checkpoint.recipe.task == "autoencode":
        if int8 or fp16:
            raise click.UsageError("--int8 and --fp16 are for networks from frame to frame, not for autoencoders")
        from nitido_export.publishing.publish import export_parts

        statement = Statement(licence, data_note, folders, failures=failures)
        cards = export_parts(checkpoint, output, statement, parts or ("encoder", "decoder"))
        for card in cards:
            unit = "levels of 255" if card.task != "encode" else "in its own units"
            click.echo(
                f"{output.with_name(card.name)}.onnx: {card.parameters} parameters, differs from the network by at "
                f"most {card.parity['max_error']:g} {unit}"
            )
        _print_rows(cards[0].evaluation)
        return
    if parts:
        raise click.UsageError("--part is for autoencoders; this run trained a network from frame to frame")
    sources = vectors or (folders[0] if folders else None)
    statement = Statement(licence, data_note, folders, read_pictures(sources) if sources else [], failures)
    if not (int8 or fp16):
        card = export_checkpoint(checkpoint, output, statement)
    else:
        from nitido_export.publishing.publish import opened_reference
        from nitido_export.quantization.report import write_report
        from nitido_export.quantization.search import Guard, halve, quantize

        with opened_reference(checkpoint, against, statement) as reference:
            recipe = checkpoint.recipe
            held_out = {
                f.name: conditions_of(f, recipe.task, recipe.scale, cameras=recipe.for_cameras) for f in holdout
            }
            guard = Guard(max_drop, held_out, reference)
            if fp16:
                card = publish(halve(checkpoint, output.stem, statement, guard), output, statement)
            else:
                assert calib is not None
                outcome = quantize(checkpoint, output.stem, statement, guard, read_pictures(calib))
                card = publish(outcome.draft, output, statement)
                for path in write_report(outcome, report or output.parent / "reports"):
                    click.echo(f"report: {path}")
    click.echo(
        f"{output}: {card.parameters} parameters, {card.macs_per_pixel / 1000:.1f} K MAC/pixel, halo {card.halo} px, "
        f"differs from the network by at most {card.parity['max_error']} of 255 levels"
    )
    if card.quantization:
        facts = card.quantization
        click.echo(f"loses {facts['drop']:.3f} dB against fp32 on the worst condition; {facts['timing']}")
        if card.precision == "fp16":
            click.echo("note: on a CPU this file is no faster than fp32; it is smaller, and meant for GPUs")
    _print_rows(card.evaluation)


@click.command(short_help="Measure a model on folders of clean pictures.")
@click.argument("model")
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Test folder.")
def evaluate(model: str, folders: tuple[Path, ...]) -> None:
    """Measure MODEL (a name or file) by its task's protocol on each --data folder."""
    from nitido.inference.model import load
    from nitido_export.evaluation.frames import evaluate as measure

    _print_rows(measure(load(model, "cpu"), list(folders)))


def _print_rows(rows: Sequence[dict[str, Any]]) -> None:
    from nitido_export.publishing.catalogue import with_unit

    for row in rows:
        known = f"without a model {with_unit(row, 'baseline')}, " if row["baseline"] is not None else ""
        click.echo(
            f"{row['set']!s:12} {row['condition']!s:18} {row['metric']!s:7} {with_unit(row, 'value'):>11}   "
            f"({known}{row['pictures'] or 'some'} pictures)"
        )
