"""``nitido help``: the help of a command."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from nitido.wording import did_you_mean


class SuggestingGroup(click.Group):
    """A group that suggests the closest command for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        near = did_you_mean(name, self.list_commands(ctx)) or f"; '{ctx.command_path} --help' lists them"
        raise click.UsageError(f"no such command: '{name}'{near}", ctx)


class _CommandName(click.ParamType):
    """Names of commands and of their subcommands, one after the other."""

    name = "command"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        command, inside = ctx.find_root().command, ctx.find_root()
        for name in ctx.params.get("names") or ():
            found = command.get_command(inside, name) if isinstance(command, click.Group) else None
            if found is None:
                return []
            command, inside = found, click.Context(found, inside, name)
        if not isinstance(command, click.Group):
            return []
        return [CompletionItem(name) for name in command.list_commands(inside) if name.startswith(incomplete)]


@click.command("help", short_help="Show the help of a command.")
@click.argument("names", nargs=-1, type=_CommandName(), metavar="[COMMAND]...")
@click.pass_context
def help_(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of COMMAND, as `nitido COMMAND --help` does; without one, the list of commands."""
    context = ctx.find_root()
    for name in names:
        command = context.command
        if not isinstance(command, click.Group):
            raise click.UsageError(f"'{context.command_path}' has no commands of its own; found '{name}'", ctx)
        _, found, _ = command.resolve_command(context, [name])
        assert found is not None  # otherwise resolve_command has raised
        context = click.Context(found, context, name)
    click.echo(context.get_help())
