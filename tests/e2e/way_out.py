"""A way out for the builds of a daemon whose network namespace has none, as machines behind a proxy have it.

A proxy for HTTP listens inside the daemon's namespace and connects from ours: a socket stays in the namespace that it
was opened in. Nothing of the host's network is changed for it. Where the host itself goes through a proxy, what comes
is handed to that one as it is.
"""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

from dockless.linux import namespaces

BUFFER = 1 << 16  # bytes
SILENCE = 60.0  # seconds after which a connection is taken to be dead


@contextmanager
def proxy(pid: int, address: str, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The URL of a proxy that hears at an address of that process's network namespace, while the block lasts."""
    beyond = urlsplit(next((value for name in ("https_proxy", "HTTPS_PROXY") if (value := environ.get(name))), ""))
    with _listener(pid, address) as listener:
        thread = threading.Thread(target=_serve, args=(listener, beyond))
        thread.start()
        credentials = "".join(beyond.netloc.rpartition("@")[:2])
        yield f"http://{credentials}{address}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _listener(pid: int, address: str) -> socket.socket:
    """Opened by a thread of its own, since who enters a namespace stays in it."""
    opened: list[socket.socket] = []

    def open_there() -> None:
        descriptor = namespaces.open_namespace(pid, "network")
        try:
            namespaces.setns(descriptor, namespaces.CLONE_NEWNET)
        finally:
            os.close(descriptor)
        opened.append(socket.create_server((address, 0), backlog=64))

    thread = threading.Thread(target=open_there)
    thread.start()
    thread.join()
    return opened[0]


def _serve(listener: socket.socket, beyond: SplitResult) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # shut down
            return
        client.settimeout(SILENCE)
        threading.Thread(target=_one, args=(client, beyond), daemon=True).start()


def _one(client: socket.socket, beyond: SplitResult) -> None:
    """One connection: a tunnel (CONNECT), or one request for `http://host/path`."""
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := client.recv(BUFFER)):
                return
            head += more
        method, target, _ = head.split(b" ", 2)
        if beyond.hostname:
            where, first = (beyond.hostname, beyond.port or 3128), head
        elif method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            where, first = (host.strip("[]"), int(port)), b""
        else:
            url = urlsplit(target.decode())
            where = (url.hostname or "", url.port or 80)
            bare = head.replace(b"://" + url.netloc.encode(), b"", 1).replace(url.scheme.encode(), b"", 1)
            first = bare.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        try:
            server = socket.create_connection(where, timeout=SILENCE)
        except OSError as error:
            client.sendall(f"HTTP/1.1 502 {error}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with server:
            if first:
                server.sendall(first)
            else:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(server, client))
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source's end, or until either side is gone."""
    try:
        while data := source.recv(BUFFER):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _end(source)
        _end(target)


def _end(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was already
