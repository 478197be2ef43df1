"""`compose from`: a compose file of `docker run`."""

import sys
from pathlib import Path

import click

from dockless.cli.failure import Failure
from dockless.cli.output import note, to_json

_EXAMPLES = """\b
Examples:
  dockless compose from 'docker run -d --name db -e POSTGRES_PASSWORD=x -v data:/var/lib/postgresql/data postgres:16'
  dockless compose from docker run -p 8080:80 nginx
  dockless compose from - < start.sh           a script with several containers, networks and volumes
  dockless compose from -o compose.yaml 'docker run …'
"""


@click.command(
    "from",
    short_help="Make a compose file of docker run commands",
    epilog=_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of YAML")
@click.option("-o", "--output", default="", metavar="FILE", help="Write to a file, which must not be there yet")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...|-")
def from_docker(command: tuple[str, ...], as_json: bool, output: str) -> None:
    """Make a compose file of docker run commands.

    The command is given as one text in quotes, as words, or with `-` on standard input, which may be a script with
    `docker network create`, `volume create`, `build` and several `docker run`s. What no compose file can say is noted.
    """
    from dockless.compose.yaml_text import dump
    from dockless.explain.export.from_docker import from_text, from_words
    from dockless.explain.export.service import FlagError

    try:
        if command == ("-",):
            made = from_text(sys.stdin.read())
        elif len(command) == 1:
            made = from_text(command[0])
        else:
            made = from_words(command)
    except FlagError as error:
        raise Failure(str(error)) from error
    for text in made.notes:
        note(text)
    text = to_json(made.tree) + "\n" if as_json else dump(made.tree)
    if not output:
        click.echo(text, nl=False)
        return
    if Path(output).exists():
        raise Failure(f"{output} is there already: name another file, or remove it first")
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
    note(f"written: {output}")
