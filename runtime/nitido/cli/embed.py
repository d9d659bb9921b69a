"""``nitido embed``: folders of pictures as latents, a map of them, and what is alike."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.options import device_option, threads_option

if TYPE_CHECKING:
    from nitido.latent.autoencoder import Encoder
    from nitido.latent.embedding import Embedding
    from nitido.latent.space import Vectors


@dataclass(frozen=True)
class _Wish:
    """What the command line asked for; fields are named as its options."""

    source: Path
    output: Path | None
    plot: Path | None
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


@click.command("embed", short_help="Turn pictures into latents: a table, a map, what is alike.")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Table: .parquet, .npz or .csv.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Picture of a map with thumbnails.")
@click.option("--like", type=click.Path(path_type=Path, dir_okay=False), help="Print what is most like this picture.")
@click.option("-k", "neighbours", type=click.IntRange(1), default=8, show_default=True, help="How many, for --like.")
@click.option("--metric", type=click.Choice(["euclidean", "cosine"]), default="euclidean", show_default=True)
@click.option("--model", help="Name, or file of either half.  [default: the one marked in 'nitido models']")
@click.option("--class", "class_", metavar="NAME", help="For a model with classes: that of all pictures.")
@click.option("--variances", is_flag=True, help="Also the log-variances that a VAE's encoder gives.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only these files of a folder; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files; repeatable.")
@click.option("--batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Pictures at once.")
@click.option("--max-megapixels", type=click.FloatRange(1), default=500, show_default=True, help="Limit of a picture.")
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
@device_option
@threads_option
def embed(**given: object) -> None:
    """Turn the pictures of a folder into latents: a table, a map, what is alike.

    SOURCE is a folder, which is searched with those below it, or a table that this command wrote: then nothing is
    embedded anew, --plot has no thumbnails, and -o writes another kind of table. Distances are those of latents that
    are brought to the training set's mean and standard deviation first.

    Exit code 0: all done, 1: some pictures failed, 2: wrong usage.
    """
    wish = _Wish(**given)  # pyright: ignore[reportArgumentType]
    if not (wish.output or wish.plot or wish.like):
        raise click.UsageError("nothing to do: add -o latents.npz, --plot map.png or --like picture.png")
    from nitido.latent.tables import TABLES, read_table, write_table

    _check_targets(wish)
    is_table = wish.source.suffix.lower() in TABLES and not wish.source.is_dir()
    table = read_table(wish.source) if is_table else None
    encoder = _load(wish, table)
    query = _latents_of(wish.like, encoder, wish.class_) if wish.like and encoder else None
    embedding, failed = (table, 0) if table or not encoder else _embed(wish, encoder)
    if not embedding or not embedding.paths:
        raise SystemExit(1)  # every file has had its line
    if wish.output:
        write_table(wish.output, embedding, variances=wish.variances)
        click.echo(f"{len(embedding.paths)} latents of {embedding.z.shape[1]} numbers -> {wish.output}")
    if wish.plot:
        _plot(wish.plot, embedding)
    if encoder and query is not None:
        _print_neighbours(wish, embedding, query, encoder)
    if failed:
        click.echo(f"{len(embedding.paths)} done, {failed} failed", err=True)
        raise SystemExit(1)


def _check_targets(wish: _Wish) -> None:
    """Everything that can be known to be wrong before the work is done."""
    from nitido.images.io import format_of
    from nitido.latent.tables import require_table
    from nitido.system.files import refuse_existing

    if wish.output:
        require_table(wish.output)
    if wish.plot:
        format_of(wish.plot)
    refuse_existing([path for path in (wish.output, wish.plot) if path], overwrite=wish.overwrite)


def _load(wish: _Wish, table: Embedding | None) -> Encoder | None:
    """The encoder that the work needs; none to write a table or a map of a table."""
    from nitido.errors import SinkUnavailable
    from nitido.latent.autoencoder import load_encoder
    from nitido.model_file.zoo import default_latent_model

    if table and not wish.like:
        return None
    model = wish.model or (table.model if table else default_latent_model())
    if not model:
        raise click.UsageError(f"{wish.source} does not say which model it is of; add --model")
    encoder = load_encoder(model, wish.device, threads=wish.threads)
    if wish.variances and not table and not encoder.variational:
        raise SinkUnavailable(f"{encoder.space.name} gives no variances, expected a VAE; leave out --variances")
    return encoder


def _latents_of(picture: Path, encoder: Encoder, class_: str | None) -> Vectors:
    from nitido.images.io import read_opaque

    return encoder(encoder.fit(read_opaque(picture)), class_).mean


def _embed(wish: _Wish, encoder: Encoder) -> tuple[Embedding, int]:
    """The latents of the source's pictures under a progress bar, and how many pictures failed."""
    from nitido.batch.report import failure_line
    from nitido.errors import SourceUnavailable
    from nitido.latent.embedding import embed_files, pictures_below
    from nitido.latent.map import thumbnail_side
    from nitido.system.process import quiet_stderr
    from nitido.system.search import Filter

    plot = wish.plot.resolve() if wish.plot else None  # one of an earlier run may lie among the pictures
    paths = [p for p in pictures_below(wish.source, Filter(wish.include, wish.exclude)) if p.resolve() != plot]
    if not paths:
        raise SourceUnavailable(f"no pictures in {wish.source}")
    began, done = time.perf_counter(), 0

    def rate(_item: object) -> str:
        return f"{done / max(1e-6, time.perf_counter() - began):.1f}/s"

    title = f"{encoder.space.name} on {encoder.device}"
    with (
        quiet_stderr(),
        click.progressbar(length=len(paths), label=title, show_pos=True, item_show_func=rate, file=sys.stderr) as bar,
    ):

        def progress(files: int) -> None:
            nonlocal done
            done += files
            bar.update(files, 0)

        embedding, failed = embed_files(
            encoder,
            paths,
            below=wish.source if wish.source.is_dir() else wish.source.parent,
            label=wish.class_,
            thumbnail=thumbnail_side(len(paths)) if wish.plot else 0,
            batch=wish.batch,
            max_pixels=int(wish.max_megapixels * 1e6),
            progress=progress,
        )
    for path, reason in failed:
        click.echo(failure_line(path, reason), err=True)
    return embedding, len(failed)


def _plot(path: Path, embedding: Embedding) -> None:
    from nitido.images.io import Picture, write_picture
    from nitido.latent.map import draw_map, plane_of

    folders = [p.split("/", 1)[0] if "/" in p else "" for p in embedding.paths]
    write_picture(path, Picture(draw_map(plane_of(embedding.z), embedding.thumbnails, folders)))
    click.echo(f"map of {len(embedding.paths)} -> {path}")


def _print_neighbours(wish: _Wish, embedding: Embedding, query: Vectors, encoder: Encoder) -> None:
    from nitido.latent.embedding import nearest

    click.echo(f"most like {wish.like}, {wish.metric} distance:")
    for neighbour in nearest(embedding, query, encoder.space, wish.neighbours, wish.metric):
        click.echo(f"{neighbour.distance:10.4f}  {neighbour.path}")
