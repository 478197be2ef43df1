"""`docker cp`."""

import click

from dockless.cli.copying import copy_in, copy_out
from dockless.cli.failure import Failure
from dockless.cli.session import Session, pass_session


@click.command("cp", short_help="Copy files/folders between a container and the local filesystem")
@click.option("-a", "--archive", is_flag=True, help="Archive mode (copy all uid/gid information)")
@click.option("-L", "--follow-link", is_flag=True, help="Always follow symbol link in SRC_PATH")
@click.option("-q", "--quiet", is_flag=True, help="Suppress progress output during copy")
@click.argument("source", metavar="CONTAINER:SRC_PATH|SRC_PATH|-")
@click.argument("destination", metavar="DEST_PATH|-|CONTAINER:DEST_PATH")
@pass_session
def cp(session: Session, /, source: str, destination: str, archive: bool, follow_link: bool, quiet: bool) -> None:
    """Copy files/folders between a container and the local filesystem."""
    from_container, from_path = split_side(source)
    to_container, to_path = split_side(destination)
    if from_container and to_container:
        raise Failure("copying between containers is not supported")
    if from_container:
        copy_out(session.client, from_container, from_path, to_path, follow=follow_link)
    elif to_container:
        copy_in(session.client, to_container, from_path, to_path, archive=archive, follow=follow_link)
    else:
        raise Failure("must specify at least one container source")


def split_side(text: str) -> tuple[str, str]:
    """(container, path); a path that begins with `/` or `.` is one of this machine, whatever colons it has."""
    name, colon, path = text.partition(":")
    if not colon or text.startswith(("/", ".")):
        return "", text
    return name, path
