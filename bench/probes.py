"""What is measured of an engine itself: run inside a lane, one probe a process, the result as one line of JSON.

Only the standard library. The engine is spoken to over its socket without a client library between, so that both
engines are asked the very same.
"""

import ctypes
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_CLONE_NEWNET = 0x40000000
_STARTERS = 16
_CALLERS = 4
_SECONDS = 2.0
_ROUND_TRIPS = 3000
_ATTACHES = 15
_TYPED = 200
_HERE, _THERE = "192.0.2.1", "192.0.2.2"
#: One accepted connection after the other; the first byte says what is wanted. `{size}` bytes are sent for a B.
SERVER = """
import socket, threading
block = b"x" * (1 << 20)
def bulk(c):
    for _ in range({size} >> 20): c.sendall(block)
    c.close()
def echo(c):
    c.setsockopt(6, 1, 1)
    while d := c.recv(64): c.sendall(d)
    c.close()
s = socket.create_server(("", 8000), backlog=1024)
while True:
    c, _ = s.accept()
    wanted = c.recv(1)
    if wanted == b"C": c.sendall(b"x"); c.close()
    elif wanted: threading.Thread(target=bulk if wanted == b"B" else echo, args=(c,)).start()
    else: c.close()
"""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class _Engine:
    """Its API over its socket; a connection for each thread."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._own = threading.local()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        if not hasattr(self._own, "connection"):
            self._own.connection = _Connection(self.path)
        connection: _Connection = self._own.connection
        data = None if body is None else json.dumps(body)
        connection.request(method, "/v1.41" + path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text.strip() and answer.getheader("Content-Type") == "application/json" else None

    def hijack(self, path: str, body: Any = None) -> socket.socket:
        """The connection after the answer's head."""
        data = b"" if body is None else json.dumps(body).encode()
        made = socket.socket(socket.AF_UNIX)
        made.connect(self.path)
        head = f"POST /v1.41{path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        made.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            got += made.recv(1)
        if b" 101 " not in got.splitlines()[0]:
            raise RuntimeError(f"{path}: {got.decode()}")
        return made

    def run(self, image: str, command: list[str], **more: Any) -> str:
        made = self.ask("POST", "/containers/create", {"Image": image, "Cmd": command, "StopSignal": "KILL", **more})
        self.ask("POST", f"/containers/{made['Id']}/start")
        return str(made["Id"])

    def remove(self, identity: str) -> None:
        self.ask("DELETE", f"/containers/{identity}?force=1")


def crowd(path: str, image: str, count: str) -> dict[str, Any]:
    """That many containers, created and started side by side; they stay."""
    engine = _Engine(path)
    begin = time.perf_counter()
    with ThreadPoolExecutor(_STARTERS) as pool:
        made = list(pool.map(lambda _: engine.run(image, ["sleep", "100000"]), range(int(count))))
    return {"seconds": time.perf_counter() - begin, "ids": made}


def disperse(path: str, *identities: str) -> dict[str, Any]:
    engine = _Engine(path)
    begin = time.perf_counter()
    with ThreadPoolExecutor(_STARTERS) as pool:
        list(pool.map(engine.remove, identities))
    return {"seconds": time.perf_counter() - begin}


def port(host: str, number: str) -> dict[str, float]:
    """Through a published port with `SERVER` behind it: bytes a second, connections a second, seconds a round trip."""
    address = (host, int(number))
    return {"bulk": _bulk(address), "connections": _connections(address), "round trip": _round_trip(address)}


def port_from_elsewhere(number: str) -> dict[str, float]:
    """The same from another machine, which is a network namespace on a cable to this one."""
    ready, go = os.pipe(), os.pipe()
    result = os.pipe()
    child = os.fork()
    if child == 0:
        _check(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET))
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        _ip("addr", "add", f"{_THERE}/24", "dev", "m1")
        _ip("link", "set", "m1", "up")
        os.write(result[1], json.dumps(port(_HERE, number)).encode())
        os._exit(0)
    os.read(ready[0], 1)
    # It goes with the child's namespace, a moment after this.
    name = f"m{child}"
    _ip("link", "add", name, "type", "veth", "peer", "name", "m1", "netns", str(child))
    _ip("addr", "add", f"{_HERE}/24", "dev", name)
    _ip("link", "set", name, "up")
    os.write(go[1], b"x")
    os.close(result[1])
    answer = os.read(result[0], 65536)
    os.waitpid(child, 0)
    return dict(json.loads(answer))


def log(path: str, image: str, size: str) -> dict[str, float]:
    """Seconds from the start to the end of a container that writes so many bytes of lines."""
    engine = _Engine(path)
    begin = time.perf_counter()
    # 100 bytes a line.
    identity = engine.run(image, ["sh", "-c", f"yes {'0123456789' * 9}012345678 | head -c {size}"], Entrypoint=[])
    engine.ask("POST", f"/containers/{identity}/wait")
    seconds = time.perf_counter() - begin
    engine.remove(identity)
    return {"seconds": seconds}


def attach(path: str, image: str) -> dict[str, float]:
    """Seconds (median): of an attach until it is answered, of a typed line until its echo, of an exec to its end."""
    engine = _Engine(path)
    streams = {"AttachStdin": True, "AttachStdout": True, "OpenStdin": True}
    identity = engine.run(image, ["cat"], **streams)
    attaches, echoes, execs = [], [], []
    for _ in range(_ATTACHES):
        begin = time.perf_counter()
        stream = engine.hijack(f"/containers/{identity}/attach?stream=1&stdin=1&stdout=1")
        attaches.append(time.perf_counter() - begin)
        with stream:
            if not echoes:
                echoes = [_timed(lambda stream=stream: _typed(stream)) for _ in range(_TYPED)]  # type: ignore[misc]
    for _ in range(_ATTACHES):
        execs.append(_timed(lambda: _exec(engine, identity)))
    engine.remove(identity)
    middle = statistics.median
    return {"attach": middle(attaches), "echo": middle(echoes), "exec": middle(execs)}


def _typed(stream: socket.socket) -> None:
    stream.sendall(b"x\n")
    wanted = 8 + 2
    while wanted:
        wanted -= len(stream.recv(wanted))


def _exec(engine: _Engine, identity: str) -> None:
    made = engine.ask("POST", f"/containers/{identity}/exec", {"Cmd": ["true"], "AttachStdout": True})
    with engine.hijack(f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False}) as stream:
        while stream.recv(65536):
            pass


def _bulk(address: tuple[str, int]) -> float:
    with socket.create_connection(address) as connected:
        connected.sendall(b"B")
        begin = time.perf_counter()
        buffer = bytearray(1 << 20)
        total = 0
        while count := connected.recv_into(buffer):
            total += count
    return total / (time.perf_counter() - begin)


def _connections(address: tuple[str, int]) -> float:
    end = time.perf_counter() + _SECONDS

    def call(_: int) -> int:
        done = 0
        while time.perf_counter() < end:
            with socket.create_connection(address) as connected:
                connected.sendall(b"C")
                if connected.recv(1) != b"x":
                    raise RuntimeError("a connection was cut")
            done += 1
        return done

    begin = time.perf_counter()
    with ThreadPoolExecutor(_CALLERS) as pool:
        count = sum(pool.map(call, range(_CALLERS)))
    return count / (time.perf_counter() - begin)


def _round_trip(address: tuple[str, int]) -> float:
    with socket.create_connection(address) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.sendall(b"E")

        def once() -> None:
            connected.sendall(b"y")
            connected.recv(1)

        return statistics.median(_timed(once) for _ in range(_ROUND_TRIPS))


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _check(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


PROBES: dict[str, Callable[..., dict[str, Any]]] = {
    "crowd": crowd,
    "disperse": disperse,
    "port": port,
    "elsewhere": port_from_elsewhere,
    "log": log,
    "attach": attach,
}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
