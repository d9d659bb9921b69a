"""The ``nitido`` command: finds commands, imports them when they are used, and turns errors into one line."""

from __future__ import annotations

import io
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from nitido import __version__
from nitido.cli.help import SuggestingGroup
from nitido.errors import NitidoError
from nitido.system.process import end_despite_threads, importing

# The runtime's commands: where each one lives.
_OWN = {
    "models": "nitido.cli.models:models",
    "info": "nitido.cli.models:info",
    "verify": "nitido.cli.models:verify",
    "denoise": "nitido.cli.batch:denoise",
    "upscale": "nitido.cli.batch:upscale",
    "restore": "nitido.cli.restore:restore",
    "run": "nitido.cli.batch:run",
    "live": "nitido.cli.live:live",
    "cameras": "nitido.cli.live:cameras",
    "calibrate": "nitido.cli.calibrate:calibrate",
    "doctor": "nitido.cli.doctor:doctor",
    "sample": "nitido.cli.latent:sample",
    "interpolate": "nitido.cli.latent:interpolate",
    "embed": "nitido.cli.embed:embed",
    "melody": "nitido.cli.melody:melody",
    "anomaly": "nitido.cli.anomaly:anomaly",
    "explore": "nitido.cli.explore:explore",
    "app": "nitido.cli.app:app",
    "help": "nitido.cli.help:help_",
}
# Further commands are entry points of packages whose requirements come with an extra.
_EXTRA_OF = {"nitido_train": "train", "nitido_export": "export"}
_DEBUG = "NITIDO_DEBUG"


class _Commands(SuggestingGroup):
    """The runtime's commands, and those of extras, which are found by entry point. They are imported when they are
    used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from importlib.metadata import entry_points

        extras = (e.name for e in entry_points(group="nitido.commands"))
        return sorted({*super().list_commands(ctx), *_OWN, *extras})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _OWN:
            module, _, name = _OWN[cmd_name].partition(":")
            with importing():
                return getattr(import_module(module), name)
        from importlib.metadata import entry_points

        found = list(entry_points(group="nitido.commands", name=cmd_name))
        if not found:
            return None
        ctx.meta["nitido.extra"] = _EXTRA_OF.get(found[0].module.partition(".")[0], "")
        return found[0].load()

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            extra = ctx.meta.get("nitido.extra")
            if not extra:
                raise
            raise NitidoError(f"{error.name} is not installed; run: pip install 'nitido[{extra}]'") from error


def _show_tracebacks(_ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ[_DEBUG] = "1"  # also for processes that a command starts


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nitido")
@click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_show_tracebacks,
    help=f"Show the traceback of an error. {_DEBUG}=1 does the same.",
)
def cli() -> None:
    """Train, export and run small image restoration models."""


def main() -> None:
    """Entry point: one line for every expected error. Exit codes: 1 failed, 2 usage, 130 interrupted."""
    _write_any_text()
    try:
        _run()
    except SystemExit as ended:
        end_despite_threads(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise
    end_despite_threads(0)


def _write_any_text() -> None:
    """Characters that an output cannot show, such as → in a Windows code page, become question marks instead of an
    error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _run() -> None:
    try:
        cli(standalone_mode=False)
    except NitidoError as error:
        _fail(error, str(error))
    except ModuleNotFoundError:
        raise
    except ImportError as error:  # a wheel whose system libraries are missing
        _fail(error, f"{error}; 'nitido doctor' says what is missing on this machine")
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError as error:  # the reader of the output has closed it
        _abandon_output()
        raise SystemExit(1) from error
    # such as a full disk for standard output; code that reads or writes files raises better errors
    except OSError as error:
        if error.filename is None:
            _abandon_output()
        _fail(error, f"{error.filename or 'standard output'}: {error.strerror or error}")
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: what was finished is kept, nothing is left half-written", err=True)
        raise SystemExit(130) from None


def _abandon_output() -> None:
    """Prevents Python from trying to write the rest at its end, which would print an error."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)


def _fail(error: Exception, message: str) -> NoReturn:
    if os.environ.get(_DEBUG, "") not in ("", "0"):
        import traceback

        traceback.print_exception(error)
    from nitido.cli.terminal import journal_prefix

    click.echo(f"{journal_prefix(logging.ERROR)}Error: {message}", err=True)
    raise SystemExit(1)
