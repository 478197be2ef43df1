"""`cp` of a project."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from dockless.cli.compose.choice import choose, one_container
from dockless.cli.compose.options import index_option
from dockless.cli.copying import copy_in, copy_out
from dockless.cli.docker.cp import split_side
from dockless.cli.failure import Failure
from dockless.cli.session import Session, pass_session
from dockless.compose.run.observe import Existing


@click.command("cp", short_help="Copy files/folders between a service container and the local filesystem")
@click.option("--all", "all_", is_flag=True, help="Include containers created by the run command")
@click.option("-a", "--archive", is_flag=True, help="Archive mode (copy all uid/gid information)")
@click.option("-L", "--follow-link", is_flag=True, help="Always follow symbol link in SRC_PATH")
@index_option
@click.argument("source", metavar="SERVICE:SRC_PATH|SRC_PATH|-")
@click.argument("destination", metavar="DEST_PATH|-|SERVICE:DEST_PATH")
@pass_session
def cp(
    session: Session, /, source: str, destination: str, all_: bool, archive: bool, follow_link: bool, index: int
) -> None:
    """Copy files/folders between a service container and the local filesystem."""
    from_service, from_path = split_side(source)
    to_service, to_path = split_side(destination)
    if from_service and to_service:
        raise Failure("copying between services is not supported")
    if not from_service and not to_service:
        raise Failure("unknown copy direction: name a service, as in SERVICE:PATH")
    if from_service:
        container = one_container(session, from_service, index, stopped=True)
        with _told(session, container, f"{container.name}:{from_path}", to_path):
            copy_out(session.client, container.id, from_path, to_path, follow=follow_link)
        return
    _, found = choose(session, [to_service], one_off=all_)
    targets = [each for each in found if not index or each.number == index]
    if not targets:
        raise Failure(f'no container found for service "{to_service}"')
    for each in targets:
        with _told(session, each, from_path, f"{each.name}:{to_path}"):
            copy_in(session.client, each.id, from_path, to_path, archive=archive, follow=follow_link)


@contextmanager
def _told(session: Session, container: Existing, source: str, destination: str) -> Iterator[None]:
    """The copy's beginning and end, as Docker Compose tells them."""
    with session.progress() as progress:
        progress.report(container.name, f"copy {source} to {destination} Copying", done=False)
        yield
        progress.report(container.name, f"copy {source} to {destination} Copied", done=True)
