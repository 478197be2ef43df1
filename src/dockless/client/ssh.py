"""An engine on another machine, reached as Docker does it: `ssh` runs there what carries one connection to its engine.

Each connection is an ssh process of its own; what asks for passwords must have been settled before (an agent, a key).
"""

import socket
import subprocess
from urllib.parse import urlsplit

from dockless.client.errors import EngineUnavailable

_CONNECT_SECONDS = 30
_running: list["subprocess.Popen[bytes]"] = []
# Where both are, the address means Docker's engine, as it does to every other client.
_REMOTE = "if command -v docker >/dev/null 2>&1; then exec docker{0}; else exec dockless{0}; fi"


def command(url: str) -> tuple[str, ...]:
    """`ssh://[user@]host[:port][/path/of/socket]` as a command to run. Raises `EngineUnavailable`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise EngineUnavailable(f"cannot use {url!r}: {error}") from error
    if not host or parts.password is not None or parts.query or parts.fragment or host.startswith("-"):
        raise EngineUnavailable(f"cannot use {url!r}: write ssh://[user@]host[:port][/path/of/socket]")
    options = ["-o", f"ConnectTimeout={_CONNECT_SECONDS}", "-T"]
    if parts.username:
        options += ["-l", parts.username]
    if port:
        options += ["-p", str(port)]
    path = parts.path.rstrip("/")
    return ("ssh", *options, "--", host, _remote(path))


def connect(words: tuple[str, ...]) -> socket.socket:
    """A connection that the command carries; its messages go to our standard error. Raises `OSError`."""
    ours, its = socket.socketpair()
    with its:
        try:
            # In a session of its own: Ctrl-C is for the container, not for the way to it.
            process = subprocess.Popen(words, stdin=its.fileno(), stdout=its.fileno(), start_new_session=True)
        except BaseException:
            ours.close()
            raise
    # Those that have ended meanwhile are reaped here.
    _running[:] = [each for each in _running if each.poll() is None] + [process]
    return ours


def _remote(path: str) -> str:
    import shlex

    host = f" --host {shlex.quote('unix://' + path)}" if path else ""
    return _REMOTE.format(f"{host} system dial-stdio")
