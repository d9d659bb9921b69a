"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from nitido.inference.providers import AUTO, DEVICES, known_provider
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


device_option = click.option(
    "--device",
    type=DeviceType(),
    metavar="NAME",
    default=AUTO,
    show_default=True,
    help=f"One of {', '.join(DEVICES)}, or a provider's full name. What is asked for is used, or it is an error.",
)

threads_option = click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: physical cores]")

codec_option = click.option(
    "--codec",
    metavar="NAME",
    help=f"Video codec: {', '.join(ENCODERS)}, or one of FFmpeg's encoders.  [default: h264; .webm vp9, .avi mjpeg]",
)
