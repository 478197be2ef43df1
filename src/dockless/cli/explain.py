"""`explain`: what a stack's files do, for people and for programs, and the same stack in other tools' words."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockless.cli.failure import Failure
from dockless.cli.output import note
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.explain.story.stack import Stack
    from dockless.explain.story.values import Story

_EXAMPLES = """\b
Examples:
  dockless explain                          the whole stack, beside its files
  dockless explain web                      one service and its Dockerfile
  dockless explain web.volumes              one key of one service
  dockless explain Dockerfile               one file, also where there is no compose file
  dockless explain ../shop                  the stack in another folder
  dockless explain healthcheck              a key, also one that is not used here
  dockless explain --format html -o stack.html    a page with the stack drawn
  dockless explain --as docker              the docker commands that do the same
  dockless explain --as systemd -o units/   systemd units that do the same
"""


@click.command("explain", short_help="Say what this stack's files do", epilog=_EXAMPLES)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    help="What to write (default: text for the terminal)",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json")
@click.option(
    "--as",
    "as_",
    type=click.Choice(["docker", "systemd"]),
    default=None,
    help="Print what does the same without Compose",
)
@click.option("--values", is_flag=True, help="Show secret values too, such as passwords from .env")
@click.option("-o", "--output", default="", metavar="FILE", help="Write to a file (--as systemd: into a folder)")
@click.argument("names", nargs=-1, metavar="[FILE|SERVICE|KEY]...")
@pass_session
def explain(
    session: Session,
    names: tuple[str, ...],
    format_: str,
    as_json: bool,
    as_: str | None,
    values: bool,
    output: str,
) -> None:
    """Say what this stack's files do.

    Instruction by instruction and key by key, with the effective values and where each comes from; then what happens
    when, what is cached, who reaches whom, what survives and what is read from the host. Nothing is started, built or
    pulled, and no engine is asked. Values that look like secrets are hidden.
    """
    if as_ is not None:
        if names or format_ != "text" or as_json:
            raise Failure("--as prints the whole stack: it takes no --format and no FILE, SERVICE or KEY")
        _export(session, as_, output)
        return
    stack, names = _stack(session, names, reveal=values)
    story = _story(stack, names)
    _write(_rendered(stack, story, "json" if as_json else format_, output, session.ansi), output)


def _stack(session: Session, names: tuple[str, ...], *, reveal: bool) -> "tuple[Stack, tuple[str, ...]]":
    """What the files say; a Dockerfile can also be named where there is no project. A compose file that is named is
    taken as `-f` would take it, a folder as the project's."""
    from dockless.explain.story.stack import read_dockerfile, read_stack

    here = os.getcwd()
    folders = [name for name in names if os.path.isdir(name)]
    if folders and not session.names_project():
        session.project_directory = folders[0]
        names = tuple(name for name in names if name not in folders)
    compose = tuple(name for name in names if name.endswith((".yml", ".yaml")) and os.path.isfile(name))
    if compose and not session.files and not _in_project(session, compose):
        session.files = compose
    if not session.in_project():
        for name in names:
            if os.path.isfile(name) and not name.endswith((".yml", ".yaml")):
                return _dockerfile(name, here), names
        if not names and os.path.isfile("Dockerfile"):
            return _dockerfile("Dockerfile", here), names
        if names:
            from dockless.explain.story.stack import Stack

            return Stack(here), names
    from dockless.compose.load.loader import trace

    traced = trace(session.load_options())
    stack = read_stack(traced, folder=here, shell=session.environ, reveal=reveal)
    known = {os.path.normpath(os.path.join(here, image.path)) for image in stack.images}
    for name in names:
        if os.path.isfile(name) and name.endswith("Dockerfile") and os.path.abspath(name) not in known:
            return read_dockerfile(os.path.abspath(name), folder=here), names
    return stack, names


def _in_project(session: Session, paths: tuple[str, ...]) -> bool:
    """Whether the files belong to the project that is here anyway."""
    from dockless.compose.errors import ComposeError
    from dockless.compose.load.loader import trace
    from dockless.explain.story.stack import read_stack

    if not session.in_project():
        return False
    try:
        stack = read_stack(trace(session.load_options()), folder=os.getcwd(), shell=session.environ)
    except ComposeError:
        return False
    return {os.path.abspath(path) for path in paths} <= {file.path for file in stack.files}


def _dockerfile(name: str, here: str) -> "Stack":
    from dockless.dockerfile import DockerfileError
    from dockless.explain.story.stack import read_dockerfile

    try:
        return read_dockerfile(os.path.abspath(name), folder=here)
    except DockerfileError as error:
        raise Failure(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name} cannot be read: {error}") from error


def _story(stack: "Stack", names: tuple[str, ...]) -> "Story":
    from dockless.explain.story.by_hand import by_hand
    from dockless.explain.story.telling import Unknown, part, tell_stack

    if not names:
        return tell_stack(stack, by_hand=by_hand(stack))
    try:
        return part(tell_stack(stack), names)
    except Unknown as unknown:
        raise Failure(str(unknown)) from unknown


def _rendered(stack: "Stack", story: "Story", format_: str, output: str, ansi: str) -> str:
    if format_ == "json":
        import msgspec

        return msgspec.json.format(msgspec.json.encode(story), indent=2).decode() + "\n"
    if format_ == "markdown":
        from dockless.explain.drawing.mermaid import mermaid
        from dockless.explain.show import markdown

        return markdown.render(story, mermaid(stack) if story.chapters else "")
    if format_ == "html":
        from dockless.explain.drawing.svg import draw
        from dockless.explain.show import html

        return html.render(story, draw(stack) if story.chapters and stack.project.services else "")
    from dockless.explain.show.terminal import Terminal

    is_terminal = sys.stdout.isatty() and not output
    wanted = ansi == "always" or (ansi == "auto" and is_terminal and not os.environ.get("NO_COLOR"))
    width = shutil.get_terminal_size((100, 24)).columns
    return Terminal(min(width, 160), colour=wanted).story(story)


def _write(text: str, output: str) -> None:
    if not output:
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
    note(f"written: {output}")


def _export(session: Session, as_: str, output: str) -> None:
    from dockless.compose.load.loader import trace
    from dockless.explain.export import docker, systemd
    from dockless.explain.story.stack import read_stack

    stack = read_stack(trace(session.load_options()), folder=os.getcwd(), shell=session.environ, reveal=True)
    if as_ == "docker":
        _write(docker.script(stack), output)
        return
    units = systemd.units(stack)
    if not output:
        click.echo("\n".join(f"# {unit.name}\n{unit.text}" for unit in units), nl=False)
        return
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for unit in units:
            (folder / unit.name).write_text(unit.text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
    note(f"written: {len(units)} units into {output}")
