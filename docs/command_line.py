"""Writes docs/reference/command-line.md: the help of every command, as ``--help`` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from nitido.cli.main import cli

PAGE = Path(__file__).parent / "reference" / "command-line.md"
WIDTH = 100
_HEAD = """\
# Command line

The help of every command, as `nitido COMMAND --help` prints it. `make docs` writes this page; do not edit it by hand.
The guides in [docs](../README.md) show the commands at work.

Every command reports an expected error in one line on stderr and exits with code 1. The exit code of wrong usage is 2,
of Ctrl-C 130, unless the help says otherwise.
"""


def page() -> str:
    """The page. Raises ``ModuleNotFoundError`` when a command's extra is not installed."""
    width = {"max_content_width": WIDTH, "terminal_width": WIDTH}
    root = click.Context(cli, info_name="nitido", **{**cli.context_settings, **width})
    commands = list(_below(root))
    lines = [_HEAD, "| command | |", "|---|---|"]
    lines += [f"| [{c.command_path}](#{_anchor(c)}) | {c.command.get_short_help_str(WIDTH)} |" for c in commands[1:]]
    for context in commands:
        lines += ["", f"## {context.command_path}", "", "```text", context.get_help(), "```"]
    return "\n".join([*lines, ""])


def _below(context: click.Context) -> Iterator[click.Context]:
    """The context of a command and of every command below it, in the order of the help."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _below(click.Context(command, info_name=name, parent=context, **command.context_settings))


def _anchor(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
