"""Processes of ours that are killed while they work, at whatever moment: the next command goes on, and what was asked
to go is gone. Real ones, told what to do by our client; root only."""

import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from enginekit import archive

import own_engine
from dockless.client.api import Client
from dockless.client.connect import connect
from dockless.client.errors import EngineLost, EngineUnavailable
from dockless.places import Places
from dockless.wire.config import HostConfig
from dockless.wire.containers import ContainerCreateRequest
from dockless.wire.errors import ApiError
from dockless.wire.networks import NetworkCreateRequest
from dockless.wire.queries import BuildQuery
from dockless.wire.volumes import VolumeCreateRequest
from waiting import until

ROUNDS = 3
LONGEST = 0.5  # seconds; a little more than one life takes on a quiet machine
BOX = ContainerCreateRequest(
    image="busybox",
    cmd=("sh", "-c", "echo written >> /data/file; echo said; exec sleep 1000"),
    host_config=HostConfig(binds=("vol:/data",), network_mode="net"),
)


DOCKERFILE = b"""
FROM busybox AS a
RUN for n in $(seq 20); do echo $n > /$n; done; sleep 0.1; echo a > /a
FROM busybox
RUN sleep 0.1; echo b > /b
COPY --from=a /a /a
"""


def one_life(client: Client) -> None:
    """Of a container with a network and a volume: everything that the engine writes down, and takes away again."""
    client.networks.create(NetworkCreateRequest(name="net"))
    client.volumes.create(VolumeCreateRequest(name="vol"))
    client.containers.create("box", BOX)
    client.containers.start("box")
    client.containers.rename("box", name="other")
    client.containers.stop("other", timeout=0)
    client.containers.start("other")
    client.containers.remove("other", force=True)
    client.volumes.remove("vol")
    client.networks.remove("net")


def one_build(client: Client) -> None:
    """Two stages side by side, whose files are then put together; nothing comes from the cache."""
    context = archive(("Dockerfile", DOCKERFILE))
    query = BuildQuery(tags=("made",), no_cache=True, network_mode="none")
    with client.images.build(context, query) as messages:
        for _ in messages:
            continue
    created = client.containers.create("box", ContainerCreateRequest(image="made", cmd=("cat", "/a", "/b")))
    client.containers.start(created.id)
    assert client.containers.wait(created.id).status_code == 0
    client.containers.remove(created.id)
    client.images.remove("made")


def clear(client: Client) -> None:
    for container in client.containers.list(all=True):
        client.containers.remove(container.id, force=True)
    for volume in client.volumes.list().volumes:
        client.volumes.remove(volume.name)
    client.networks.prune()


def behind(path: Path, kind: socket.SocketKind) -> int:
    """The process that listens there. Raises OSError where there is none."""
    with socket.socket(socket.AF_UNIX, kind) as asking:
        asking.connect(str(path))
        return int(struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


SOCKETS = {
    "engine": ("engine.sock", socket.SOCK_STREAM),
    "launcher": ("launcher.sock", socket.SOCK_SEQPACKET),
    "relay": ("relay.sock", socket.SOCK_SEQPACKET),
}


def kill(places: Places, *names: str) -> None:
    victims = []
    for name in names:
        with suppress(OSError):  # it is not there at this moment
            victims.append(behind(places.runtime / SOCKETS[name][0], SOCKETS[name][1]))
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("work", [one_life, one_build])
@pytest.mark.parametrize("victims", [("engine",), ("launcher",), ("relay",), ("engine", "launcher")], ids="-".join)
def test_the_next_command_goes_on_and_nothing_stays(
    work: Callable[[Client], None], victims: tuple[str, ...], places: Places
) -> None:
    chance = random.Random("-".join(victims))
    environ = {**os.environ, "DOCKLESS_ROOT": str(places.root), "DOCKLESS_IDLE_SECONDS": "1"}
    ended = threading.Event()

    def lives() -> None:
        # What is cut off is an error for the one who asked, whichever way it comes.
        with suppress(EngineLost, EngineUnavailable, ApiError, OSError), connect(environ) as client:
            while not ended.is_set():
                work(client)

    for _ in range(ROUNDS):
        connect(environ).close()
        ended.clear()
        worker = threading.Thread(target=lives)
        worker.start()
        ended.wait(chance.random() * LONGEST)
        kill(places, *victims)
        ended.set()
        worker.join(60)
        assert not worker.is_alive(), "a request has no end"
        with connect(environ) as client:
            clear(client)
            work(client)
    own_engine.ended(environ)
    until(lambda: not places.launcher_socket.exists())
    assert os.listdir(places.containers) == os.listdir(places.volumes) == []
    # Where the launcher starts an engine again and a command starts one, the second gives way and says so.
    said = places.engine_log.read_text().splitlines()
    assert [line for line in said if not line.startswith("an engine runs already")] == []
