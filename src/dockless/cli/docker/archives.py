"""`docker save`, `load`, `import`, `export`, `commit`: images and containers as archives."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from dockless.cli.docker.platforms import platform_of
from dockless.cli.failure import Failure
from dockless.cli.output import echo
from dockless.cli.references import split_tag
from dockless.cli.session import Session, pass_session

_CHUNK = 1 << 18


@click.command("save", short_help="Save one or more images to a tar archive")
@click.option("-o", "--output", default="", help="Write to a file, instead of STDOUT")
@click.option("--platform", default="", help="Save only the given platform's image, of several")
@click.argument("names", nargs=-1, required=True, metavar="IMAGE [IMAGE...]")
@pass_session
def save(session: Session, /, names: tuple[str, ...], output: str, platform: str) -> None:
    """Save one or more images to a tar archive (streamed to STDOUT by default)."""
    check_output(output, "failed to save image")
    with session.client.images.save(names, platform=platform_of(platform)) as archive:
        write_archive(archive, output)


@click.command("export", short_help="Export a container's filesystem as a tar archive")
@click.option("-o", "--output", default="", help="Write to a file, instead of STDOUT")
@click.argument("container")
@pass_session
def export(session: Session, /, container: str, output: str) -> None:
    """Export a container's filesystem as a tar archive."""
    check_output(output, "failed to export container")
    with session.client.containers.export(container) as archive:
        write_archive(archive, output)


@click.command("load", short_help="Load an image from a tar archive or STDIN")
@click.option("-i", "--input", "source", default="", help="Read from tar archive file, instead of STDIN")
@click.option("-q", "--quiet", is_flag=True, help="Suppress the load output")
@pass_session
def load(session: Session, /, source: str, quiet: bool) -> None:
    """Load an image from a tar archive or STDIN."""
    if not source and sys.stdin.isatty():
        raise Failure("requested load from stdin, but stdin is empty")
    with _source(source) as file:
        for message in session.client.images.load(_pieces(file), quiet=quiet):
            if text := (message.stream or message.status).rstrip():
                echo(text)


@click.command("import", short_help="Import the contents from a tarball to create a filesystem image")
@click.option("-c", "--change", multiple=True, help="Apply Dockerfile instruction to the created image")
@click.option("-m", "--message", default="", help="Set commit message for imported image")
@click.option("--platform", default="", help="Set platform of the image")
@click.argument("source", metavar="FILE|-")
@click.argument("name", required=False, default="")
@pass_session
def import_(session: Session, /, source: str, name: str, change: tuple[str, ...], message: str, platform: str) -> None:
    """Import the contents from a tarball to create a filesystem image."""
    repository, tag = split_tag(name)
    with _source("" if source == "-" else source) as file:
        answer = session.client.images.import_(
            _pieces(file),
            repo=repository,
            tag=tag or ("latest" if name else ""),
            message=message,
            changes=change,
            platform=platform,
        )
        for each in answer:
            if each.status:
                echo(each.status)


@click.command("commit", short_help="Create a new image from a container's changes")
@click.option("-a", "--author", default="", help="Author")
@click.option("-c", "--change", multiple=True, help="Apply Dockerfile instruction to the created image")
@click.option("-m", "--message", default="", help="Commit message")
@click.option("-p", "--pause/--no-pause", default=True, help="Pause container during commit")
@click.argument("container")
@click.argument("name", required=False, default="")
@pass_session
def commit(
    session: Session, /, container: str, name: str, author: str, change: tuple[str, ...], message: str, pause: bool
) -> None:
    """Create a new image from a container's changes."""
    repository, tag = split_tag(name)
    image = session.client.containers.commit(
        container, repo=repository, tag=tag, comment=message, author=author, pause=pause, changes=change
    )
    echo(image)


def check_output(output: str, failed: str) -> None:
    """Raises `Failure` (what `failed`, and why) where no archive can be written: asked before the engine is."""
    folder = Path(output).parent
    if output and not folder.is_dir():
        raise Failure(f'{failed}: invalid output path: directory "{folder}" does not exist')
    if output and Path(output).is_dir():
        raise Failure(f"cannot write to a directory: name the archive, as in {Path(output) / 'archive.tar'}")


def write_archive(archive: Iterable[bytes], output: str) -> None:
    """Raises `Failure`."""
    if not output:
        if sys.stdout.isatty():
            raise Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        for chunk in archive:
            sys.stdout.buffer.write(chunk)
        return
    # Beside its place and then renamed into it: a broken connection leaves no half archive.
    part = Path(f"{output}.part")
    try:
        with part.open("wb") as file:
            for chunk in archive:
                file.write(chunk)
        part.rename(output)
    except OSError as error:
        raise Failure(f"{error.filename or output}: {(error.strerror or str(error)).lower()}") from error
    finally:
        part.unlink(missing_ok=True)


def _source(path: str) -> BinaryIO:
    if not path:
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise Failure(f"open {path}: {(error.strerror or str(error)).lower()}") from error


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")
