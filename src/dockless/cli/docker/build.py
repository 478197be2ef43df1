"""`docker build`, by the classic builder."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from dockless.cli.docker.units import bytes_of
from dockless.cli.environment import labels
from dockless.cli.failure import Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session


@click.command("build", short_help="Build an image from a Dockerfile")
@click.option("--add-host", multiple=True, help="Add a custom host-to-IP mapping (host:ip)")
@click.option("--build-arg", multiple=True, metavar="KEY=VALUE", help="Set build-time variables")
@click.option("--cache-from", multiple=True, help="Images to consider as cache sources")
@click.option("-f", "--file", "dockerfile", default="", help="Name of the Dockerfile (default: PATH/Dockerfile)")
@click.option("--force-rm", is_flag=True, help="Always remove intermediate containers")
@click.option("--iidfile", default="", help="Write the image ID to the file")
@click.option("--label", multiple=True, help="Set metadata for an image")
@click.option("-m", "--memory", default="", help="Memory limit")
@click.option("--network", default="", help="Set the networking mode for the RUN instructions during build")
@click.option("--no-cache", is_flag=True, help="Do not use cache when building the image")
@click.option("--platform", default="", help="Set platform")
@click.option("--progress", default="", hidden=True)
@click.option("--pull", is_flag=True, help="Always attempt to pull a newer version of the image")
@click.option("-q", "--quiet", is_flag=True, help="Suppress the build output and print image ID on success")
@click.option("--rm", "remove", type=bool, default=True, help="Remove intermediate containers after a successful build")
@click.option("--shm-size", default="", help="Size of /dev/shm")
@click.option("-t", "--tag", multiple=True, help="Name and optionally a tag in the name:tag format")
@click.option("--target", default="", help="Set the target build stage to build")
@click.option(
    "--stand-ins/--no-stand-ins",
    "stand_ins",
    default=None,
    help="Whether stand-ins may be made for base images that cannot be pulled",
)
@click.argument("path")
@pass_session
def build(session: Session, /, path: str, **flags: Any) -> None:
    """Build an image from a Dockerfile.

    PATH is a folder, or - for a Dockerfile (or a tar archive of a context) on standard input.
    """
    from dockless.compose.run.context import ContextError
    from dockless.wire.queries import BuildQuery

    try:
        context, dockerfile = _context(path, flags["dockerfile"])
    except ContextError as error:
        raise Failure(str(error)) from error
    arguments: dict[str, str | None] = {}
    for text in flags["build_arg"]:
        key, equals, value = text.partition("=")
        arguments[key] = value if equals else session.environ.get(key)
    query = BuildQuery(
        tags=flags["tag"],
        dockerfile=dockerfile,
        build_args=arguments,
        labels=labels(flags["label"]),
        target=flags["target"],
        platform=flags["platform"],
        network_mode=flags["network"],
        extra_hosts=tuple(text.replace("=", ":", 1) for text in flags["add_host"]),
        no_cache=flags["no_cache"],
        pull=flags["pull"],
        quiet=flags["quiet"],
        remove=flags["remove"],
        force_remove=flags["force_rm"],
        cache_from=flags["cache_from"],
        memory=bytes_of(flags["memory"], "memory"),
        shm_size=bytes_of(flags["shm_size"], "shm-size"),
        stand_ins=session.may_use_stand_ins(flags["stand_ins"]),
    )
    image = _run(session, context, query, quiet=flags["quiet"])
    if flags["iidfile"]:
        Path(flags["iidfile"]).write_text(image, encoding="ascii")
    if flags["quiet"]:
        echo(image)


def _context(path: str, dockerfile: str) -> tuple[Iterable[bytes], str]:
    """The archive to send, and the Dockerfile's name in it. Raises `Failure`, `ContextError`."""
    from dockless.compose.run.context import open_context

    if path == "-":
        return _standard_input(dockerfile)
    if path.startswith(("http://", "https://", "git://", "git@", "github.com/")):
        raise Failure(f"cannot build from {path}: fetch it first, and give the folder that it is in")
    if dockerfile == "-":
        found = open_context(Path(path), inline=sys.stdin.read())
    else:
        # Docker takes -f relative to where the command is run, not to the context.
        absolute = os.path.abspath(dockerfile) if dockerfile else ""
        if absolute and not Path(absolute).exists() and (Path(path) / dockerfile).exists():
            absolute = str((Path(path) / dockerfile).absolute())
        found = open_context(Path(path).absolute(), absolute)
    return found.stream(), found.dockerfile


def _standard_input(dockerfile: str) -> tuple[Iterable[bytes], str]:
    """A tar archive, compressed or not, goes out as it is; anything else is a Dockerfile without a context."""
    import io
    import tarfile

    source = sys.stdin.buffer
    head = source.peek(512) if isinstance(source, io.BufferedReader) else b""
    if head[257:262] == b"ustar" or head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return iter(lambda: source.read(1 << 16), b""), dockerfile or "Dockerfile"
    text = source.read()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        member.size, member.mode = len(text), 0o644
        archive.addfile(member, io.BytesIO(text))
    return [buffer.getvalue()], "Dockerfile"


def _run(session: Session, context: Iterable[bytes], query: Any, *, quiet: bool) -> str:
    """Prints the build's output as it comes; the image's id. Raises `Failure` with the failed step's message."""
    from dockless.client.errors import RequestFailed
    from dockless.compose.run.context import ContextError

    image = ""
    try:
        for message in session.client.images.build(context, query):
            if message.aux and isinstance(found := message.aux.get("ID"), str):
                image = found
            if quiet:
                image = message.stream.strip() or image
                continue
            if message.stream:
                sys.stdout.write(message.stream)
                sys.stdout.flush()
            elif message.status:
                note(f"{message.id}: {message.status}" if message.id else message.status)
    except RequestFailed as error:
        sys.stdout.flush()
        raise Failure(error.message.rstrip(), error.code if 0 < error.code < 256 else 1) from error
    except ContextError as error:
        raise Failure(str(error)) from error
    return image
