"""The command line. Only this module prints and exits; heavy imports wait until a command runs."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from nitido import __version__
from nitido.cli.options import device_option, threads_option
from nitido.errors import NitidoError

# Commands with modules of their own, imported when used.
_OWN = {
    "denoise": "nitido.cli.batch:denoise",
    "upscale": "nitido.cli.batch:upscale",
    "run": "nitido.cli.batch:run",
    "live": "nitido.cli.live:live",
    "cameras": "nitido.cli.live:cameras",
    "doctor": "nitido.cli.doctor:doctor",
    "sample": "nitido.cli.latent:sample",
    "interpolate": "nitido.cli.latent:interpolate",
    "embed": "nitido.cli.embed:embed",
    "anomaly": "nitido.cli.anomaly:anomaly",
    "explore": "nitido.cli.explore:explore",
}
_EXTRAS = {"train": "train", "report": "train", "export": "export", "evaluate": "export", "pack": "export"}


class _Commands(click.Group):
    """Own commands plus those of installed extras, found by entry point and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from importlib.metadata import entry_points

        extras = (e.name for e in entry_points(group="nitido.commands"))
        return sorted({*super().list_commands(ctx), *_OWN, *extras})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        if cmd_name in _OWN:
            module, _, name = _OWN[cmd_name].partition(":")
            return getattr(import_module(module), name)
        from importlib.metadata import entry_points

        found = list(entry_points(group="nitido.commands", name=cmd_name))
        return found[0].load() if found else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nitido")
def cli() -> None:
    """Train, export and run small image restoration models."""


@cli.command("models", short_help="List the models at hand.")
def models_command() -> None:
    """List the models at hand; * marks the one that a task's name stands for."""
    from nitido.model_file.zoo import entries

    for entry in entries():
        mark = "*" if entry.default else " "
        size = entry.path.stat().st_size / 1000 if entry.path.is_file() else 0
        click.echo(f"{mark} {entry.name:26} {entry.task:11} ×{entry.scale}  {size:6.0f} KB  {entry.summary}")


@cli.command("info", short_help="Show a model's card.")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the whole card as JSON.")
def info_command(model: str, as_json: bool) -> None:
    """Show what MODEL, a name or an .onnx file, says of itself."""
    from nitido.cli.card_page import summary
    from nitido.inference.session import read_card

    card = read_card(model)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps(asdict(card), indent=2, ensure_ascii=False))
    else:
        click.echo(summary(card))


@cli.command("verify", short_help="Replay a model's certificate on this device.")
@click.argument("model")
@device_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def verify_command(model: str, device: str, threads: int | None, as_json: bool) -> None:
    """Replay the certificate of MODEL, a name or file, on the device at hand: is the file the exported one, and does
    this machine compute with it what it should? Exit code 0: passed, 1: failed."""
    from nitido.inference.verify import verify
    from nitido.model_file.zoo import find

    path = find(model)
    verdict = verify(path, device, threads=threads)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps({"file": str(path), "passed": verdict.passed, **asdict(verdict)}, indent=2))
    else:
        seals = {True: "intact, as it was exported", False: "CHANGED since it was exported", None: "has no seal"}
        click.echo(f"{path} on {verdict.device}, onnxruntime {verdict.onnxruntime}")
        click.echo(f"  file      {seals[verdict.intact]}")
        allowed = f"allowed {verdict.tolerance:g}, {verdict.mean_tolerance:g} mean"
        for number, replay in enumerate(verdict.replays, 1):
            gap = f"off by at most {replay.max_error:g}, {replay.mean_error:.4f} mean"
            found = "identical" if replay.identical else gap
            click.echo(f"  vector {number}  {'×'.join(map(str, replay.shape))}: {found} ({allowed})")
        click.echo("passed" if verdict.passed else "FAILED: do not use this file on this device")
    if not verdict.passed:
        raise SystemExit(1)


def main() -> None:
    """Entry point: one line for every expected error. Exit codes: 1 failed, 2 usage, 130 interrupted."""
    try:
        cli(standalone_mode=False)
    except NitidoError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        extra = next((e for name, e in _EXTRAS.items() if name in sys.argv[1:2]), None)
        if extra is None:
            raise
        click.echo(f"Error: {error.name} is not installed; run: pip install 'nitido[{extra}]'", err=True)
        raise SystemExit(1) from None
    except ImportError as error:  # a wheel whose system libraries are missing
        click.echo(f"Error: {error}; 'nitido doctor' says what is missing on this machine", err=True)
        raise SystemExit(1) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: what was finished is kept, nothing is left half-written", err=True)
        raise SystemExit(130) from None
