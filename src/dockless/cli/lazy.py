"""Groups of commands whose modules are imported when they are called, not when they are listed."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


COMPLETING = "_DOCKLESS_COMPLETE" in os.environ
"""Whether it is a shell that asks, for what could be typed next."""


class Entry(NamedTuple):
    """Where a command is (`module:attribute` below `dockless.cli`), and what the list of commands says of it."""

    target: str
    help: str = ""
    hidden: bool = False

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(f"dockless.cli.{module}"), attribute)
        assert isinstance(found, click.Command)
        if self.target.startswith("compose.") and all(option.name != "dry_run" for option in found.params):
            found.params.append(_dry_run_option())
        _add_json(found)
        if "--help" in sys.argv:
            _add_examples(self.target, found)
        if COMPLETING:
            from dockless.cli.completion import complete_arguments

            return complete_arguments(self.target, found)
        return found


def _add_json(command: click.Command) -> None:
    """`--json` wherever there is `--format`, so that no one has to remember which of the two a command takes."""
    formats = next((option for option in command.params if "--format" in option.opts), None)
    if formats is None or any("--json" in option.opts for option in command.params):
        return

    def note(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.meta["dockless.json"] = value

    def chosen(context: click.Context, _: click.Parameter, value: object) -> object:
        return "json" if context.meta.get("dockless.json") else value

    formats.callback = chosen
    flag = click.Option(
        ["--json"], is_flag=True, is_eager=True, expose_value=False, callback=note, help="The same as --format json"
    )
    command.params.append(flag)


def _add_examples(target: str, command: click.Command) -> None:
    from dockless.cli.examples import examples_of

    if not command.epilog and (lines := examples_of(target, "dockless")):
        command.epilog = f"\b\nExamples:\n{lines}"


_CANNOT_BE_TRIED = ("attach", "cp", "exec", "pull", "push", "run")
"""Compose's commands that act and have nothing to show instead."""


def _dry_run_option() -> click.Option:
    """`--dry-run` after a command of Compose's means what it means before it."""
    return click.Option(
        ["--dry-run"], is_flag=True, expose_value=False, callback=_note_dry_run, help="Execute command in dry run mode"
    )


def _note_dry_run(context: click.Context, _: click.Parameter, value: bool) -> None:
    from dockless.cli.failure import Failure
    from dockless.cli.session import Session

    session = context.find_object(Session)
    if session is None:
        return
    session.dry_run = session.dry_run or value
    if session.dry_run and context.info_name in _CANNOT_BE_TRIED:
        raise Failure(f"{context.info_name} is not supported in dry-run mode: nothing was done")


_TRUTHS = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True)
_TRUTHS |= dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False)


def plain_flags(command: click.Command, arguments: list[str]) -> list[str]:
    """A command's arguments with `--detach=true` as `--detach`, and without `--detach=false`.

    Docker's commands take a flag's value so; what is handed on to a program (`exec web ls --all=true`) stays as it is.
    """
    options = [option for option in command.params if isinstance(option, click.Option)]
    flags = {name: option for option in options if option.is_flag for name in option.opts}
    taking = {name for option in options if not option.is_flag and not option.count for name in option.opts}
    interspersed = command.context_settings.get("allow_interspersed_args", command.allow_interspersed_args)
    found: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--" or (not interspersed and not argument.startswith("-")):
            found += [argument, *rest]
        elif equals and name in flags and value in _TRUTHS:
            found += [name] if _TRUTHS[value] else flags[name].secondary_opts[:1]
        elif _takes_next(argument, taking):
            found += [argument, *(after for after in (next(rest, None),) if after is not None)]
        else:
            found.append(argument)
    return found


def _takes_next(argument: str, taking: set[str]) -> bool:
    """Whether the argument after this one is its value: `--name x`, `-e x`, `-ite x`."""
    if argument.startswith("--"):
        return argument in taking
    letters = argument[1:] if argument.startswith("-") else ""
    first = next((place for place, letter in enumerate(letters) if f"-{letter}" in taking), None)
    return first is not None and first == len(letters) - 1


class LazyGroup(click.Group):
    """`entries`: from a command's name to its place; `sections` order them in the help."""

    def __init__(
        self,
        name: str | None = None,
        *,
        entries: Mapping[str, Entry] | None = None,
        sections: Mapping[str, tuple[str, ...]] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(name, **attributes)
        self.entries = dict(entries or {})
        self.sections = dict(sections or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name, entry in self.entries.items() if not entry.hidden)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            from difflib import get_close_matches

            near = get_close_matches(name, self.list_commands(ctx), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"unknown command: {ctx.command_path} {name}.{hint}")
        return name, command, plain_flags(command, args[1:])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem"]:
        """From the table: no command is imported for its name."""
        from click.shell_completion import CompletionItem

        options = click.Command.shell_complete(self, ctx, incomplete)
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*(CompletionItem(name, help=self.entries[name].help) for name in names), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        listed = self.list_commands(ctx)
        sections = self.sections or {"Commands": tuple(listed)}
        for title, chosen in sections.items():
            rows = [(name, self.entries[name].help) for name in chosen if name in self.entries]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
