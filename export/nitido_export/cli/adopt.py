"""``nitido adopt``: a model of another tool as a model file of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from nitido.wording import count
from nitido_export.cli.evaluate import print_evaluation

FOLDER = click.Path(path_type=Path)
AUTO = "auto"
TASKS = ("denoise", "upscale", "reconstruct")


class AutoInt(click.ParamType):
    """A whole number, or ``auto``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value is None or value == AUTO:
            return None
        try:
            number = int(value)
        except ValueError:
            number = -1
        if number < (0 if param is not None and param.name == "halo" else 1):
            self.fail(f"expected {AUTO} or a whole number, found '{value}'", param, ctx)
        return number


def _choice(option: str, values: tuple[str, ...], text: str) -> Any:
    return click.option(option, type=click.Choice([*values, AUTO]), default=AUTO, show_default=True, help=text)


def _number(option: str, text: str) -> Any:
    return click.option(option, type=AutoInt(), metavar="N|auto", default=AUTO, show_default=True, help=text)


@click.command(short_help="Wrap a model of another tool into a model file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write.")
@click.option("--licence", required=True, help="Licence of the weights, for the card, as their authors state it.")
@click.option("--data-note", default="not stated", help="Training data and its licences, for the card.")
@click.option("--failures", default="", help="Where the model is known to fail, in words, for the card.")
@_choice("--layout", ("nchw", "nhwc"), "Order of the dimensions.")
@_choice("--colour", ("rgb", "bgr"), "Order of the colours.")
@_choice("--range", ("0..1", "0..255", "-1..1"), "Values of black and white.")
@_number("--scale", "Enlargement.")
@_number("--multiple", "Grid in pixels that tiles start on; heights and widths are padded to it.")
@_number("--halo", "Context in pixels that a tile needs on each side.")
@_choice(
    "--noise-unit", ("range", "levels"), "Unit of the second input, a noise level: as the pictures' values, or 0..255."
)
@_choice("--task", TASKS, "What the model does.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    help="Folder of clean pictures to try the model on, and for the certificate.  [default: a photograph]",
)
@click.option("--eval", "folders", multiple=True, type=FOLDER, help="Folder of clean test pictures, for the card.")
@click.option("--int8", is_flag=True, help="Compute in 8 bits, if the loss is allowed and the file is faster.")
@click.option("--calib", type=FOLDER, help="--int8: folder of clean pictures that ranges are measured on.")
@click.option("--holdout", multiple=True, type=FOLDER, help="--int8: folder to measure the loss on.  [default: --eval]")
@click.option("--max-drop", default=0.1, show_default=True, help="Allowed loss in dB on the worst condition.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
def adopt(file: Path, output: Path, **values: Any) -> None:
    """Wrap FILE, a float ONNX model as other tools export it, into a model file that every command takes.

    The result takes and returns raw frames of any size, and has a card and a certificate. Models that denoise or
    enlarge pictures of 1 or 3 channels can be wrapped.

    What no option specifies is determined by running the model on pictures. One line for each finding says how sure it
    is. If a finding remains unsure, an error names the option to set.
    """
    from nitido.system.files import refuse_existing
    from nitido_export.adoption.adopt import Asked, draft_adopted, understand
    from nitido_export.adoption.pictures import Pictures
    from nitido_export.adoption.quantize import quantize_measured
    from nitido_export.adoption.write import write_adopted
    from nitido_export.draft import ReleaseInfo
    from nitido_train.evaluation.conditions import read_pictures

    if output.suffix != ".onnx":
        raise click.UsageError(f"-o expects a file name ending in .onnx, found {output}")
    measured_on = values["holdout"] or values["folders"]
    if values["int8"] and not (values["calib"] and measured_on):
        raise click.UsageError(
            "--int8 expects --calib FOLDER and --holdout FOLDER, clean pictures like those it will see"
        )
    refuse_existing([output, output.with_suffix(".json")], overwrite=cast(bool, values["overwrite"]))
    given = {name: None if value == AUTO else value for name, value in values.items()}
    names = ("layout", "colour", "range", "scale", "multiple", "halo", "task")
    asked = Asked(**{name: given[name] for name in names}, unit=given["noise_unit"])
    photos = read_pictures(values["pictures"]) if values["pictures"] else []
    adoption = understand(file, asked, Pictures(photos), lambda finding: click.echo(str(finding)))
    info = ReleaseInfo(values["licence"], values["data_note"], values["folders"], photos, values["failures"])
    finished = draft_adopted(adoption, output.stem, info)
    if values["int8"]:
        finished = quantize_measured(adoption, finished, info, values["calib"], measured_on, values["max_drop"])
    card = write_adopted(finished, output, info)
    halo = f"halo {card.halo} px" if card.halo >= 0 else "whole frames only"
    click.echo(
        f"{output}: {card.task} ×{card.scale}, {count(card.parameters, 'parameter')}, "
        f"{card.macs_per_pixel / 1000:.1f} K MAC/pixel, {halo}, differs from the model called directly by at most "
        f"{card.parity['max_error']} of 255 levels"
    )
    if card.quantization:
        click.echo(f"loses {card.quantization['drop']:.3f} dB on the worst condition; {card.quantization['timing']}")
    print_evaluation(card.evaluation)
