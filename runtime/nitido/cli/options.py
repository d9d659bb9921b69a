"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from nitido.errors import NitidoError
from nitido.inference.providers import AUTO, DEVICES, known_provider
from nitido.model_file import zoo
from nitido.model_file.zoo import Entry
from nitido.video.formats import ENCODERS

Command = TypeVar("Command", bound=Callable[..., object])


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class DeviceType(click.ParamType):
    """A device: a short name, or the full name of an ONNX Runtime provider."""

    name = "device"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value.lower() == AUTO:
            return AUTO
        provider = known_provider(value)
        if provider is None:
            from nitido.inference.session import unknown_device

            self.fail(unknown_device(value), param, ctx)
        return provider.device

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(device) for device in DEVICES if device.startswith(incomplete)]


class ModelType(click.ParamType):
    """A model's name or file, unchanged. Completion offers the installed models and the files in this folder.

    choose: selects the names to offer from all indexed models.
    """

    name = "text"

    def __init__(self, choose: Callable[[list[Entry]], list[str]]) -> None:
        self._choose = choose

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            names = self._choose(zoo.entries())
        except NitidoError:  # a broken index: the command itself reports it
            names = []
        names += sorted(path.name for path in Path().glob("*.onnx"))
        found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]  # bash completes names or files, not both


FRAME_MODEL = ModelType(lambda known: zoo.model_names(e for e in known if e.takes_frames))
"""A model from frame to image."""
LATENT_MODEL = ModelType(zoo.latent_names)
"""The two parts of an autoencoder."""
ANY_MODEL = ModelType(zoo.model_names)
RECONSTRUCTING_MODEL = ModelType(lambda known: zoo.model_names(known, ["reconstruct"]) + zoo.latent_names(known))
"""A model that anomalies can be found with."""


def model_for(task: str) -> ModelType:
    """A model for frames of one task."""
    return ModelType(lambda known: zoo.model_names(known, [task]))


device_option = click.option(
    "--device",
    type=DeviceType(),
    metavar="NAME",
    default=AUTO,
    show_default=True,
    help=f"One of {', '.join(DEVICES)}, or a provider's full name. If it cannot be used, that is an error.",
)

threads_option = click.option(
    "--threads", type=click.IntRange(1), help="CPU threads.  [default: physical cores, at most those allowed]"
)


def _apart(ctx: click.Context, param: click.Parameter, wanted: bool) -> bool:
    other = "verbose" if param.name == "quiet" else "quiet"
    if wanted and ctx.params.get(other):
        raise click.UsageError("--quiet and --verbose contradict each other; leave out one", ctx)
    return wanted


def verbosity_options(more: str) -> Callable[[Command], Command]:
    """``--quiet`` and ``--verbose``. more: the help of the latter."""
    return together(
        click.option("-q", "--quiet", is_flag=True, callback=_apart, help="Show errors only."),
        click.option("-v", "--verbose", is_flag=True, callback=_apart, help=more),
    )


codec_option = click.option(
    "--codec",
    metavar="NAME",
    help=f"Video codec: {', '.join(ENCODERS)}, or one of FFmpeg's encoders.  [default: h264; .webm vp9, .avi mjpeg]",
)
