"""``nitido explore``: the latent space of a model in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from nitido.cli.options import LATENT_MODEL


@click.command("explore", short_help="Walk through a latent space in the browser.")
@click.argument("model", type=LATENT_MODEL, required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8089,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option("--open", "open_", is_flag=True, help="Open the page in the browser.")
@click.option("--install", is_flag=True, help="Fetch the browser engine with npm, once, and end.")
@click.option("--from", "archive", type=click.Path(path_type=Path), metavar="FILE", help="Install it from this .tgz.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to install it in.  [default: of the user]",
)
def explore(model: str | None, port: int, open_: bool, install: bool, archive: Path | None, into: Path | None) -> None:
    """Walk through the latent space of MODEL (a name or file; default: the first latent model at hand) in the browser.

    A page on this machine: drag over a plane of the space and the decoded picture follows, at every step computed in
    the browser by the same .onnx file. Nobody else can reach it, and it needs no network. Ctrl-C ends it.
    """
    from nitido.system.files import cache_folder
    from nitido.web.onnxruntime_web import PACKAGE, VERSION, find_engine, install_engine

    if install or archive or into:
        if model is not None:
            raise click.UsageError("--install takes no model: run it first, then 'nitido explore MODEL'")
        if not install:
            raise click.UsageError("--from and --into are for --install only")
        click.echo(f"{PACKAGE} {VERSION} from {archive or 'npm'} …", err=True)
        click.echo(f"{install_engine(into or cache_folder(), archive)}: installed; now run: nitido explore")
        return

    from nitido.latent.autoencoder import load_decoder
    from nitido.latent.explorer import Explorer
    from nitido.model_file.zoo import default_latent_model
    from nitido.system.process import stop_on_signal

    decoder = load_decoder(model or default_latent_model(), "cpu")
    with stop_on_signal() as stop, Explorer(decoder, find_engine(), port) as explorer:
        click.echo(f"{decoder.space.name}: open {explorer.url} in a browser; Ctrl-C ends", err=True)
        if open_:
            click.launch(explorer.url)
        while not stop.wait(0.5):  # on some systems, a signal does not end an endless wait
            pass
