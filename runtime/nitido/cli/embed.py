"""``nitido embed``: folders of pictures as latents, a map of them, and similar pictures."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.options import LATENT_MODEL, device_option, threads_option, verbosity_options
from nitido.cli.terminal import progress_bar
from nitido.wording import count

if TYPE_CHECKING:
    from nitido.latent.autoencoder import Encoder
    from nitido.latent.embedding import Embedding
    from nitido.latent.familiarity import Familiarity
    from nitido.latent.space import Vectors


@dataclass(frozen=True)
class _EmbedOptions:
    """The values of the command line; fields have the names of its options."""

    source: Path
    output: Path | None
    plot: Path | None
    layout: str
    like: Path | None
    neighbours: int
    metric: str
    model: str | None
    class_: str | None
    variances: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    batch: int
    max_megapixels: float
    overwrite: bool
    device: str
    threads: int | None
    quiet: bool
    verbose: bool


@click.command("embed", short_help="Turn pictures into latents: a table, a map, a search.")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Table: .parquet, .npz or .csv.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Map: a picture, or an .html page.")
@click.option(
    "--layout",
    type=click.Choice(["pca", "umap", "tsne"]),
    default="pca",
    show_default=True,
    help="Layout of the map; umap and tsne keep neighbours together.",
)
@click.option("--like", type=click.Path(path_type=Path, dir_okay=False), help="Print the pictures most like this one.")
@click.option(
    "-k", "neighbours", type=click.IntRange(1), default=8, show_default=True, help="Number of pictures for --like."
)
@click.option(
    "--metric",
    type=click.Choice(["euclidean", "cosine"]),
    default="euclidean",
    show_default=True,
    help="Distance for --like.",
)
@click.option(
    "--model",
    type=LATENT_MODEL,
    help="Model name, or file of either half.  [default: the one marked in 'nitido models']",
)
@click.option("--class", "class_", metavar="NAME", help="For a model with classes: the class of all pictures.")
@click.option("--variances", is_flag=True, help="Also write the log-variances of a VAE's encoder.")
@click.option("--include", multiple=True, metavar="GLOB", help="Process only files of a folder that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files that match; repeatable.")
@click.option(
    "--batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Number of pictures processed at once."
)
@click.option(
    "--max-megapixels",
    type=click.FloatRange(1),
    default=500,
    show_default=True,
    help="Largest picture that is accepted, in megapixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing results.")
@device_option
@threads_option
@verbosity_options("Show a line for each file.")
def embed(**given: object) -> None:
    """Turn the pictures of a folder into latents: a table, a map, similar pictures.

    SOURCE is a folder, which is searched with those below it, or a table that this command wrote: then nothing is
    embedded again, --plot has no thumbnails, and -o writes another kind of table. Before distances are measured,
    latents are normalized by the mean and standard deviation of the training set.

    Exit code 0: all done, 1: some pictures failed, 2: wrong usage.
    """
    options = _EmbedOptions(**given)  # pyright: ignore[reportArgumentType]
    if not (options.output or options.plot or options.like):
        raise click.UsageError("nothing to do: add -o latents.npz, --plot map.png or --like picture.png")
    from nitido.latent.tables import TABLES, read_table, write_table

    _check_targets(options)
    is_table = options.source.suffix.lower() in TABLES and not options.source.is_dir()
    table = read_table(options.source) if is_table else None
    encoder = _load(options, table)
    familiarity = _open_familiarity(options, encoder) if encoder else None
    query = _latents_of(options.like, encoder, options.class_) if options.like and encoder else None
    embedding, failed = (table, 0) if table or not encoder else _embed(options, encoder, familiarity)
    if not embedding or not embedding.paths:
        raise SystemExit(1)  # every file already has its line
    if familiarity and (warning := familiarity.warning()) and not options.quiet:
        click.echo(f"warning: {warning}", err=True)
    if options.output:
        write_table(options.output, embedding, variances=options.variances)
        latents = f"{count(len(embedding.paths), 'latent')} of {count(embedding.z.shape[1], 'number')}"
        _note(options, f"{latents} -> {options.output}")
    if options.plot:
        _plot(options, options.plot, embedding)
    if encoder and query is not None:
        _print_neighbours(options, embedding, query, encoder)
    if failed:
        if not options.quiet:
            click.echo(f"{len(embedding.paths)} done, {failed} failed", err=True)
        raise SystemExit(1)


def _check_targets(options: _EmbedOptions) -> None:
    """Raises errors that can be found before the work starts."""
    from nitido.images.io import format_of
    from nitido.latent.tables import require_table
    from nitido.system.files import refuse_existing

    if options.output:
        require_table(options.output)
    if options.plot and not _is_page(options.plot):
        format_of(options.plot)
    refuse_existing([path for path in (options.output, options.plot) if path], overwrite=options.overwrite)


def _load(options: _EmbedOptions, table: Embedding | None) -> Encoder | None:
    """The encoder; ``None`` for a table or a map of a table, which do not need one."""
    from nitido.errors import SinkUnavailable
    from nitido.latent.autoencoder import load_encoder
    from nitido.model_file.zoo import default_latent_model

    if table and not options.like:
        return None
    model = options.model or (table.model if table else default_latent_model())
    if not model:
        raise click.UsageError(f"{options.source} does not say which model made it; name it with --model")
    encoder = load_encoder(model, options.device, threads=options.threads)
    if options.variances and not table and not encoder.variational:
        raise SinkUnavailable(f"{encoder.space.name} gives no variances, expected a VAE; leave out --variances")
    return encoder


def _latents_of(picture: Path, encoder: Encoder, class_: str | None) -> Vectors:
    from nitido.images.io import read_opaque

    return encoder(encoder.fit(read_opaque(picture)), class_).mean


def _note(options: _EmbedOptions, line: str) -> None:
    if not options.quiet:
        click.echo(line)


def _open_familiarity(options: _EmbedOptions, encoder: Encoder) -> Familiarity | None:
    """The test of the pictures' similarity to the training data; ``None`` for an encoder without its decoder."""
    from nitido.errors import NitidoError
    from nitido.latent.autoencoder import load_decoder
    from nitido.latent.familiarity import Familiarity

    try:
        return Familiarity(load_decoder(encoder.path, options.device, threads=options.threads), options.class_)
    except NitidoError:
        return None


def _embed(options: _EmbedOptions, encoder: Encoder, familiarity: Familiarity | None) -> tuple[Embedding, int]:
    """The latents of the source's pictures, computed with a progress bar, and the number of failed pictures."""
    from nitido.batch.report import failure_line
    from nitido.errors import SourceUnavailable
    from nitido.latent.embedding import embed_files, pictures_below
    from nitido.system.process import quiet_stderr
    from nitido.system.search import Filter

    plot = options.plot.resolve() if options.plot else None  # a map of an earlier run may be among the pictures
    paths = [p for p in pictures_below(options.source, Filter(options.include, options.exclude)) if p.resolve() != plot]
    if not paths:
        raise SourceUnavailable(f"no pictures in {options.source}")
    title = f"{encoder.space.name} on {encoder.device}"
    bar = nullcontext(lambda _files: None) if options.quiet or options.verbose else progress_bar(title, len(paths))

    def show(path: Path, reason: str) -> None:
        if options.verbose:
            click.echo(failure_line(path, reason) if reason else f"done {path}", err=bool(reason))

    with quiet_stderr(), bar as progress:
        embedding, failed = embed_files(
            encoder,
            paths,
            below=options.source if options.source.is_dir() else options.source.parent,
            label=options.class_,
            thumbnail=_thumbnail(options.plot, len(paths)),
            batch=options.batch,
            max_pixels=int(options.max_megapixels * 1e6),
            progress=progress,
            finished=show,
            **({"encoded": familiarity.add} if familiarity else {}),
        )
    for path, reason in () if options.verbose else failed:
        click.echo(failure_line(path, reason), err=True)
    return embedding, len(failed)


def _is_page(path: Path) -> bool:
    return path.suffix.lower() in (".html", ".htm")


def _thumbnail(plot: Path | None, count: int) -> int:
    """Pixels of the thumbnails that a map needs."""
    from nitido.latent.map import thumbnail_side
    from nitido.latent.map_page import page_side

    if plot is None:
        return 0
    return page_side(count) if _is_page(plot) else thumbnail_side(count)


def _plot(options: _EmbedOptions, path: Path, embedding: Embedding) -> None:
    from nitido.images.io import Picture, write_picture
    from nitido.latent.layout import lay_out
    from nitido.latent.map import draw_map
    from nitido.latent.map_page import map_page
    from nitido.system.files import write_whole

    folders = [p.split("/", 1)[0] if "/" in p else "" for p in embedding.paths]
    plane = lay_out(embedding.z, options.layout)
    if _is_page(path):
        about = f"{count(len(embedding.paths), 'picture')} by {embedding.model or 'a model'}, {options.source.name}"
        write_whole(path, map_page(plane, embedding.paths, embedding.thumbnails, folders, about))
    else:
        write_picture(path, Picture(draw_map(plane, embedding.thumbnails, folders)))
    _note(options, f"map of {count(len(embedding.paths), 'picture')} -> {path}")


def _print_neighbours(options: _EmbedOptions, embedding: Embedding, query: Vectors, encoder: Encoder) -> None:
    from nitido.latent.embedding import nearest

    click.echo(f"most like {options.like}, {options.metric} distance:")
    for neighbour in nearest(embedding, query, encoder.space, options.neighbours, options.metric):
        click.echo(f"{neighbour.distance:10.4f}  {neighbour.path}")
