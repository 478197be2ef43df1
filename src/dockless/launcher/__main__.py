"""`python -m dockless.launcher RUNTIME_FOLDER [CONNECTION [MOUNT_NAMESPACE]]`: the launcher process.

Daemonises, takes the lock, binds the socket, and serves. `CONNECTION` and `MOUNT_NAMESPACE` are numbers of inherited
descriptors: the first client's end, so that the client need not wait for the socket, and the namespace to live in (the
host's, where the client has one of its own). A second launcher for the same folder ends at once.
"""

import gc
import os
import sys

if not __package__:
    # Started by its path, with an isolated interpreter that has no site-packages.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import _socket

from dockless.launcher.address import Address, Taken
from dockless.linux import namespaces, prctl


def main(arguments: list[str]) -> int:
    """0 when it has nothing left to do, or where another launcher serves this folder."""
    runtime = arguments[0]
    connection = int(arguments[1]) if len(arguments) > 1 else None
    if os.fork():
        os._exit(0)
    if len(arguments) > 2:
        namespaces.setns(int(arguments[2]), namespaces.CLONE_NEWNS)
    _detach(connection)
    try:
        address = Address(runtime)
    except Taken:
        return 0
    # After the fork above, so that the client waits for less.
    from dockless.launcher.server import Server

    first = None
    if connection is not None:
        first = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, connection)
    server = Server(address, first)
    gc.freeze()
    try:
        server.serve()
    finally:
        address.remove()
    return 0


def _detach(connection: int | None) -> None:
    """A session of its own, nothing of the engine's but its log and the connection; not dumpable from here on."""
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    kept = {0, 1, 2}
    if connection is not None:
        os.set_inheritable(connection, False)
        kept.add(connection)
    prctl.close_all_but(kept)
    prctl.set_name("dockless-launch")
    prctl.set_dumpable(False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
