"""A container's process on this terminal: input, output, size, signals, detaching; the terminal is restored always."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from msgspec import Struct, structs

from dockless.cli import terminal
from dockless.cli.failure import Failure
from dockless.cli.output import note
from dockless.client.api import Client
from dockless.client.errors import EngineLost
from dockless.client.streams import Duplex
from dockless.wire.errors import ApiError
from dockless.wire.execs import ExecCreateRequest

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT")


class Wiring(Struct, frozen=True):
    """What of this process's streams belongs to the other one. `resize` is told rows and columns."""

    stdin: bool
    tty: bool
    detach_keys: bytes = terminal.DETACH_KEYS
    resize: Callable[[int, int], None] | None = None


def carry(stream: Duplex, wiring: Wiring) -> bool:
    """Carries bytes both ways until the output ends. True: the user detached, and the process goes on."""
    with ExitStack() as stack:
        stack.enter_context(stream)
        if wiring.tty and wiring.stdin:
            stack.enter_context(terminal.raw(sys.stdin.fileno()))
        if wiring.tty and wiring.resize:
            fit = _fitter(wiring.resize)
            fit()
            stack.enter_context(terminal.on_resize(fit))
        detached = threading.Event()
        if wiring.stdin:
            stack.enter_context(_input(stream, wiring, detached))
        sys.stdout.flush()
        for number, data in stream:
            terminal.write_all(2 if number == 2 else 1, data)
        return detached.is_set()


@contextmanager
def _input(stream: Duplex, wiring: Wiring, detached: threading.Event) -> Iterator[None]:
    """Standard input in a thread of its own; a byte in a pipe ends it."""
    stop_read, stop_write = os.pipe()
    keys = wiring.detach_keys if wiring.tty else None

    def pump() -> None:
        try:
            if terminal.pump_stdin(stream, keys, stop_read):
                detached.set()
                stream.close()
        except (EngineLost, OSError):
            # The process takes no more input: its output and its exit status say why.
            return

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(stop_write, b"x")
        thread.join(1.0)
        os.close(stop_write)
        os.close(stop_read)


def _fitter(resize: Callable[[int, int], None]) -> Callable[[], None]:
    def fit() -> None:
        found = terminal.size(sys.stdout.fileno()) or terminal.size(sys.stdin.fileno())
        if found is None:
            return
        try:
            resize(*found)
        except ApiError:
            # It ended meanwhile, or has not begun: then its size does not matter.
            return

    return fit


def execute(client: Client, container: str, request: ExecCreateRequest, *, detach: bool, detach_keys: bytes) -> int:
    """Runs a command in a running container; its exit status."""
    execs = client.execs
    if request.tty:
        # The size from the start: a program may ask for it before a resize comes.
        request = structs.replace(
            request,
            console_size=terminal.size(sys.stdout.fileno()),
            detach_keys=terminal.written_detach_keys(detach_keys),
        )
    exec_id = execs.create(container, request)
    if detach:
        execs.start_detached(exec_id, tty=request.tty)
        return 0
    wiring = Wiring(
        stdin=request.attach_stdin,
        tty=request.tty,
        detach_keys=detach_keys,
        resize=lambda rows, columns: execs.resize(exec_id, height=rows, width=columns),
    )
    stream = execs.start(exec_id, tty=request.tty)
    if carry(stream, wiring):
        return 0
    return execs.inspect(exec_id).exit_code or 0


@contextmanager
def forwarding(client: Client, container: str, *, active: bool) -> Iterator[None]:
    """Sends the signals that this process gets on to the container (`--sig-proxy`)."""
    if not active:
        yield
        return

    def forward(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        threading.Thread(target=_send, args=(client, container, name), daemon=True).start()

    before = {getattr(signal, name): signal.signal(getattr(signal, name), forward) for name in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(client: Client, container: str, name: str) -> None:
    try:
        client.containers.kill(container, signal=name)
    except (ApiError, EngineLost) as error:
        note(f"cannot send {name} to {container}: {error}")


def keys_of(text: str | None) -> bytes:
    """`--detach-keys`. Raises `Failure`."""
    if not text:
        return terminal.DETACH_KEYS
    try:
        return terminal.parse_detach_keys(text)
    except ValueError as error:
        raise Failure(str(error)) from error


def require_terminal(*, tty: bool, stdin: bool) -> None:
    """`-it` without a terminal on standard input is a mistake that Docker names. Raises `Failure`."""
    if tty and stdin and not sys.stdin.isatty():
        raise Failure("the input device is not a TTY")
