"""`docker system dial-stdio`: standard input and output as one connection to the engine, for a client behind ssh."""

import _socket
import os
import threading

import click

from dockless.cli.session import Session, pass_session

_PIECE = 1 << 16


@click.command("dial-stdio", short_help="Proxy the standard streams to the engine", hidden=True)
@pass_session
def dial_stdio(session: Session) -> None:
    """Carries one connection to the engine until the engine ends it."""
    connection = session.client.endpoint.open()
    # What else the command says must not come between the bytes; and it ends with the engine, not with its input.
    threading.Thread(target=_inwards, args=(connection,), daemon=True).start()
    while data := connection.recv(_PIECE):
        _write(data)


def _inwards(connection: _socket.socket) -> None:
    try:
        while data := os.read(0, _PIECE):
            connection.sendall(data)
        connection.shutdown(_socket.SHUT_WR)
    except OSError:
        return  # the engine has ended the connection, which the other direction sees


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]
