"""What the engine remembers of each container, network and volume, and the tables that keep it.

A record is a frozen value, stored whole as JSON in one row. Every change is written before it is acted on; what a
running container adds (descriptors, tasks) is not here but in `engine/containers.py`, and can be found again.
"""

import secrets
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from dockless import decoding
from dockless.state import Database
from dockless.wire.config import ContainerConfig, HostConfig
from dockless.wire.containers import MountPoint
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.networks import IPAM

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS containers (id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS networks (id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS volumes (id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, record BLOB NOT NULL)",
)


class Endpoint(msgspec.Struct, frozen=True):
    """A container's place on one network: what was asked for, and what it has while it runs."""

    network_id: str
    network_name: str
    settings: EndpointSettings
    endpoint_id: str = ""
    address: str = ""  # "172.18.0.2/16"; "" while the container does not run
    mac: str = ""
    gateway: str = ""
    address6: str = ""
    gateway6: str = ""
    interface: str = ""


class Mount(msgspec.Struct, frozen=True):
    """A mount, resolved when the container was created: the API's mount point plus what carrying it out needs."""

    point: MountPoint
    anonymous: bool = False
    copy_up: bool = False  # an empty volume is filled with what the image has at that place
    options: tuple[str, ...] = ()  # tmpfs options
    create_source: bool = False
    image_id: str = ""  # of a mount of type image
    subpath: str = ""  # in the volume or the image


class State(msgspec.Struct, frozen=True):
    """`status` is Docker's: created, running, paused, restarting, exited, dead. Times are nanoseconds, 0 for never."""

    status: str = "created"
    pid: int = 0
    start_time: int = 0  # the kernel's, in ticks: tells a reused pid
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started: int = 0
    finished: int = 0
    restart_count: int = 0
    stopped_by_user: bool = False


class Published(msgspec.Struct, frozen=True):
    """A port that a running container has on the host. `key` is its name at the relay; replicas share one."""

    key: str
    protocol: str
    host_ip: str
    host_port: int
    container_port: int


class ContainerRecord(msgspec.Struct, frozen=True):
    id: str
    name: str
    created: int  # nanoseconds
    image_id: str
    image_name: str  # as the user wrote it
    config: ContainerConfig  # merged with the image's
    host: HostConfig
    path: str
    args: tuple[str, ...]
    endpoints: dict[str, Endpoint]  # by network name, in the order of attaching
    mounts: tuple[Mount, ...]
    state: State = State()
    ports: tuple[Published, ...] = ()

    @property
    def running(self) -> bool:
        return self.state.status in ("running", "paused")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its own ones, without the prefix, in the order of attaching."""
        found = (each for endpoint in self.endpoints.values() for each in (endpoint.address, endpoint.address6))
        return tuple(address.split("/")[0] for address in found if address)

    @property
    def log_name(self) -> str:
        return f"{self.id}-json.log"


class NetworkRecord(msgspec.Struct, frozen=True):
    id: str
    name: str
    created: int
    driver: str
    internal: bool
    attachable: bool
    enable_ipv6: bool
    ipam: IPAM
    options: dict[str, str]
    labels: dict[str, str]
    config_only: bool = False
    enable_ipv4: bool = True

    def enables(self, version: int) -> bool:
        return self.enable_ipv4 if version == 4 else self.enable_ipv6


class VolumeRecord(msgspec.Struct, frozen=True):
    id: str  # its name: a volume has no other identity
    name: str
    created: int
    driver: str
    options: dict[str, str]
    labels: dict[str, str]
    anonymous: bool


Record = TypeVar("Record", ContainerRecord, NetworkRecord, VolumeRecord)
AnyRecord = TypeVar("AnyRecord", bound=msgspec.Struct)


class Table(Generic[Record]):
    """All records of one kind, in memory and in the database; the two never differ."""

    def __init__(self, database: Database, name: str, kind: type[Record]) -> None:
        self._database = database
        self._name = name
        decoder = decoding.decoder(kind)
        rows = database.connection.execute(f"SELECT record FROM {name} ORDER BY rowid")
        self._records: dict[str, Record] = {}
        self._ids: dict[str, str] = {}
        for row in rows:
            record = decoder.decode(row["record"])
            self._records[record.id] = record
            self._ids[record.name] = record.id

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    def get(self, identity: str) -> Record | None:
        return self._records.get(identity)

    def named(self, name: str) -> Record | None:
        identity = self._ids.get(name)
        return self._records[identity] if identity else None

    def find(self, reference: str) -> list[Record]:
        """By name, by id, or by the beginning of an id: one record, none, or the several that it could mean."""
        if found := self.named(reference.removeprefix("/")) or self._records.get(reference):
            return [found]
        if not reference:
            return []
        return [record for identity, record in self._records.items() if identity.startswith(reference)]

    def save(self, record: Record) -> None:
        """Writes a new record, or a changed one in its place. Raises sqlite3.IntegrityError for a name in use."""
        self._database.connection.execute(
            f"INSERT INTO {self._name} (id, name, record) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record",
            (record.id, record.name, _encoder.encode(record)),
        )
        if (old := self._records.get(record.id)) is not None and old.name != record.name:
            del self._ids[old.name]
        self._records[record.id] = record
        self._ids[record.name] = record.id

    def delete(self, identity: str) -> None:
        self._database.connection.execute(f"DELETE FROM {self._name} WHERE id = ?", (identity,))
        if (old := self._records.pop(identity, None)) is not None:
            del self._ids[old.name]


def new_id() -> str:
    """64 hexadecimal digits, the first twelve of which are not all decimal (Docker: they could read as a number)."""
    while True:
        identity = secrets.token_hex(32)
        if not identity[:12].isdecimal():
            return identity


def replace(record: AnyRecord, **changes: Any) -> AnyRecord:
    """A copy of a frozen value with some fields changed."""
    return msgspec.structs.replace(record, **changes)


_encoder = msgspec.json.Encoder()
