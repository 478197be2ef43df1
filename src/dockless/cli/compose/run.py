"""`run`: a one-off container of a service."""

import sys
from typing import TYPE_CHECKING, Any

import click

from dockless.cli.compose.options import stand_ins_option
from dockless.cli.compose.remote_stack import confirm
from dockless.cli.environment import labels, read_env_file, variables
from dockless.cli.failure import Exit, Failure
from dockless.cli.manners import ignores_orphans
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.model import Port, Project, Service, ServiceVolume
    from dockless.compose.run.execute import Reporter


@click.command(
    "run", short_help="Run a one-off command on a service", context_settings={"allow_interspersed_args": False}
)
@click.option("--build", is_flag=True, help="Build image before starting container")
@click.option("--cap-add", multiple=True, help="Add Linux capabilities")
@click.option("--cap-drop", multiple=True, help="Drop Linux capabilities")
@click.option("-d", "--detach", is_flag=True, help="Run container in background and print container ID")
@click.option("--entrypoint", default=None, help="Override the entrypoint of the image")
@click.option("-e", "--env", multiple=True, metavar="KEY=VALUE", help="Set environment variables")
@click.option("--env-from-file", multiple=True, metavar="FILE", help="Set environment variables from file")
@click.option("-i", "--interactive/--no-interactive", default=True, help="Keep STDIN open even if not attached")
@click.option("-l", "--label", multiple=True, help="Add or override a label")
@click.option("--name", default="", help="Assign a name to the container")
@click.option("-T", "--no-tty", "--no-TTY", is_flag=True, help="Disable pseudo-TTY allocation (default: auto-detected)")
@click.option("-t", "--tty", is_flag=True, hidden=True)
@click.option("--no-deps", is_flag=True, help="Don't start linked services")
@click.option("-p", "--publish", multiple=True, help="Publish a container's port(s) to the host")
@click.option("--pull", type=click.Choice(["always", "missing", "never", "policy"]), default="policy")
@click.option("-q", "--quiet", is_flag=True, help="Don't print anything to STDOUT")
@click.option("--quiet-build", is_flag=True, help="Suppress progress output from the build process")
@click.option("--quiet-pull", is_flag=True, help="Pull without printing progress information")
@stand_ins_option
@click.option("--remove-orphans", is_flag=True, help="Remove containers for services not defined in the Compose file")
@click.option("--rm", "remove", is_flag=True, help="Automatically remove the container when it exits")
@click.option("-P", "--service-ports", is_flag=True, help="Run command with all service's ports enabled")
@click.option("--use-aliases", is_flag=True, help="Use the service's network aliases in the networks it connects to")
@click.option("-u", "--user", default="", help="Run as specified username or uid")
@click.option("-v", "--volume", multiple=True, help="Bind mount a volume")
@click.option("-w", "--workdir", default="", help="Working directory inside the container")
@click.argument("service")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [ARGS...]")
@pass_session
def run(session: Session, /, service: str, **flags: Any) -> None:
    """Run a one-off command on a service."""
    from dockless.cli.interactive import keys_of
    from dockless.cli.start_container import Running, start_and_carry

    project = session.load([service])
    if service not in project.services:
        raise Failure(f"no such service: {service}")
    if sys.stdin.isatty():  # another input is the service's
        confirm(session, project, yes=False)
    container, tty = _create(session, project, service, flags)
    running = Running(
        detach=flags["detach"],
        stdin=flags["interactive"] and not flags["detach"],
        stdout=True,
        stderr=True,
        tty=tty,
        remove=flags["remove"],
        sig_proxy=True,
        detach_keys=keys_of(None),
    )
    if running.detach:
        container = session.client.containers.inspect(container).id  # which is what is printed
    try:
        status = start_and_carry(session.client, container, running)
    except Failure as failure:
        # `docker run` tells by its status why nothing was started; Docker Compose does not.
        raise Failure(failure.message) from failure
    if status:
        raise Exit(status)


def _create(session: Session, project: "Project", service_name: str, flags: dict[str, Any]) -> tuple[str, bool]:
    """The created container's name, and whether it has a terminal."""
    from dockless.cli.start_container import default_tty, slug
    from dockless.compose.run.convert import OneOff
    from dockless.compose.run.execute import Context, execute
    from dockless.compose.run.images import ensure_images
    from dockless.compose.run.names import one_off_name
    from dockless.compose.run.observe import containers_of
    from dockless.compose.run.plan import InjectFiles, Plan
    from dockless.compose.run.up import models_not_run

    images = _images(session, flags)
    tty = (flags["tty"] or (default_tty() and flags["interactive"])) and not flags["no_tty"] and not flags["detach"]
    identity = slug()
    name = flags["name"] or one_off_name(project, service_name, identity)
    with session.progress(quiet=flags["quiet"]) as progress:
        project = session.provided(project, [service_name], progress, with_deps=not flags["no_deps"])
        service = project.services[service_name]
        if service.provider is not None:
            kind = service.provider.type
            raise Failure(f'service "{service_name}" is provided by {kind!r}: it has no container to run')
        changed = _overridden(service, flags, session, tty=tty)
        converter = session.converter(project)
        if not flags["no_deps"] and service.depends_on:
            _start_dependencies(session, project, service, flags, progress)
        facts = ensure_images(session.client, project, [service], images, progress)[service.name]
        _ensure_resources(session, project, service, progress)
        linked: dict[str, tuple[str, ...]] = {}
        for each in containers_of(session.client, project.name):
            if not each.one_off:
                linked[each.service] = (*linked.get(each.service, ()), each.name)
        one_off = OneOff(
            name=name,
            slug=identity,
            aliases=flags["use_aliases"],
            remove=flags["remove"],
            attach_stdin=flags["interactive"] and not flags["detach"],
        )
        create = converter.create(
            changed, number=1, name=name, shown=name, image_id=facts.id, linked=linked, one_off=one_off
        )
        plan = Plan()
        plan.add("create", create)
        if files := converter.files(changed):
            plan.add("files", InjectFiles(name, files), ["create"])
        for warning in (*converter.warnings, *models_not_run(project, [service])):
            progress.line(f"WARN[0000] {warning}")
        with session.progress(quiet=True) as silent:
            execute(plan, Context(session.client, silent))
    return name, tty


def _images(session: Session, flags: dict[str, Any]) -> Any:
    from dockless.compose.run.image_options import ImageOptions

    return ImageOptions(
        build=flags["build"],
        pull="" if flags["pull"] == "policy" else flags["pull"],
        quiet_pull=flags["quiet_pull"],
        quiet_build=flags["quiet_build"],
        stand_ins=session.may_use_stand_ins(flags["stand_ins"]),
    )


def _start_dependencies(
    session: Session, project: "Project", service: "Service", flags: dict[str, Any], progress: Any
) -> None:
    from dockless.compose.run.converge import UpOptions
    from dockless.compose.run.execute import Context, execute
    from dockless.compose.run.readiness import await_dependencies
    from dockless.compose.run.up import prepare

    names = [name for name in service.depends_on if name in project.services]
    if not names:
        return
    removing = flags["remove_orphans"]
    ignoring = ignores_orphans(session.environ, removing=removing)
    options = UpOptions(remove_orphans=removing, ignore_orphans=ignoring)
    prepared = prepare(
        session.client, project, names, options, _images(session, flags), session.converter(project), progress
    )
    plan = prepared.plan
    await_dependencies(plan, project, service, prepared.observed, prepared.images, wait_for_ports=True)
    for warning in plan.warnings:
        progress.line(f"WARN[0000] {warning}")
    execute(plan, Context(session.client, progress), width=session.width)


def _ensure_resources(session: Session, project: "Project", service: "Service", progress: "Reporter") -> None:
    """The service's networks and volumes, without a container of it."""
    from dockless.compose.run.converge import resources_plan
    from dockless.compose.run.execute import Context, execute
    from dockless.compose.run.observe import observe

    plan = resources_plan(project, observe(session.client, project.name), service, session.converter(project))
    execute(plan, Context(session.client, progress), width=session.width)


def _overridden(service: "Service", flags: dict[str, Any], session: Session, *, tty: bool) -> "Service":
    """The service as this one container is to be: no ports of its own, no restarts, no fixed name."""
    from msgspec.structs import replace

    environment = dict(service.environment)
    entries: list[str] = []
    for file in flags["env_from_file"]:
        entries += read_env_file(file, session.environ)
    entries += variables(flags["env"], session.environ)
    for entry in entries:
        key, _, value = entry.partition("=")
        environment[key] = value
    entrypoint, command = service.entrypoint, service.command
    if flags["entrypoint"] is not None:
        import shlex

        entrypoint = tuple(shlex.split(flags["entrypoint"]))
        command = None
    if flags["command"]:
        command = tuple(flags["command"])
    ports = service.ports if flags["service_ports"] else ()
    return replace(
        service,
        environment=environment,
        entrypoint=entrypoint,
        command=command,
        ports=(*ports, *(_port(text) for text in flags["publish"])),
        volumes=(*service.volumes, *(_volume(text) for text in flags["volume"])),
        labels=dict(service.labels) | labels(flags["label"]),
        cap_add=(*service.cap_add, *flags["cap_add"]),
        cap_drop=(*service.cap_drop, *flags["cap_drop"]),
        user=flags["user"] or service.user,
        working_dir=flags["workdir"] or service.working_dir,
        tty=tty,
        stdin_open=flags["interactive"],
        container_name="",
        restart="",
        deploy=replace(service.deploy, restart_policy=None) if service.deploy else None,
    )


def _port(text: str) -> "Port":
    from dockless.compose.model import Port

    rest, slash, protocol = text.partition("/")
    host, _, target = rest.rpartition(":")
    address, _, published = host.rpartition(":")
    if not target.isdigit():
        raise Failure(f"invalid containerPort: {target!r} in --publish {text}")
    return Port(
        mode="ingress",
        host_ip=address.strip("[]"),
        target=int(target),
        published=published,
        protocol=protocol if slash else "tcp",
    )


def _volume(text: str) -> "ServiceVolume":
    import os

    from dockless.compose.model import BindOptions, ServiceVolume

    source, colon, rest = text.partition(":")
    if not colon:
        return ServiceVolume(type="volume", target=source)
    target, _, mode = rest.partition(":")
    read_only = "ro" in mode.split(",")
    if source.startswith((".", "/", "~")):
        path = os.path.abspath(os.path.expanduser(source))
        return ServiceVolume(
            type="bind", source=path, target=target, read_only=read_only, bind=BindOptions(create_host_path=True)
        )
    return ServiceVolume(type="volume", source=source, target=target, read_only=read_only)
