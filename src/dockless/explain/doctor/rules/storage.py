"""Volumes and files of the host: where data is kept, and whether what is named is there."""

import os
import posixpath
from collections.abc import Iterator

from dockless.explain.doctor.composed import Composed, Part, Spot
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.known import CACHES, database
from dockless.explain.doctor.table import Table

rules = Table("compose")


def mount_at(part: Part, target: str) -> Spot | None:
    """The entry of `volumes` that mounts something at a path of the container."""
    for _, spot in part.items("volumes"):
        if isinstance(spot.value, dict):
            written = str(spot.value.get("target", ""))
        else:
            pieces = str(spot.value).split(":")
            written = pieces[1] if len(pieces) > 1 else pieces[0]
        if posixpath.normpath(written) == target:
            return spot
    return part.find("volumes")


@rules.rule(
    "CF060",
    "warning",
    "A database's data is in no volume of its own",
    costs="`down` and every new image leave the data behind in a volume without a name, which `prune` removes.",
    wrong="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
""",
    right="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def no_volume(composed: Composed) -> Iterator[Hit]:
    """Give the data a named volume at the image's data folder. For Redis and Valkey, which often keep only what may
    be lost, nothing is said."""
    for part in composed.parts:
        kept = database(part.base)
        if kept is None or kept.kind in CACHES or part.service.volumes_from:
            continue
        targets = [posixpath.normpath(mount.target) for mount in part.service.volumes]
        targets += [entry.split(":")[0] for entry in part.service.tmpfs]
        near = any(_inside(target, data) or _inside(data, target) for target in targets for data in kept.data)
        elsewhere = any(_near(target) for target in targets)
        if not near and not elsewhere and not any("PGDATA" in name for name in part.service.environment):
            yield part.hit(
                f"{kept.kind} writes to {kept.data[0]}, where no volume is mounted",
                f"add `data:{kept.data[0]}` to `volumes`, and `data:` to the top-level `volumes`",
            )


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _near(target: str) -> bool:
    """A path that is meant to be the data folder and is not."""
    stems = {"postgres", "pgdata", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "pgsql"}
    parts = set(target.strip("/").split("/"))
    return bool(parts & stems) and "docker-entrypoint-initdb.d" not in target and not target.startswith("/etc")


@rules.rule(
    "CF061",
    "error",
    "A database's volume is at the wrong place",
    costs="The volume stays empty and the data is lost with the container.",
    wrong="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes:
      - data:/var/lib/postgres
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes:
      - data:/var/lib/postgresql/data
volumes:
  data:
""",
)
def wrong_place(composed: Composed) -> Iterator[Hit]:
    """The image writes to its data folder, whatever else is mounted. For PostgreSQL it is /var/lib/postgresql/data,
    since 18 /var/lib/postgresql: a volume at the old place makes 18 refuse to start, and one at the new place is
    not used by older images, which mount an anonymous one below it."""
    for part in composed.parts:
        kept = database(part.base)
        if kept is None or "PGDATA" in part.service.environment:
            continue
        targets = {
            posixpath.normpath(mount.target): mount
            for mount in part.service.volumes
            if mount.type in ("volume", "bind")
        }
        if any(
            _inside(data, target) and (target != "/var/lib/postgresql" or data == target)
            for target in targets
            for data in kept.data
        ):
            continue
        for target, mount in targets.items():
            old = kept.data == ("/var/lib/postgresql",) and target == "/var/lib/postgresql/data"
            if not old and (any(_inside(target, data) for data in kept.data) or not _near(target)):
                continue
            if mount.type == "bind" and (mount.read_only or "." in posixpath.basename(target)):
                continue
            spot = mount_at(part, target)
            yield part.hit(
                f"{kept.kind} keeps its data in {kept.data[0]}, not in {target}", f"mount it at {kept.data[0]}", at=spot
            )


@rules.rule(
    "CF062",
    "error",
    "Two databases write to one volume",
    costs="They destroy each other's files.",
    wrong="""
services:
  a:
    image: mongo:8.0
    volumes: ['data:/data/db']
  b:
    image: mongo:8.0
    volumes: ['data:/data/db']
volumes:
  data:
""",
    right="""
services:
  a:
    image: mongo:8.0
    volumes: ['one:/data/db']
  b:
    image: mongo:8.0
    volumes: ['two:/data/db']
volumes:
  one:
  two:
""",
)
def shared_data(composed: Composed) -> Iterator[Hit]:
    """A database locks its files against a second server, but not across containers."""
    seen: dict[str, str] = {}
    for part in composed.parts:
        kept = database(part.base)
        if kept is None:
            continue
        for mount in part.service.volumes:
            if (
                not mount.source
                or mount.read_only
                or not any(_inside(posixpath.normpath(mount.target), d) for d in kept.data)
            ):
                continue
            if mount.source in seen:
                yield part.hit(
                    f"{seen[mount.source]} keeps its data in {mount.source}, too",
                    "give each a volume of its own",
                    at=mount_at(part, posixpath.normpath(mount.target)),
                )
            elif part.service.replicas > 1:
                yield part.hit(
                    f"{part.service.replicas} replicas keep their data in one volume",
                    "run one",
                    at=mount_at(part, posixpath.normpath(mount.target)),
                )
            seen.setdefault(mount.source, part.name)


@rules.rule(
    "CF063",
    "warning",
    "A mounted file is not there",
    costs="Docker makes an empty folder of that name, as root, and the program finds a folder where it wants a file.",
    wrong="""
services:
  web:
    image: nginx:1.30
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf
""",
    right={
        "compose.yaml": """
services:
  web:
    image: nginx:1.30
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf
""",
        "nginx.conf": "events {}\n",
    },
)
def source_missing(composed: Composed) -> Iterator[Hit]:
    """A bind mount's source that does not exist is created as a folder. For a folder that may be meant, and nothing
    is said; a name with an ending is a file's. In the long form (`type: bind`) nothing is created unless
    `bind.create_host_path` says so: the container is not started, whatever was meant."""
    for part in composed.parts:
        for mount in part.service.volumes:
            if mount.type != "bind" or mount.source not in composed.missing:
                continue
            if mount.bind is None or not mount.bind.create_host_path:
                yield part.hit(
                    f"{composed.shown(mount.source)} does not exist, and the long form makes none: the start fails",
                    "create it, correct the path, or add `bind: {create_host_path: true}`",
                    at=mount_at(part, posixpath.normpath(mount.target)),
                    severity="error",
                )
                continue
            ending = os.path.splitext(posixpath.basename(mount.target))[1]
            if not ending or ending in (".d", ".sock") or not os.path.splitext(posixpath.basename(mount.source))[1]:
                continue
            yield part.hit(
                f"{composed.shown(mount.source)} does not exist, so a folder of that name is made",
                "create the file, or correct the path",
                at=mount_at(part, posixpath.normpath(mount.target)),
            )


@rules.rule(
    "CF064",
    "error",
    "An env file is not there",
    costs="`up` stops with “env file not found”.",
    wrong="""
services:
  web:
    image: nginx:1.30
    env_file: settings.env
""",
    right={
        "compose.yaml": """
services:
  web:
    image: nginx:1.30
    env_file: settings.env
""",
        "settings.env": "A=1\n",
    },
)
def env_file_missing(composed: Composed) -> Iterator[Hit]:
    """Each service's `env_file` must exist unless it says `required: false`. Where a sample lies beside it, as in a
    fresh clone, this is only a note."""
    seen: set[str] = set()
    for part in composed.parts:
        for entry in part.service.env_file:
            if not entry.required or entry.path not in composed.missing or entry.path in seen:
                continue
            seen.add(entry.path)
            sample = composed.samples.get(entry.path)
            name = posixpath.basename(entry.path)
            change = (
                f"copy {posixpath.basename(sample)} to {name} and fill it in"
                if sample
                else f"create {name}, or write `required: false`"
            )
            yield part.hit(
                f"{composed.shown(entry.path)} does not exist",
                change,
                at=part.find("env_file"),
                severity="info" if sample else "error",
            )
