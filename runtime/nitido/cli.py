"""The command line. Only this module prints and exits; heavy imports wait until a command runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nitido import __version__
from nitido.errors import NitidoError

_EXTRAS = {"train": "train", "export": "export", "evaluate": "export", "pack": "export"}


class _Commands(click.Group):
    """Own commands plus those of installed extras, found by entry point and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from importlib.metadata import entry_points

        return sorted({*super().list_commands(ctx), *(e.name for e in entry_points(group="nitido.commands"))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        from importlib.metadata import entry_points

        found = list(entry_points(group="nitido.commands", name=cmd_name))
        return found[0].load() if found else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nitido")
def cli() -> None:
    """Train, export and run small image restoration models."""


def _image_command(task: str, help_text: str) -> Callable[..., Any]:
    """A command that runs a model of ``task`` over files."""

    @cli.command(task, help=help_text, short_help=help_text.split("\n")[0])
    @click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
    @click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
    @click.option("--model", help="Model name or .onnx file.  [default: this task's]")
    @click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
    @click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: physical cores]")
    @click.option("--overwrite", is_flag=True, help="Replace results that exist.")
    @click.option("--scale", type=int, default=2, show_default=True, hidden=task != "upscale", help="Enlargement.")
    @click.option(
        "--strength",
        type=click.FloatRange(0, 1),
        default=1.0,
        show_default=True,
        hidden=task == "upscale",
        help="0: unchanged, 1: fully restored.",
    )
    def command(
        inputs: tuple[Path, ...],
        output: Path,
        model: str | None,
        device: str,
        threads: int | None,
        overwrite: bool,
        scale: int,
        strength: float,
    ) -> None:
        from nitido.batch import plan_jobs, run_jobs, units
        from nitido.model import load

        loaded = load(model or task, device, threads)
        loaded.card.require_task(task, str(loaded.path))
        if task == "upscale" and loaded.card.scale != scale:
            raise click.UsageError(f"{loaded.card.name} enlarges ×{loaded.card.scale}, --scale asked for ×{scale}")
        jobs = plan_jobs(inputs, output)
        began = time.perf_counter()
        label = f"{loaded.card.name} on {loaded.device}"
        with click.progressbar(length=units(jobs), label=label, show_pos=True, file=sys.stderr) as bar:
            report = run_jobs(loaded, jobs, strength=strength, overwrite=overwrite, progress=bar.update)
        for path, reason in report.failed:
            click.echo(f"failed: {reason if str(path) in reason else f'{path}: {reason}'}", err=True)
        seconds = time.perf_counter() - began
        skipped = f", {len(report.skipped)} skipped (result exists; --overwrite replaces it)" if report.skipped else ""
        click.echo(f"{len(report.done)} done, {len(report.failed)} failed{skipped} in {seconds:.1f} s -> {output}")
        if report.failed:
            raise SystemExit(1)

    return command


_image_command("denoise", "Remove noise from pictures, folders and videos.\n\nINPUTS may be mixed.")
_image_command("upscale", "Enlarge pictures, folders and videos.\n\nINPUTS may be mixed.")


@cli.command("models", short_help="List the models at hand.")
def models_command() -> None:
    """List the models at hand; * marks the one that a task's name stands for."""
    from nitido.zoo import entries

    for entry in entries():
        mark = "*" if entry.default else " "
        size = entry.path.stat().st_size / 1000 if entry.path.is_file() else 0
        click.echo(f"{mark} {entry.name:16} {entry.task:8} ×{entry.scale}  {size:6.0f} KB  {entry.summary}")


@cli.command("info", short_help="Show a model's card.")
@click.argument("model")
def info_command(model: str) -> None:
    """Show the card of MODEL, a name or an .onnx file, as JSON."""
    import json
    from dataclasses import asdict

    from nitido.model import load

    click.echo(json.dumps(asdict(load(model, "cpu").card), indent=2, ensure_ascii=False))


@cli.command("verify", short_help="Replay a model's certificate on this device.")
@click.argument("model")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: physical cores]")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def verify_command(model: str, device: str, threads: int | None, as_json: bool) -> None:
    """Replay the certificate of MODEL, a name or file, on the device at hand: is the file the exported one, and does
    this machine compute with it what it should? Exit code 0: passed, 1: failed."""
    from nitido.certificate import verify
    from nitido.zoo import find

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
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: finished files are kept, the unfinished one was removed", err=True)
        raise SystemExit(130) from None
