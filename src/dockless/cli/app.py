"""The commands that `dockless` has, the global options, and how a failure ends.

`dockless compose …` are Docker Compose's commands, `dockless container …` and its kin `docker`'s. At the top level both
meet: `either` decides which of the two is meant.
"""

import sys
from typing import Any

import click

from dockless.cli.commands import COMPOSE, COMPOSE_GROUP, EITHER, GROUPS, SECTIONS, TOP
from dockless.cli.failure import Exit, Failure
from dockless.cli.global_options import COMPOSE as COMPOSE_OPTIONS
from dockless.cli.global_options import COMPOSE_VERSION, DOCKER, hidden, session, with_options
from dockless.cli.lazy import COMPLETING, LazyGroup, plain_flags
from dockless.cli.session import Session

_SETTINGS = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
_FOR_PROJECTS = (
    "files",
    "project_name",
    "profiles",
    "env_files",
    "project_directory",
    "ansi_asked",
    "progress_asked",
    "parallel",
    "dry_run",
    "compatibility",
    "all_resources",
)


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit status; every message is printed here."""
    try:
        status = root.main(args=arguments, prog_name="dockless", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  (sorted out by `end_of`, which raises what it does not know)
        from dockless.cli.ending import end_of

        return 0 if COMPLETING else end_of(error)
    return status if isinstance(status, int) else 0


class Root(LazyGroup):
    """Decides at the top level between Compose's meaning of a command and `docker`'s."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        context = super().make_context(info_name, args, *rest, **extra)
        context.obj = session(context.params)
        return context

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = args
        if name in EITHER:
            from dockless.cli.either import means_project

            found = ctx.find_object(Session)
            assert found is not None
            compose, docker = EITHER[name]
            chosen = (compose if means_project(name, rest, found, compose) else docker).load()
            return name, chosen, plain_flags(chosen, rest)
        return super().resolve_command(ctx, args)


class ComposeGroup(LazyGroup):
    """`dockless compose`: its own options go before those given to `dockless`."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        context = super().make_context(info_name, args, *rest, **extra)
        outer = context.parent.find_object(Session) if context.parent else None
        inner = session(context.params)
        if outer:
            inner.stand_ins = outer.stand_ins
            if not context.params.get("config"):
                inner.environ = outer.environ
            engine = () if inner.host or inner.context else ("host", "context", "tls")
            for field in (*engine, *_FOR_PROJECTS):
                if not getattr(inner, field):
                    setattr(inner, field, getattr(outer, field))
        context.obj = inner
        return context


@click.command(
    "dockless",
    cls=Root,
    entries=COMPOSE | TOP | GROUPS,
    sections=SECTIONS,
    context_settings=_SETTINGS,
    epilog="In a folder with a compose file, `ps`, `logs`, `exec`, `stop` and others that both Docker and Docker "
    "Compose have speak of the project and its services. Given the name of a container that is no service, or a "
    "flag that only Docker has, they mean what they mean for `docker`. `dockless compose …` and "
    "`dockless container …` always mean the one or the other.",
)
@with_options(COMPOSE_OPTIONS, DOCKER)
@click.option(
    "--stand-ins/--no-stand-ins",
    default=True,
    help="Make common base images from the machine's own package sources where no registry can be reached",
)
def root(**_: object) -> None:
    """Docker Compose stacks without Docker.

    `dockless up` in a folder with a compose file builds or pulls the images and runs the services.
    """


@click.command("compose", cls=ComposeGroup, entries=COMPOSE_GROUP, context_settings=_SETTINGS)
@with_options(COMPOSE_OPTIONS, COMPOSE_VERSION, hidden(DOCKER))
def compose(**_: object) -> None:
    """Define and run multi-container applications."""


def group(name: str, help_: str, entries: dict[str, Any]) -> LazyGroup:
    """A group of `docker`'s, such as `dockless container`."""
    return LazyGroup(name, entries=entries, help=help_, context_settings=_SETTINGS)


__all__ = ["Exit", "Failure", "compose", "group", "root", "run"]
