"""Creates one container and runs it: what `docker run` and `docker compose run` have in common."""

import os
import sys

from msgspec import Struct

from dockless.cli.failure import Failure
from dockless.cli.interactive import Wiring, carry, forwarding, require_terminal
from dockless.cli.output import echo
from dockless.cli.terminal import written_detach_keys
from dockless.client.api import Client
from dockless.wire.errors import ApiError
from dockless.wire.queries import AttachOptions


class Running(Struct, frozen=True):
    """How a created container is run. `remove`: the engine removes it after its end (`--rm`)."""

    detach: bool
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool
    remove: bool
    sig_proxy: bool
    detach_keys: bytes
    prefix: str = ""


def start_and_carry(client: Client, container: str, running: Running) -> int:
    """Starts a created container, attached unless it is detached; the exit status.

    Raises `Failure` with Docker's statuses: 127 for a command that is not there, 126 for one that cannot be run, 125
    for what the engine refuses.
    """
    containers = client.containers
    if running.detach:
        _start(client, container, running)
        echo(container)
        return 0
    require_terminal(tty=running.tty, stdin=running.stdin)
    options = AttachOptions(
        stream=True,
        stdin=running.stdin,
        stdout=running.stdout,
        stderr=running.stderr,
        detach_keys=written_detach_keys(running.detach_keys) if running.tty else "",
    )
    stream = containers.attach(container, options, tty=running.tty)
    waiting = containers.waiting(container, condition="removed" if running.remove else "next-exit")
    try:
        _start(client, container, running)
    except Failure:
        stream.close()
        waiting.close()
        raise
    wiring = Wiring(
        stdin=running.stdin,
        tty=running.tty,
        detach_keys=running.detach_keys,
        resize=lambda rows, columns: containers.resize(container, height=rows, width=columns),
    )
    with forwarding(client, container, active=running.sig_proxy and not running.tty):
        if carry(stream, wiring):
            waiting.close()
            return 0
        result = waiting.result()
    if result.error and result.error.message:
        raise Failure(f"{running.prefix}{result.error.message}", 125)
    return result.status_code


def _start(client: Client, container: str, running: Running) -> None:
    try:
        client.containers.start(container)
    except ApiError as error:
        raise Failure(
            f"{running.prefix}Error response from daemon: {error.message.strip()}", start_status(error.message)
        ) from error


def start_status(message: str) -> int:
    """Docker's exit status for a container that could not be started."""
    if "executable file not found" in message or "no such file or directory" in message:
        return 127
    if "permission denied" in message or "is a directory" in message:
        return 126
    return 125


def write_cid_file(path: str, container: str) -> None:
    """`--cidfile`. Raises `Failure` where the file is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise Failure(
            f"container ID file found, make sure the other container isn't running or delete {path}", 125
        ) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(container)


def default_tty() -> bool:
    """Whether a terminal is there to be given to a process: standard input and output are one."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def slug() -> str:
    """64 hexadecimal digits that nothing else has; a one-off container's name has the first twelve."""
    return os.urandom(32).hex()
