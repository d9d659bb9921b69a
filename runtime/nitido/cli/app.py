"""``nitido app``: pictures, the camera and latent spaces in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from nitido.cli.options import FRAME_MODEL, LATENT_MODEL
from nitido.errors import NitidoError, ProviderUnavailable


@click.command("app", short_help="Restore pictures and the camera in the browser.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8090,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option("--open", "open_", is_flag=True, help="Open the page in the browser.")
@click.option("--device", default="cpu", show_default=True, help="Device for pictures: cpu, cuda, auto or a provider.")
@click.option("--threads", type=click.IntRange(1), help="Threads for pictures.  [default: the physical cores]")
@click.option(
    "--camera-model", "models", type=FRAME_MODEL, multiple=True,
    help="Model that the camera page offers; repeatable.  [default: four fast ones]",
)  # fmt: skip
@click.option(
    "--latent-model", "latents", type=LATENT_MODEL, multiple=True,
    help="Model that the page of latents offers; repeatable.  [default: those that are shipped]",
)  # fmt: skip
@click.option(
    "--export", "site", type=click.Path(path_type=Path), metavar="SITE",
    help="Write the pages as a folder for any web server, and end.",
)  # fmt: skip
def app(
    host: str,
    port: int,
    open_: bool,
    device: str,
    threads: int | None,
    models: tuple[str, ...],
    latents: tuple[str, ...],
    site: Path | None,
) -> None:
    """Restore pictures and the camera on a page in the browser.

    The page is served by this machine and works offline. Pictures go through the models here, with formats, metadata,
    transparency and 16 bits kept as by 'nitido denoise'. The camera's picture stays in the browser, which runs the
    model itself, as it does for the latent spaces of 'nitido explore'. The address holds a random token; without it,
    nothing is answered. Ctrl-C ends the command and removes the pictures that were given to it.
    """
    try:
        from nitido.app.camera import MODELS, open_models
        from nitido.app.export import export_site
        from nitido.app.server import App
    except ModuleNotFoundError as error:
        raise NitidoError(f"{error.name} is not installed; run: pip install 'nitido[app]'") from error
    from nitido.latent.explorer_files import MODELS as LATENTS
    from nitido.latent.explorer_files import find_decoders
    from nitido.system.process import stop_on_signal
    from nitido.web.guards import is_loopback
    from nitido.web.onnxruntime_web import find_engine

    chosen, decoders = open_models(models or MODELS), find_decoders(latents or LATENTS)
    if site is not None:
        names = export_site(site, chosen, decoders, find_engine())
        click.echo(f"{site}: {len(names)} files, {', '.join(model.card.name for model in (*chosen, *decoders))}")
        return
    try:
        engine, problem = find_engine(), ""
    except ProviderUnavailable as error:
        engine, problem = None, str(error)
    served = App(
        chosen, engine, decoders=decoders, problem=problem, host=host, port=port, device=device, threads=threads
    )
    with stop_on_signal() as stop, served:
        click.echo(f"open {served.url} in a browser; Ctrl-C ends", err=True)
        if problem:
            click.echo(f"the pages of the camera and of latents do not work yet: {problem}", err=True)
        if not is_loopback(host):
            click.echo("others can reach this address; whoever has the token can use the page", err=True)
        if open_:
            click.launch(served.url)
        while not stop.wait(0.5):  # on some systems, a signal does not end an endless wait
            pass
