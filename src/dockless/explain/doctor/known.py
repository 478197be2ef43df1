"""What is known of common images: how they are called, whether they run as root, what they lack, what databases need.

Of an image that is not in these tables nothing is known, and no rule speaks of it.
"""

import json
import re
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

_SUITE = re.compile(r"(?:^|-)(jessie|stretch|buster|bullseye|bookworm|trixie)(?:-|$)")


class Reference(msgspec.Struct, frozen=True):
    """An image's name in parts: `repository` is without Docker Hub's host and `library/`."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def last(self) -> str:
        """The last part of the repository: `postgres` of `registry.example/team/postgres`."""
        return self.repository.rsplit("/", 1)[-1]

    @property
    def version(self) -> tuple[int, ...]:
        """The numbers that the tag begins with."""
        found = re.match(r"v?(\d+(?:\.\d+)*)", self.tag)
        return tuple(map(int, found[1].split("."))) if found else ()


def reference(image: str) -> Reference:
    """Reads `python:3.12-slim@sha256:…`; what is no reference gives a repository of that text."""
    image, _, digest = image.partition("@")
    head, slash, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    repository = f"{head}{slash}{name}"
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        repository = repository.removeprefix(prefix)
    return Reference(repository, tag, digest)


class Lifecycle(msgspec.Struct, frozen=True):
    """One end of life: of what, when, and what the table says beside it."""

    what: str
    ended: date
    instead: str
    source: str


@cache
def lifecycles() -> dict[str, Any]:
    """The dated table."""
    found: dict[str, Any] = json.loads(files("dockless.explain.doctor").joinpath("lifecycles.json").read_text("utf-8"))
    return found


def ended(image: str, today: date) -> list[Lifecycle]:
    """What of an image gets no security fixes any more: its product, and the Debian release that it is made on."""
    found = []
    name = reference(image)
    table = lifecycles()
    product = table["products"].get(name.repository)
    suite = _SUITE.search(name.tag)
    if product is not None and (version := _longest(product["ends"], name)) is not None:
        when = date.fromisoformat(product["ends"][version])
        if when < today:
            found.append(Lifecycle(f"{product['name']} {version}", when, product["instead"], product["source"]))
    if suite is not None:
        when = date.fromisoformat(table["suites"][suite[1]])
        if when < today:
            debian = table["products"]["debian"]
            found.append(Lifecycle(f"Debian {suite[1]}", when, debian["instead"], debian["source"]))
    return found


def _longest(ends: dict[str, str], name: Reference) -> str | None:
    """The table's row for a tag: `3.10` for `3.10.4-slim`, `focal` for `focal-20240101`."""
    head = name.tag.split("-")[0]
    parts = head.split(".")
    for count in range(len(parts), 0, -1):
        if (candidate := ".".join(parts[:count])) in ends:
            return candidate
    return None


def newest_minor(image: str) -> tuple[str, str] | None:
    """For an image that names a minor release behind the newest known one: that one, and what its tag would be."""
    name = reference(image)
    product = lifecycles()["products"].get(name.repository, {})
    minors: dict[str, int] = product.get("minors", {})
    if len(name.version) != 2 or (newest := minors.get(str(name.version[0]))) is None or name.version[1] >= newest:
        return None
    major, minor = name.version
    return f"{major}.{newest}", name.tag.replace(f"{major}.{minor}", f"{major}.{newest}", 1)


ROOT = frozenset(
    [
        "python",
        "node",
        "golang",
        "ruby",
        "rust",
        "debian",
        "ubuntu",
        "alpine",
        "busybox",
        "fedora",
        "rockylinux",
        "almalinux",
        "amazonlinux",
        "openjdk",
        "eclipse-temurin",
        "amazoncorretto",
        "maven",
        "gradle",
        "perl",
        "elixir",
        "erlang",
        "haskell",
        "swift",
        "buildpack-deps",
        "pypy",
        "scratch",
    ]
)
"""Images whose process is root unless something is done about it. Those that step down by themselves are not here."""

FULL = frozenset({"python", "node", "ruby", "golang", "rust", "openjdk", "perl", "elixir", "erlang", "pypy"})
"""Official images on `buildpack-deps`, unless the tag says slim or alpine: curl, wget and a compiler are there."""


def lacks(image: str) -> frozenset[str]:
    """Programs that health checks like to call and that this image is known not to have."""
    name = reference(image)
    repository, tag = name.repository, name.tag
    if repository == "scratch" or "distroless" in repository:
        bare = frozenset({"curl", "wget", "nc", "bash"})
        return bare if tag.startswith("debug") or tag.endswith("-debug") else bare | {"sh"}
    alpine = "alpine" in tag or repository in ("alpine", "busybox")
    missing: set[str] = set()
    if repository in FULL or repository in ("debian", "ubuntu", "alpine", "busybox"):
        if alpine:
            missing |= {"curl"} | ({"bash"} if repository != "golang" else set())
        elif "slim" in tag or repository in ("debian", "ubuntu"):
            missing |= {"curl", "wget", "nc"}
    elif repository in ("postgres", "redis", "memcached", "valkey/valkey"):
        missing |= {"curl"} if alpine else {"curl", "wget", "nc"}
    elif repository == "mariadb":
        missing |= {"curl", "wget", "nc"}
        if not name.version or name.version >= (11,):
            missing |= {"mysqladmin", "mysql"}
    elif repository == "mongo":
        missing |= {"curl", "wget", "nc"}
        if not name.version or name.version >= (6,):
            missing |= {"mongo"}
        elif name.version < (5,):
            missing |= {"mongosh"}
    return frozenset(missing)


class Database(msgspec.Struct, frozen=True):
    """An image that keeps data. `data` is where, `port` where it answers, `ready` the test that says so (a YAML list).

    `password` are variables of which one must be set, or the first start fails; `open` are those that do without.
    """

    kind: str
    data: tuple[str, ...]
    port: int
    ready: str = ""
    password: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()


_PG = '["CMD-SHELL", "pg_isready -h 127.0.0.1 -U \\"$${POSTGRES_USER:-postgres}\\""]'
_MYSQL_PASSWORDS = ("MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE", "MYSQL_RANDOM_ROOT_PASSWORD")
_MARIADB_PASSWORDS = tuple(name.replace("MYSQL", "MARIADB") for name in _MYSQL_PASSWORDS)
_POSTGRES = Database(
    "PostgreSQL",
    ("/var/lib/postgresql/data",),
    5432,
    _PG,
    ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"),
    ("POSTGRES_HOST_AUTH_METHOD",),
    ("postgres", "postgresql"),
)
_DATABASES = {
    "postgres": _POSTGRES,
    "postgis/postgis": _POSTGRES,
    "pgvector/pgvector": _POSTGRES,
    "timescale/timescaledb": _POSTGRES,
    "mysql": Database(
        "MySQL",
        ("/var/lib/mysql",),
        3306,
        '["CMD", "mysqladmin", "ping", "-h", "127.0.0.1", "--silent"]',
        _MYSQL_PASSWORDS,
        ("MYSQL_ALLOW_EMPTY_PASSWORD",),
        ("mysql",),
    ),
    "mysql/mysql-server": Database("MySQL", ("/var/lib/mysql",), 3306, schemes=("mysql",)),
    "mariadb": Database(
        "MariaDB",
        ("/var/lib/mysql",),
        3306,
        '["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"]',
        (*_MARIADB_PASSWORDS, "MARIADB_ROOT_PASSWORD_HASH", *_MYSQL_PASSWORDS),
        ("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_ALLOW_EMPTY_PASSWORD"),
        ("mysql", "mariadb"),
    ),
    "mongo": Database(
        "MongoDB",
        ("/data/db",),
        27017,
        '["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand(\'ping\').ok"]',
        schemes=("mongodb",),
    ),
    "redis": Database("Redis", ("/data",), 6379, '["CMD-SHELL", "redis-cli ping | grep -qE \'PONG|NOAUTH\'"]'),
    "valkey/valkey": Database(
        "Valkey", ("/data",), 6379, '["CMD-SHELL", "valkey-cli ping | grep -qE \'PONG|NOAUTH\'"]'
    ),
    "rabbitmq": Database(
        "RabbitMQ", ("/var/lib/rabbitmq",), 5672, '["CMD", "rabbitmq-diagnostics", "-q", "check_port_connectivity"]'
    ),
    "elasticsearch": Database("Elasticsearch", ("/usr/share/elasticsearch/data",), 9200),
    "cassandra": Database("Cassandra", ("/var/lib/cassandra",), 9042),
    "couchdb": Database("CouchDB", ("/opt/couchdb/data",), 5984),
    "influxdb": Database("InfluxDB", ("/var/lib/influxdb", "/var/lib/influxdb2"), 8086),
    "neo4j": Database("Neo4j", ("/data",), 7687),
    "mcr.microsoft.com/mssql/server": Database("SQL Server", ("/var/opt/mssql",), 1433),
    "bitnami/postgresql": Database("PostgreSQL", ("/bitnami/postgresql",), 5432, schemes=("postgres", "postgresql")),
    "bitnami/kafka": Database("Kafka", ("/bitnami/kafka",), 9092),
}
_EARLIER = {
    "mongo": ((6,), '["CMD", "mongo", "--quiet", "--eval", "db.adminCommand(\'ping\').ok"]'),
    "mariadb": ((11,), '["CMD", "mysqladmin", "ping", "-h", "127.0.0.1", "--silent"]'),
}
"""Releases before that version have another program to ask."""
CACHES = frozenset({"Redis", "Valkey"})
"""Often used for what may be lost."""


def database(image: str) -> Database | None:
    """What is known of a database's image. PostgreSQL 18 moved its data a folder up."""
    name = reference(image)
    found = _DATABASES.get(name.repository)
    if found is not None and name.version and (ready := _EARLIER.get(name.repository)) and name.version < ready[0]:
        return msgspec.structs.replace(found, ready=ready[1])
    if found is _POSTGRES and name.repository == "postgres" and name.version >= (18,):
        return msgspec.structs.replace(found, data=("/var/lib/postgresql",))
    return found
