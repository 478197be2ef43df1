"""`publish`: the project's compose files, as an OCI artifact at a registry; from there `-f oci://…` runs them."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from dockless.cli.failure import Failure
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.model import Project
    from dockless.compose.run.artifact import Layer

_BINDS = """\
you are about to publish bind mounts declaration within your OCI artifact.
only the bind mount declarations will be added to the OCI artifact (not content)
please double check that you are not mounting potential user's sensitive directories or data
"""
_SENSITIVE = """\
you are about to publish sensitive data within your OCI artifact.
please double check that you are not leaking sensitive data
"""
_VARIABLES = """\
you are about to publish environment variables within your OCI artifact.
please double check that you are not leaking sensitive data
"""
_NO_ENV = """\
To avoid leaking sensitive data, you must either explicitly allow the sending of environment variables by using the \
--with-env flag,
or remove sensitive data from your Compose configuration"""


@click.command("publish", short_help="Publish compose application")
@click.option("--app", is_flag=True, help="Published compose application (includes referenced images)")
@click.option("--oci-version", default="", help="OCI image/artifact specification version (1.1, or 1.0)")
@click.option("--resolve-image-digests", is_flag=True, help="Pin image tags to digests")
@click.option("--with-env", is_flag=True, help="Include environment variables in the published OCI artifact")
@click.option("-y", "--yes", is_flag=True, help='Assume "yes" as answer to all prompts')
@click.argument("repository", metavar="REPOSITORY[:TAG]")
@pass_session
def publish(session: Session, /, repository: str, **flags: Any) -> None:
    """Publish compose application: its files as an OCI artifact, which `-f oci://REPOSITORY[:TAG]` runs."""
    from dockless.compose.load.sources import is_remote
    from dockless.compose.run.publishing import documents_of

    if flags["oci_version"] not in ("", "1.0", "1.1"):
        raise Failure(f"unsupported OCI version: {flags['oci_version']}")
    session.profiles = ("*",)
    project = session.load()
    _refuse_built_only(project)
    layers = documents_of(project, is_remote, with_env=flags["with_env"])
    if not flags["yes"] and not _allowed(session, project, layers, with_env=flags["with_env"]):
        return
    _push_images(session, project)
    if flags["resolve_image_digests"] or flags["app"]:
        layers.append(_digests(session, project))
    with session.progress() as progress:
        progress.report(repository, "publishing", done=False)
        if not session.dry_run:
            try:
                manifest = _send(session, repository, layers, flags["oci_version"])
                if flags["app"]:
                    _send_images(session, project, repository, manifest)
            except BaseException:
                progress.report(repository, "Error", done=True, failed=True)
                raise
        progress.report(repository, "published", done=True)


def _refuse_built_only(project: "Project") -> None:
    found = [name for name, service in project.services.items() if service.build is not None and not service.image]
    if found:
        listed = "".join(f'- "{name}"\n' for name in found)
        raise Failure(
            "your Compose stack cannot be published as it only contains a build section for service(s):\n"
            f"{listed}  give each an `image`, under which it is pushed"
        )


def _allowed(session: Session, project: "Project", layers: "list[Layer]", *, with_env: bool) -> bool:
    """Asks for what may not be meant for others. Raises `Failure` for variables without `--with-env`."""
    binds = [
        f"{name}: {volume.source}:{volume.target}:{'ro' if volume.read_only else 'rw'}\n"
        for name, service in project.services.items()
        for volume in service.volumes
        if volume.type == "bind"
    ]
    if binds and not _agreed(_BINDS + "".join(binds), "Are you ok to publish these bind mount declarations?"):
        return False
    secrets = list(_sensitive(project, layers))
    if secrets and not _agreed(_SENSITIVE + "".join(secrets), "Are you ok to publish these sensitive data?"):
        return False
    # As it is written: what env files say goes along as files, and shows there.
    written = session.load_with(replace(session.load_options(), resolve_environment=False), quiet=True)
    faults, variables = _variables(written)
    if faults and not with_env:
        raise Failure("".join(faults) + _NO_ENV)
    return not variables or _agreed(
        _VARIABLES + "".join(variables), "Are you ok to publish these environment variables?"
    )


def _sensitive(project: "Project", layers: "list[Layer]") -> Iterator[str]:
    from dockless.compose.run.sensitive import found_in

    texts = [(layer.name, layer.content.decode(errors="replace")) for layer in layers]
    for each in (*project.configs.values(), *project.secrets.values()):
        if each.file and Path(each.file).is_file():
            texts.append((each.file, Path(each.file).read_text(errors="replace")))
    for name, text in texts:
        for kind, begin in found_in(text):
            yield f'{kind}\n"{name}": {begin}\n'


def _variables(project: "Project") -> tuple[list[str], list[str]]:
    """What forbids publishing without variables, and the lines that show them."""
    faults, lines = [], []
    for name, service in project.services.items():
        if service.env_file:
            faults.append(f'service "{name}" has env_file declared.\n')
        if service.environment:
            faults.append(f'service "{name}" has environment variable(s) declared.\n')
            lines.append(f"Service/Config  {name}\n")
            lines += [f"{key}={'' if value is None else value}\n" for key, value in service.environment.items()]
    for name, config in project.configs.items():
        if config.environment:
            faults.append(f'config "{name}" is declare as an environment variable.\n')
            lines.append(f"Service/Config  {name}\n{name}={config.environment}\n")
    return faults, lines


def _agreed(text: str, question: str) -> bool:
    """Nothing is published that nobody has agreed to: no answer is a no."""
    click.echo(text, nl=False)
    click.echo(f"{question} [y/N]: ", nl=False)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _push_images(session: Session, project: "Project") -> None:
    from dockless.cli.compose.build import push_images

    built = [service for service in project.services.values() if service.build is not None and service.image]
    if built and not session.dry_run:
        push_images(session, project, built, ignore_failures=True, quiet=False)


def _digests(session: Session, project: "Project") -> "Layer":
    from dockless.compose import printing
    from dockless.compose.run.artifact import Layer
    from dockless.compose.run.digests import with_digests

    pinned = with_digests(session.client, project)
    return Layer("image-digests.yaml", printing.locked(pinned).encode())


def _send(session: Session, repository: str, layers: "list[Layer]", version: str) -> bytes:
    """The manifest that was accepted. Raises `Failure`."""
    from dockless.client.artifacts import ArtifactError, Artifacts
    from dockless.compose.run.artifact import EMPTY, manifest_of

    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        artifacts = Artifacts(repository, session.environ, writes=True)
        artifacts.send(EMPTY)
        for layer in layers:
            artifacts.send(layer.content)
        try:
            manifest = manifest_of(layers, created, typed=version != "1.0")
            artifacts.publish(manifest)
        except ArtifactError:
            if version:
                raise
            # A registry from before OCI 1.1 takes no artifact type.
            manifest = manifest_of(layers, created, typed=False)
            artifacts.publish(manifest)
    except ArtifactError as error:
        raise Failure(str(error)) from error
    return manifest


def _send_images(session: Session, project: "Project", repository: str, manifest: bytes) -> None:
    """Copies the services' images into the artifact's repository, from registry to registry. Raises `Failure`."""
    from dockless.client.artifacts import ArtifactError, Artifacts
    from dockless.compose.run.artifact import Copied, index_of

    copied: dict[str, Copied] = {}
    try:
        target = Artifacts(repository, session.environ, writes=True)
        for name in dict.fromkeys(service.image for service in project.services.values() if service.image):
            source = Artifacts(name, session.environ)
            found = target.take(source)
            copied[found.digest] = Copied(found.media_type, found.digest, found.size, *source.place)
        target.publish_index(index_of(copied.values(), manifest))
    except ArtifactError as error:
        raise Failure(f"failed to copy images: {error}") from error
