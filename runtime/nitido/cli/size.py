"""Options for the size of results, and the models for such sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.batch_options import BatchOptions
from nitido.cli.options import together

if TYPE_CHECKING:
    from nitido.batch.enlarging import Enlarger
    from nitido.images.resize import OutputSize
    from nitido.inference.model import Model

TASK = "upscale"
_SIDES = {"width": "--width", "height": "--height", "max_side": "--max-side"}

size_options = together(
    click.option(
        "--scale",
        type=click.FloatRange(1, min_open=True),
        help="Factor of enlargement, such as 2, 1.5 or 6.  [default: the model's, else 2]",
    ),
    click.option("--width", type=click.IntRange(1), help="Width of results in pixels; the height follows."),
    click.option("--height", type=click.IntRange(1), help="Height of results in pixels; the width follows."),
    click.option("--max-side", type=click.IntRange(1), help="Longer side of results in pixels."),
    click.option("--fit", is_flag=True, help="With --width and --height: keep the proportions and fit inside both."),
)


def size_from(given: dict[str, Any]) -> OutputSize | None:
    """Removes the values of ``size_options`` from those of a command and returns the size; ``None`` if no size was
    given. Raises ``UsageError`` for values that contradict each other."""
    scale, fit = given.pop("scale"), given.pop("fit")
    sides = {name: given.pop(name) for name in _SIDES}
    asked = [_SIDES[name] for name, value in sides.items() if value] + (["--scale"] if scale else [])
    if len(asked) > 1 and set(asked) != {"--width", "--height"}:
        raise click.UsageError(f"{' and '.join(asked)} both set the size of the results; leave one out")
    if fit and len(asked) != 2:
        raise click.UsageError("--fit needs --width and --height")
    if not asked:
        return None
    from nitido.images.resize import OutputSize

    return OutputSize(scale, **sides, fit=fit)


def open_for_size(options: BatchOptions, size: OutputSize) -> tuple[Model, Enlarger | None]:
    """(the first model, the enlarger for that size; ``None`` if this model alone is enough).

    Raises ``UsageError`` for a scale that the models do not reach, ``NitidoError``.
    """
    from nitido.batch.enlarging import Enlarger, passes_for
    from nitido.model_file import zoo

    family = zoo.family(TASK) if options.model == TASK else {}
    if not family:
        model = opened(options, zoo.find(options.model))
        digests, twice = {model.card.scale: model.sha256}, False
    else:
        digests, twice = {scale: entry.sha256 for scale, entry in family.items()}, True
        passes = passes_for(size.scale, family, twice=True) if size.scale else None
        model = opened(options, zoo.find(TASK, passes[0] if passes else min(family)))
    opened_already = model

    def open_model(scale: int) -> Model:
        if scale == opened_already.card.scale:
            return opened_already
        return opened(options, zoo.find(TASK, scale))

    enlarger = Enlarger(size, digests, open_model, twice=twice)
    if size.scale and size.scale > enlarger.most():
        name = "the models give" if family else f"{model.card.name} gives"
        raise click.UsageError(f"--scale {size.scale:g} asks for more than the ×{enlarger.most()} that {name}")
    if size.scale == model.card.scale:
        return model, None
    if options.engine != "local":
        raise click.UsageError("--engine ray gives results of a model's own scale only; name it with --scale")
    return model, enlarger


def opened(options: BatchOptions, path: Path) -> Model:
    from nitido.inference.model import Model

    # Threads that wait without spinning leave the cores to decoding and encoding.
    return Model(path, options.device, threads=options.threads, spinning=False)
