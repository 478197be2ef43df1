"""What `docker run` and `docker create` do, without the command line around it."""

from typing import TYPE_CHECKING, Any

from dockless.cli.failure import Failure
from dockless.cli.output import note

if TYPE_CHECKING:
    from dockless.cli.settings import Session


def run_container(session: "Session", flags: dict[str, Any]) -> int:
    """Creates a container as the flags say and runs it; the exit status. Raises `Failure`."""
    from dockless.cli.docker import client_config
    from dockless.cli.interactive import require_terminal
    from dockless.cli.start_container import Running, start_and_carry

    detach = flags["detach"]
    if detach and flags["attach"]:
        raise Failure("docker: Conflicting options: -a and -d", 125)
    if flags["remove"] and flags["restart"] not in ("", "no"):
        raise Failure("docker: conflicting options: cannot specify both --restart and --rm", 125)
    if not detach:
        require_terminal(tty=flags["tty"], stdin=flags["interactive"])
    streams = {stream.lower() for stream in flags["attach"]} or {"stdout", "stderr"}
    if flags["interactive"] and not flags["attach"]:
        streams.add("stdin")
    # Before anything is made: they may be none.
    keys = client_config.detach_keys(flags["detach_keys"], session.environ)
    container = create_container(session, flags, frozenset() if detach else frozenset(streams))
    running = Running(
        detach=detach,
        stdin="stdin" in streams and flags["interactive"],
        stdout="stdout" in streams,
        stderr="stderr" in streams,
        tty=flags["tty"],
        remove=flags["remove"],
        sig_proxy=flags["sig_proxy"],
        detach_keys=keys,
        prefix="docker: ",
    )
    try:
        return start_and_carry(session.client, container, running)
    except Failure:
        if flags["remove"]:
            _remove_remains(session, container)
        raise


def create_container(session: "Session", flags: dict[str, Any], streams: frozenset[str]) -> str:
    """The id of a container made as the flags say; pulls the image when it is missing. Raises `Failure`."""
    from msgspec import structs

    from dockless.cli.docker.request import request_of
    from dockless.cli.start_container import write_cid_file
    from dockless.cli.terminal import size as terminal_size
    from dockless.wire.errors import ApiError, NotFound

    body, further = request_of(flags, session.environ, streams)
    if flags["tty"] and (size := terminal_size(1)):
        # From the start: a program may ask for it before a resize comes.
        body = structs.replace(body, host_config=structs.replace(body.host_config, console_size=size))
    # As in Docker, only `-e` keeps a proxy away, not a file of variables: the later of two entries holds.
    named = {text.partition("=")[0] for text in flags["env"]}
    proxies = tuple(f"{name}={value}" for name, value in session.client.proxies.items() if name not in named)
    body = structs.replace(body, env=(*(body.env or ()), *proxies) or None)
    config = b""
    if flags["use_api_socket"]:
        from dockless.cli.docker.api_socket import give, with_api_socket

        body, config = with_api_socket(body, session.client.endpoint, session.environ)
    containers = session.client.containers
    name = flags["name"] or None
    try:
        if flags["pull"] == "always":
            _pull(session, flags)
        try:
            created = containers.create(name, body, platform=_platform(session, flags))
        except NotFound as error:
            # Also where the image that is here is for another platform than the one that is asked for.
            missing = "No such image" in error.message or "the specified platform" in error.message
            if not missing or flags["pull"] == "never":
                raise
            from dockless.compose.run.images import split_reference

            image, tag = split_reference(flags["image"])
            separator = "@" if tag.startswith("sha256:") else ":"
            note(f"Unable to find image '{image}{separator}{tag}' locally")
            _pull(session, flags)
            created = containers.create(name, body, platform=_platform(session, flags))
        for network, endpoint in further:
            session.client.networks.connect(network, container=created.id, endpoint=endpoint)
        if config:
            give(session.client, created.id, config)
    except ApiError as error:
        raise Failure(f"docker: Error response from daemon: {error.message.strip()}", 125) from error
    for warning in created.warnings or ():
        note(f"WARNING: {warning}")
    if flags["cidfile"]:
        write_cid_file(flags["cidfile"], created.id)
    return created.id


def _pull(session: "Session", flags: dict[str, Any]) -> None:
    from dockless.cli.docker.pulling import pull_image

    stand_ins = session.may_use_stand_ins(flags["stand_ins"])
    pull_image(session, flags["image"], platform=_platform(session, flags), stand_ins=stand_ins, quiet=flags["quiet"])


def _remove_remains(session: "Session", container: str) -> None:
    """`--rm` of a container that could not be started; an engine may have removed it by itself."""
    from dockless.wire.errors import ApiError

    try:
        session.client.containers.remove(container, volumes=True, force=True)
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def _platform(session: "Session", flags: dict[str, Any]) -> str:
    return str(flags["platform"] or session.environ.get("DOCKER_DEFAULT_PLATFORM", ""))
