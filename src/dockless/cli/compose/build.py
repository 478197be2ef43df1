"""`build`, `pull` and `push` of a project."""

from typing import TYPE_CHECKING, Any

import click

from dockless.cli.compose.options import services_argument, stand_ins_option
from dockless.cli.docker.units import bytes_of
from dockless.cli.failure import Failure
from dockless.cli.output import echo
from dockless.cli.session import Session, pass_session, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockless.compose.model import Project, Service


@click.command("build", short_help="Build or rebuild services")
@click.option("--build-arg", multiple=True, metavar="KEY=VALUE", help="Set build-time variables for services")
@click.option("--no-cache", is_flag=True, help="Do not use cache when building the image")
@click.option("--pull", is_flag=True, help="Always attempt to pull a newer version of the image")
@click.option("--push", is_flag=True, help="Push service images")
@click.option("-q", "--quiet", is_flag=True, help="Suppress the build output")
@click.option("-m", "--memory", default="", help="Set memory limit for the build container")
@click.option("--builder", default="", help="Set builder to use (the engine has one: default)")
@click.option("--check", is_flag=True, help="Check build configuration: the Dockerfiles are read, nothing is built")
@click.option("--print", "print_", is_flag=True, help="Print equivalent bake file")
@click.option("--provenance", default="", help="Add a provenance attestation (only false)")
@click.option("--sbom", default="", help="Add a SBOM attestation (only false)")
@click.option("--ssh", default="", help="Set SSH authentications used when building service images (use 'default')")
@stand_ins_option
@click.option("--with-dependencies", is_flag=True, help="Also build dependencies (transitively)")
@services_argument
@pass_session
def build(session: Session, /, services: tuple[str, ...], **flags: Any) -> None:
    """Build or rebuild services.

    At the top level `dockless build -t NAME PATH` builds an image without a project, as `docker build` does.
    """
    from dockless.compose.run.builds import build_services
    from dockless.compose.run.image_options import ImageOptions
    from dockless.compose.run.order import with_dependencies

    _refuse_unsupported(flags)
    if flags["check"]:
        from dockless.cli.compose.build_check import check_builds

        check_builds(session, services)
        return
    project = session.load(services)
    for name in services:
        if name not in project.services:
            raise Failure(f"no such service: {name}")
    chosen = with_dependencies(project, services) if flags["with_dependencies"] else services or project.services
    wanted = [service for name in chosen if (service := project.services[name]).build is not None]
    if not wanted:
        warn("No services to build")
        return
    arguments = {}
    for text in flags["build_arg"]:
        key, equals, value = text.partition("=")
        arguments[key] = value if equals else session.environ.get(key)
    options = ImageOptions(
        quiet_build=flags["quiet"],
        stand_ins=session.may_use_stand_ins(flags["stand_ins"]),
        no_cache=flags["no_cache"],
        pull_bases=flags["pull"],
        build_args=arguments,
        build_memory=bytes_of(flags["memory"], "memory"),
        build_ssh=dict([flags["ssh"].partition("=")[::2]]) if flags["ssh"] else {},
        prefix_output=len(wanted) > 1,
        all_platforms=True,
    )
    if flags["print_"]:
        import json

        from dockless.compose.run.bake import bake_file

        echo(json.dumps(bake_file(project, wanted, options, push=flags["push"]), indent=2, ensure_ascii=False))
        return
    if session.dry_run:
        for service in wanted:
            warn(f"would build service {service.name}")
        return
    with session.progress(quiet=flags["quiet"]) as progress:
        build_services(session.client, project, wanted, options, progress)
    if flags["push"]:
        push_images(session, project, wanted, ignore_failures=False, quiet=flags["quiet"])


def _refuse_unsupported(flags: dict[str, Any]) -> None:
    """What the engine's builder does not have. Raises `Failure`."""
    if flags["builder"] not in ("", "default"):
        raise Failure(
            f'no builder "{flags["builder"]}" found: images are built by the engine, whose builder is "default"'
        )
    for name in ("provenance", "sbom"):
        if flags[name].lower() not in ("", "false", "0"):
            raise Failure(f"--{name}: Attestation is not supported by the engine's builder; say --{name}=false")


@click.command("pull", short_help="Pull service images")
@click.option("--ignore-buildable", is_flag=True, help="Ignore images that can be built")
@click.option("--ignore-pull-failures", is_flag=True, help="Pull what it can and ignores images with pull failures")
@click.option("--include-deps", is_flag=True, help="Also pull services declared as dependencies")
@stand_ins_option
@click.option("--policy", type=click.Choice(["missing", "always"]), default=None, help="Apply pull policy")
@click.option("-q", "--quiet", is_flag=True, help="Pull without printing progress information")
@services_argument
@pass_session
def pull(session: Session, /, services: tuple[str, ...], **flags: Any) -> None:
    """Pull service images."""
    from dockless.compose.run.image_options import ImageError, ImageOptions, image_name
    from dockless.compose.run.images import inspect_images, pull_service
    from dockless.compose.run.observe import together
    from dockless.compose.run.order import with_dependencies

    project = session.load(services)
    for name in services:
        if name not in project.services:
            raise Failure(f"no such service: {name}")
    chosen = with_dependencies(project, services) if flags["include_deps"] else services or project.services
    wanted: dict[str, Service] = {}
    shared: dict[str, str] = {}
    for name in chosen:
        service = project.services[name]
        buildable = service.build is not None
        if not service.image or service.pull_policy in ("never", "build") or (buildable and flags["ignore_buildable"]):
            continue
        if (first := wanted.setdefault(image_name(project, service), service)) is not service:
            shared[name] = first.name
    if flags["policy"] == "missing":
        found = inspect_images(session.client, wanted)
        wanted = {name: service for name, service in wanted.items() if found[name] is None}
    options = ImageOptions(
        quiet_pull=flags["quiet"], no_build=True, stand_ins=session.may_use_stand_ins(flags["stand_ins"])
    )

    with session.progress(quiet=flags["quiet"]) as progress:

        def one(service: "Service") -> None:
            try:
                pull_service(session.client, project, service, options, progress)
            except ImageError as error:
                if not flags["ignore_pull_failures"] and service.build is None:
                    raise
                progress.line(f"WARN[0000] {error}")

        for name, other in shared.items() if wanted else ():
            progress.report(name, f"Skipped - Image is already being pulled by {other}", done=True)
        if wanted:
            together(*[lambda each=each: one(each) for each in wanted.values()])


@click.command("push", short_help="Push service images")
@click.option("--ignore-push-failures", is_flag=True, help="Push what it can and ignores images with push failures")
@click.option("--include-deps", is_flag=True, help="Also push images of services declared as dependencies")
@click.option("-q", "--quiet", is_flag=True, help="Push without printing progress information")
@services_argument
@pass_session
def push(session: Session, /, services: tuple[str, ...], **flags: Any) -> None:
    """Push service images."""
    from dockless.compose.run.order import with_dependencies

    project = session.load(services)
    for name in services:
        if name not in project.services:
            raise Failure(f"no such service: {name}")
    chosen = with_dependencies(project, services) if flags["include_deps"] else services or project.services
    wanted = [service for name in chosen if (service := project.services[name]).build is not None and service.image]
    with session.progress(quiet=flags["quiet"]) as progress:
        for name in chosen:
            if project.services[name].build is None:
                progress.report(name, "Skipped", done=True)
    push_images(session, project, wanted, ignore_failures=flags["ignore_push_failures"], quiet=flags["quiet"])


def push_images(
    session: Session, project: "Project", services: "Iterable[Service]", *, ignore_failures: bool, quiet: bool
) -> None:
    """Raises `ApiError` for the first that fails, unless failures are to be told only."""
    from dockless.compose.run.image_options import image_name
    from dockless.compose.run.images import split_reference
    from dockless.wire.errors import ApiError

    with session.progress(quiet=quiet) as progress:
        for service in services:
            name, tag = split_reference(image_name(project, service))
            subject = f"Image {name}:{tag}"
            progress.report(subject, "Pushing", done=False)
            try:
                for _ in session.client.images.push(name, tag=tag):
                    pass
            except ApiError as error:
                progress.report(subject, "Error", done=True, failed=True)
                if not ignore_failures:
                    raise
                progress.line(f"WARN[0000] {error}")
            else:
                progress.report(subject, "Pushed", done=True)
