"""``nitido sample`` and ``nitido interpolate``: pictures and melodies from a latent space."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nitido.cli.options import LATENT_MODEL, device_option, threads_option, together
from nitido.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nitido.latent.autoencoder import Decoder, Encoder
    from nitido.latent.sheets import Style
    from nitido.latent.space import LatentSpace, Vectors

_TUNES = frozenset({".mid", ".midi"})
_OUTPUT = "A picture (one sheet), .gif or video (one after the other), .mid, or a folder (a file each)."


class _Axes(click.ParamType):
    """``3,7`` as (3, 7)."""

    name = "A,B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        first, _, second = str(value).partition(",")
        if not (first.strip().isdecimal() and second.strip().isdecimal()):
            self.fail(f"expected two numbers of axes such as 0,1; found {value}", param, ctx)
        return int(first), int(second)


_options = together(
    click.option(
        "--model",
        type=LATENT_MODEL,
        help="Model name, or file of either half.  [default: the one marked in 'nitido models']",
    ),
    click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help=_OUTPUT),
    click.option("--class", "class_", metavar="NAME", help="For a model with classes: its name or number."),
    click.option("--columns", type=click.IntRange(1), help="Columns of a sheet."),
    click.option("--zoom", type=click.IntRange(1, 64), help="Enlarge every pixel.  [default: as is; moving: 256]"),
    click.option(
        "--fps",
        type=click.FloatRange(0.1, 100),
        default=12,
        show_default=True,
        help="Frames per second of a .gif or video.",
    ),
    click.option(
        "--tempo",
        type=click.FloatRange(20, 400),
        default=160,
        show_default=True,
        help="Beats per minute of a .mid file.",
    ),
    click.option(
        "--instrument",
        type=click.IntRange(0, 127),
        default=0,
        show_default=True,
        help="General MIDI instrument of .mid; 0 is a piano, 73 a flute.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace existing results."),
    device_option,
    threads_option,
)


@click.command("sample", short_help="Make new pictures or tunes with a latent model.")
@_options
@click.option("-n", "--count", type=click.IntRange(1), help="Number of results.  [default: 64; of tunes 1]")
@click.option(
    "--seed", type=click.IntRange(0), help="The same seed gives the same results.  [default: another each time]"
)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="How far latents spread. Below 1 results are more ordinary.",
)
@click.option(
    "--manifold",
    type=click.IntRange(1, 200),
    metavar="SIDE",
    help="Instead of -n: a grid of SIDE × SIDE over two axes.",
)
@click.option("--axes", type=_Axes(), help="The two axes of --manifold.  [default: 0,1]")
def sample(
    model: str | None,
    output: Path,
    class_: str | None,
    columns: int | None,
    zoom: int | None,
    fps: float,
    tempo: float,
    instrument: int,
    overwrite: bool,
    device: str,
    threads: int | None,
    count: int | None,
    seed: int | None,
    temperature: float,
    manifold: int | None,
    axes: tuple[int, int] | None,
) -> None:
    """Make new pictures or tunes with a latent model.

    Latents are drawn by the second stage in the model's file, which was fitted to the latents of the training set. If
    the file has none, they are drawn from a standard normal distribution for models that were trained for it (vae,
    cvae, aae), else around the mean of the training set. A model with classes makes its classes in turn, unless --class
    names one.
    """
    import numpy as np

    from nitido.latent import sampling
    from nitido.latent.autoencoder import load_decoder
    from nitido.latent.sheets import Style
    from nitido.model_file.zoo import default_latent_model

    if axes and not manifold:
        raise click.UsageError("--axes is for --manifold only")
    if manifold and (count or seed is not None or columns):
        raise click.UsageError("--manifold is a grid of its own: leave out -n, --seed and --columns")
    _check_output(output, overwrite)
    decoder = load_decoder(model or default_latent_model(), device, threads=threads)
    space = decoder.space
    label: Any = space.label(class_) if class_ is not None else None
    drawn = ""
    if manifold:
        if space.labels and label is None:
            raise click.UsageError(f"{space.name} has classes: choose the class of the grid with --class")
        z = sampling.manifold_latents(decoder, manifold, axes or (0, 1), label, temperature=temperature)
        style = Style(columns=manifold, gap=0, zoom=zoom, fps=fps)
    else:
        count = count or (64 if space.medium == "picture" else 1)
        if seed is None:
            seed = int(np.random.default_rng().integers(2**32))
        drawn = f", seed {seed}"
        if label is None:
            label = sampling.labels_in_turn(space, count)
            columns = columns or (len(space.labels) if 1 < len(space.labels) <= 32 else None)
        z = sampling.sample_latents(decoder, count, seed, label, temperature=temperature)
        style = Style(columns=columns, zoom=zoom, fps=fps)
    _write(output, decoder, z, label, style, (tempo, instrument), overwrite=overwrite)
    click.echo(f"{len(z)} by {space.name} on {decoder.device}{drawn} -> {output}")


@click.command("interpolate", short_help="Interpolate between two pictures or tunes with a latent model.")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@_options
@click.option(
    "--steps",
    type=click.IntRange(2, 10_000),
    default=16,
    show_default=True,
    help="Number of results, both ends included.",
)
@click.option(
    "--path",
    "path_",
    type=click.Choice(["linear", "spherical", "data"]),
    help="Path from A to B; data stays close to the training set.  [default: data if the second stage is a flow, "
    "else spherical for a model with a normal prior, else linear]",
)
def interpolate(
    a: Path,
    b: Path,
    model: str | None,
    output: Path,
    class_: str | None,
    columns: int | None,
    zoom: int | None,
    fps: float,
    tempo: float,
    instrument: int,
    overwrite: bool,
    device: str,
    threads: int | None,
    steps: int,
    path_: str | None,
) -> None:
    """Go from A to B, two pictures or two .mid files, through the latent space of a model.

    The ends are the model's reconstructions of A and B. A .mid file holds all steps, one after the other.
    """
    from nitido.latent import sampling
    from nitido.latent.autoencoder import load_decoder, load_encoder
    from nitido.latent.sheets import Style
    from nitido.model_file.zoo import default_latent_model

    if model is None and _TUNES & {a.suffix.lower(), b.suffix.lower()}:
        raise click.UsageError("name a model of melodies with --model")
    _check_output(output, overwrite)
    model = model or default_latent_model()
    encoder = load_encoder(model, device, threads=threads)
    decoder = load_decoder(model, device, threads=threads)
    space = decoder.space
    label = space.label(class_) if class_ is not None else None
    ends = [encoder(_read(source, encoder), label).mean for source in (a, b)]
    path_ = path_ or sampling.default_path(decoder)
    z = sampling.path_latents(decoder, ends[0], ends[1], steps, label, path_)
    style = Style(columns=columns, strip=True, zoom=zoom, fps=fps)
    _write(output, decoder, z, label, style, (tempo, instrument), overwrite=overwrite, joined=_is_tune(output))
    click.echo(f"{count(steps, 'step')} by {space.name} on {decoder.device}, {path_} -> {output}")


def _check_output(output: Path, overwrite: bool) -> None:
    """Raises errors that can be found before the work starts."""
    from nitido.latent.sheets import check_target

    if not _is_tune(output):
        check_target(output, overwrite=overwrite)


def _is_tune(output: Path) -> bool:
    return output.suffix.lower() in _TUNES and not output.is_dir()


def _read(source: Path, encoder: Encoder) -> NDArray[np.uint8]:
    """The content of a file in the form that the encoder takes."""
    space = encoder.space
    if space.medium == "melody":
        from nitido.latent.melody import read_midi

        return read_midi(source, space.steps, space.steps_per_beat, space.lowest, space.pitches)
    from nitido.images.io import read_opaque

    return encoder.fit(read_opaque(source))


def _write(
    output: Path,
    decoder: Decoder,
    z: Vectors,
    label: Any,
    style: Style,
    played: tuple[float, int],
    *,
    overwrite: bool,
    joined: bool = False,
) -> None:
    """Decodes latents into the output. played: tempo and instrument of MIDI. joined: a file for tunes holds all."""
    from nitido.errors import SinkUnavailable
    from nitido.latent.sampling import decode_each
    from nitido.latent.sheets import write_frames

    decoded, space = decode_each(decoder, z, label), decoder.space
    if space.medium == "picture":
        if _is_tune(output):
            raise SinkUnavailable(f"cannot write {output}: {space.name} makes pictures, expected a name like grid.png")
        write_frames(output, decoded, len(z), style)
    elif output.suffix and not output.is_dir() and not _is_tune(output):
        from nitido.latent.melody import piano_roll

        sounds = (space.steps_per_beat, space.lowest, space.pitches)
        write_frames(output, (piano_roll(notes, *sounds) for notes in decoded), len(z), style)
    else:
        _write_tunes(_tune_names(output, 1 if joined else len(z), overwrite), decoded, space, *played)


def _tune_names(output: Path, count: int, overwrite: bool) -> list[Path]:
    """``tune.mid``; of several ``tune-1.mid``, …; in a folder ``0001.mid``, …"""
    from nitido.system.files import refuse_existing

    if not _is_tune(output):
        paths = [output / f"{number:04}.mid" for number in range(1, count + 1)]
    elif count == 1:
        paths = [output]
    else:
        paths = [output.with_stem(f"{output.stem}-{number}") for number in range(1, count + 1)]
    refuse_existing(paths, overwrite=overwrite)
    return paths


def _write_tunes(
    paths: list[Path], tunes: Iterable[NDArray[np.uint8]], space: LatentSpace, tempo: float, program: int
) -> None:
    """Writes one file for each tune, or a single one for all."""
    import numpy as np

    from nitido.latent.melody import HOLD, REST, write_midi

    if len(paths) == 1:
        rows = np.stack(list(tunes))
        rows[rows[:, 0] == HOLD, 0] = REST  # no note continues from the tune before
        tunes = [rows.reshape(-1)]
    for path, notes in zip(paths, tunes, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(path, notes, space.steps_per_beat, space.lowest, tempo, program)
