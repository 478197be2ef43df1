"""`docker run` and `docker create`."""

from typing import Any

import click

from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session

_OPTIONS: tuple[Any, ...] = (
    click.option("--add-host", multiple=True, help="Add a custom host-to-IP mapping (host:ip)"),
    click.option("--annotation", multiple=True, help="Add an annotation to the container"),
    click.option("-a", "--attach", multiple=True, help="Attach to STDIN, STDOUT or STDERR"),
    click.option("--cap-add", multiple=True, help="Add Linux capabilities"),
    click.option("--cap-drop", multiple=True, help="Drop Linux capabilities"),
    click.option("--cgroup-parent", default="", help="Optional parent cgroup for the container"),
    click.option("--cgroupns", default="", help="Cgroup namespace to use (host|private)"),
    click.option("--cidfile", default="", help="Write the container ID to the file"),
    click.option("-c", "--cpu-shares", type=int, default=0, help="CPU shares (relative weight)"),
    click.option("--cpu-period", type=int, default=0, help="Limit CPU CFS period in microseconds"),
    click.option("--cpu-quota", type=int, default=0, help="Limit CPU CFS quota in microseconds"),
    click.option("--cpus", type=float, default=0.0, help="Number of CPUs"),
    click.option("--cpuset-cpus", default="", help="CPUs in which to allow execution (0-3, 0,1)"),
    click.option("--device", multiple=True, help="Add a host device to the container"),
    click.option("--dns", multiple=True, help="Set custom DNS servers"),
    click.option("--dns-option", multiple=True, help="Set DNS options"),
    click.option("--dns-search", multiple=True, help="Set custom DNS search domains"),
    click.option("--domainname", default="", help="Container NIS domain name"),
    click.option("--entrypoint", default=None, help="Overwrite the default ENTRYPOINT of the image"),
    click.option("-e", "--env", multiple=True, metavar="KEY=VALUE", help="Set environment variables"),
    click.option("--env-file", multiple=True, metavar="FILE", help="Read in a file of environment variables"),
    click.option("--expose", multiple=True, help="Expose a port or a range of ports"),
    click.option("--group-add", multiple=True, help="Add additional groups to join"),
    click.option("--health-cmd", default="", help="Command to run to check health"),
    click.option("--health-interval", default="", help="Time between running the check (ms|s|m|h)"),
    click.option("--health-retries", type=int, default=0, help="Consecutive failures needed to report unhealthy"),
    click.option("--health-start-period", default="", help="Start period before retries count (ms|s|m|h)"),
    click.option("--health-timeout", default="", help="Maximum time to allow one check to run (ms|s|m|h)"),
    click.option("-h", "--hostname", default="", help="Container host name"),
    click.option("--init", is_flag=True, help="Run an init that forwards signals and reaps processes"),
    click.option("-i", "--interactive", is_flag=True, help="Keep STDIN open even if not attached"),
    click.option("--ip", default="", help="IPv4 address (e.g. 172.30.100.104)"),
    click.option("--ip6", default="", help="IPv6 address (e.g. 2001:db8::33)"),
    click.option("--ipc", default="", help="IPC mode to use"),
    click.option("-l", "--label", multiple=True, help="Set meta data on a container"),
    click.option("--label-file", multiple=True, help="Read in a line delimited file of labels"),
    click.option("--link", multiple=True, help="Add link to another container"),
    click.option("--log-driver", default="", help="Logging driver for the container"),
    click.option("--log-opt", multiple=True, help="Log driver options"),
    click.option("--mac-address", default="", help="Container MAC address"),
    click.option("-m", "--memory", default="", help="Memory limit"),
    click.option("--memory-reservation", default="", help="Memory soft limit"),
    click.option("--memory-swap", default="", help="Swap limit equal to memory plus swap: '-1' for unlimited swap"),
    click.option("--mount", multiple=True, help="Attach a filesystem mount to the container"),
    click.option("--name", default="", help="Assign a name to the container"),
    click.option("--network", "--net", "network", multiple=True, help="Connect a container to a network"),
    click.option("--network-alias", "--net-alias", "network_alias", multiple=True, help="Add network-scoped alias"),
    click.option("--no-healthcheck", is_flag=True, help="Disable any container-specified HEALTHCHECK"),
    click.option("--oom-kill-disable", is_flag=True, help="Disable OOM Killer"),
    click.option("--oom-score-adj", type=int, default=0, help="Tune host's OOM preferences (-1000 to 1000)"),
    click.option("--pid", default="", help="PID namespace to use"),
    click.option("--pids-limit", type=int, default=0, help="Tune container pids limit (set -1 for unlimited)"),
    click.option("--platform", default="", help="Set platform if the engine is multi-platform capable"),
    click.option("--privileged", is_flag=True, help="Give extended privileges to this container"),
    click.option("-p", "--publish", multiple=True, help="Publish a container's port(s) to the host"),
    click.option("-P", "--publish-all", is_flag=True, help="Publish all exposed ports to random ports"),
    click.option("--pull", type=click.Choice(["always", "missing", "never"]), default="missing"),
    click.option("-q", "--quiet", is_flag=True, help="Suppress the pull output"),
    click.option("--read-only", is_flag=True, help="Mount the container's root filesystem as read only"),
    click.option("--restart", default="", help="Restart policy to apply when a container exits"),
    click.option("--rm", "remove", is_flag=True, help="Automatically remove the container when it exits"),
    click.option("--runtime", default="", help="Runtime to use for this container"),
    click.option("--security-opt", multiple=True, help="Security Options"),
    click.option("--shm-size", default="", help="Size of /dev/shm"),
    click.option("--stop-signal", default="", help="Signal to stop the container"),
    click.option("--stop-timeout", type=int, default=None, help="Timeout (in seconds) to stop a container"),
    click.option("--sysctl", multiple=True, help="Sysctl options"),
    click.option("--tmpfs", multiple=True, help="Mount a tmpfs directory"),
    click.option("-t", "--tty", is_flag=True, help="Allocate a pseudo-TTY"),
    click.option("--ulimit", multiple=True, help="Ulimit options"),
    click.option("-u", "--user", default="", help="Username or UID (format: <name|uid>[:<group|gid>])"),
    click.option("--userns", default="", help="User namespace to use"),
    click.option("--uts", default="", help="UTS namespace to use"),
    click.option("-v", "--volume", multiple=True, help="Bind mount a volume"),
    click.option("--volumes-from", multiple=True, help="Mount volumes from the specified container(s)"),
    click.option("-w", "--workdir", default="", help="Working directory inside the container"),
    click.option(
        "--stand-ins/--no-stand-ins",
        "stand_ins",
        default=None,
        help="Whether a stand-in may be made for an image that cannot be pulled",
    ),
    click.argument("image"),
    click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [ARG...]"),
)


def _container_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(
    "run",
    short_help="Create and run a new container from an image",
    context_settings={"allow_interspersed_args": False},
)
@click.option("-d", "--detach", is_flag=True, help="Run container in background and print container ID")
@click.option("--detach-keys", default="", help="Override the key sequence for detaching a container")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Proxy received signals to the process")
@_container_options
@pass_session
def run(session: Session, /, detach: bool, detach_keys: str, sig_proxy: bool, **flags: Any) -> None:
    """Create and run a new container from an image."""
    from dockless.cli.interactive import keys_of, require_terminal
    from dockless.cli.start_container import Running, start_and_carry

    if detach and flags["attach"]:
        raise Failure("docker: Conflicting options: -a and -d", 125)
    if flags["remove"] and flags["restart"] not in ("", "no"):
        raise Failure("docker: conflicting options: cannot specify both --restart and --rm", 125)
    if not detach:
        require_terminal(tty=flags["tty"], stdin=flags["interactive"])
    streams = {stream.lower() for stream in flags["attach"]} or {"stdout", "stderr"}
    if flags["interactive"] and not flags["attach"]:
        streams.add("stdin")
    container = _create(session, flags, frozenset() if detach else frozenset(streams))
    running = Running(
        detach=detach,
        stdin="stdin" in streams and flags["interactive"],
        stdout="stdout" in streams,
        stderr="stderr" in streams,
        tty=flags["tty"],
        remove=flags["remove"],
        sig_proxy=sig_proxy,
        detach_keys=keys_of(detach_keys),
        prefix="docker: ",
    )
    try:
        status = start_and_carry(session.client, container, running)
    except Failure:
        if flags["remove"]:
            _remove_remains(session, container)
        raise
    if status:
        raise Exit(status)


@click.command("create", short_help="Create a new container", context_settings={"allow_interspersed_args": False})
@_container_options
@pass_session
def create(session: Session, /, **flags: Any) -> None:
    """Create a new container."""
    echo(_create(session, flags, frozenset(("stdout", "stderr"))))


def _create(session: Session, flags: dict[str, Any], streams: frozenset[str]) -> str:
    """The id of a container made as the flags say; pulls the image when it is missing. Raises `Failure`."""
    from dockless.cli.docker.request import request_of
    from dockless.cli.start_container import write_cid_file
    from dockless.wire.errors import ApiError, NotFound

    body, further = request_of(flags, session.environ, streams)
    containers = session.client.containers
    name = flags["name"] or None
    try:
        if flags["pull"] == "always":
            _pull(session, flags)
        try:
            created = containers.create(name, body, platform=flags["platform"])
        except NotFound as error:
            if "No such image" not in error.message or flags["pull"] == "never":
                raise
            from dockless.compose.run.images import split_reference

            image, tag = split_reference(flags["image"])
            separator = "@" if tag.startswith("sha256:") else ":"
            note(f"Unable to find image '{image}{separator}{tag}' locally")
            _pull(session, flags)
            created = containers.create(name, body, platform=flags["platform"])
        for network, endpoint in further:
            session.client.networks.connect(network, container=created.id, endpoint=endpoint)
    except ApiError as error:
        raise Failure(f"docker: Error response from daemon: {error.message.strip()}", 125) from error
    for warning in created.warnings or ():
        note(f"WARNING: {warning}")
    if flags["cidfile"]:
        write_cid_file(flags["cidfile"], created.id)
    return created.id


def _pull(session: Session, flags: dict[str, Any]) -> None:
    from dockless.cli.docker.pulling import pull_image

    stand_ins = session.may_use_stand_ins(flags["stand_ins"])
    pull_image(session, flags["image"], platform=flags["platform"], stand_ins=stand_ins, quiet=flags["quiet"])


def _remove_remains(session: Session, container: str) -> None:
    """`--rm` of a container that could not be started; an engine may have removed it by itself."""
    from dockless.wire.errors import ApiError

    try:
        session.client.containers.remove(container, volumes=True, force=True)
    except ApiError as error:
        if error.status not in (404, 409):
            raise
