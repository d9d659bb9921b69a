"""``nitido export`` and ``nitido evaluate``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Turn a training run into one .onnx model.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write.")
@click.option("--licence", default="Apache-2.0", show_default=True, help="Licence of the weights, for the card.")
@click.option("--data-note", default="not stated", help="Training data and its licences, for the card.")
@click.option(
    "--eval", "folders", multiple=True, type=click.Path(path_type=Path), help="Folder of clean test pictures."
)
def export(run: Path, output: Path, licence: str, data_note: str, folders: tuple[Path, ...]) -> None:
    """Export RUN (a run folder or a checkpoint) as a self-describing model file, checked against the network."""
    if output.suffix != ".onnx":
        raise click.UsageError(f"-o expects a file name ending in .onnx, found {output}")
    from nitido_export.publish import export_checkpoint
    from nitido_train.checkpoint import load

    card = export_checkpoint(load(run), output, licence=licence, data=data_note, folders=list(folders))
    click.echo(
        f"{output}: {card.parameters} parameters, {card.macs_per_pixel / 1000:.1f} K MAC/pixel, halo {card.halo} px, "
        f"differs from the network by at most {card.parity['max_error']} of 255 levels"
    )
    _print_rows(card.evaluation)


@click.command(short_help="Measure a model on folders of clean pictures.")
@click.argument("model")
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(path_type=Path), help="Test folder.")
def evaluate(model: str, folders: tuple[Path, ...]) -> None:
    """Measure MODEL (a name or file) by its task's protocol on each --data folder."""
    from nitido.model import load
    from nitido_export.evaluate import evaluate as measure

    _print_rows(measure(load(model, "cpu"), list(folders)))


def _print_rows(rows: list[dict[str, object]]) -> None:
    for row in rows:
        click.echo(
            f"{row['set']!s:12} {row['condition']!s:18} {row['metric']!s:7} {row['value']:6.2f} dB   "
            f"(input or bicubic {row['baseline']:6.2f} dB, {row['pictures']} pictures)"
        )
