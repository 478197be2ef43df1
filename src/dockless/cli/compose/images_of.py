"""`commit`, `export` and `bridge` of a project."""

import click

from dockless.cli.compose.choice import choose
from dockless.cli.compose.options import index_option
from dockless.cli.docker.archives import check_output, write_archive
from dockless.cli.failure import Failure
from dockless.cli.output import note
from dockless.cli.references import split_tag
from dockless.cli.session import Session, pass_session
from dockless.compose.run.observe import Existing

_ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True}


@click.command("commit", short_help="Create a new image from a service container's changes")
@click.option("-a", "--author", default="", help='Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")')
@click.option("-c", "--change", multiple=True, help="Apply Dockerfile instruction to the created image")
@index_option
@click.option("-m", "--message", default="", help="Commit message")
@click.option("-p", "--pause/--no-pause", default=True, help="Pause container during commit")
@click.argument("service")
@click.argument("name", required=False, default="", metavar="[REPOSITORY[:TAG]]")
@pass_session
def commit(
    session: Session,
    /,
    service: str,
    name: str,
    author: str,
    change: tuple[str, ...],
    index: int,
    message: str,
    pause: bool,
) -> None:
    """Create a new image from a service container's changes."""
    container = _container(session, service, index)
    if session.dry_run:
        note(f" {container.name}  would be committed")
        return
    repository, tag = split_tag(name)
    with session.progress() as progress:
        progress.report(container.name, f"Commit {container.name} Committing", done=False)
        image = session.client.containers.commit(
            container.id, repo=repository, tag=tag, comment=message, author=author, pause=pause, changes=change
        )
        progress.report(container.name, f"Commit {container.name} Committed as {image}", done=True)


@click.command("export", short_help="Export a service container's filesystem as a tar archive")
@index_option
@click.option("-o", "--output", default="", help="Write to a file, instead of STDOUT")
@click.argument("service")
@pass_session
def export(session: Session, /, service: str, index: int, output: str) -> None:
    """Export a service container's filesystem as a tar archive."""
    container = _container(session, service, index)
    if session.dry_run:
        note(f" {container.name}  would be exported to {output or 'standard output'}")
        return
    check_output(output, "failed to export container")
    target = output or "standard output"
    with session.progress() as progress, session.client.containers.export(container.id) as archive:
        progress.report(container.name, f"export {container.name} to {target} Exporting", done=True)
        write_archive(archive, output)


@click.command("bridge", short_help="Convert compose files into another model", context_settings=_ANYTHING)
@click.argument("rest", nargs=-1, metavar="COMMAND")
def bridge(rest: tuple[str, ...]) -> None:
    """Convert compose files into another model: not supported.

    Write the project with `config -o FILE` and give it to a converter (kompose makes Kubernetes manifests) instead.
    """
    raise Failure(
        f"bridge {' '.join(rest)}".rstrip() + " is not supported: its transformations are programs in images of "
        "Docker's.\n  `dockless config -o FILE` writes the whole project, which converters such as kompose read"
    )


def _container(session: Session, service: str, index: int) -> Existing:
    """The service's container, running or not: the first, or the one with that number. Raises `Failure`."""
    _, found = choose(session, [service])
    chosen = sorted((each for each in found if not index or each.number == index), key=lambda each: each.number)
    if not chosen:
        number = f" container #{index}" if index else ""
        raise Failure(f'service "{service}" is not running{number}')
    return chosen[0]
