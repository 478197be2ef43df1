"""What may grow without end: logs, memory."""

from collections.abc import Iterator

from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.composed import Composed, Part
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.known import CACHES, database
from dockless.explain.doctor.table import Table

rules = Table("compose")


@rules.rule(
    "CF040",
    "info",
    "Logs without end",
    mends="safe",
    costs="The disk fills up, and then nothing on the machine works, the database first.",
    wrong="""
services:
  web:
    image: example/web:1
    restart: always
""",
    right="""
services:
  web:
    image: example/web:1
    restart: always
    logging:
      driver: json-file
      options:
        max-size: 10m
        max-file: '3'
""",
)
def unbounded_logs(composed: Composed) -> Iterator[Hit]:
    """Docker's default log driver keeps everything that a container ever wrote, until it is removed. It matters for
    services that are meant to run on, that is, those with `restart`; the others are not meant."""
    parts = [part for part in composed.parts if _keeps_all(part)]
    if not parts:
        return
    edits: list[Edit | None] = []
    for part in parts:
        pad = " " * (yaml_text.step(part.spot.text) if part.spot is not None else 2)
        driver = ("logging:", f"{pad}driver: json-file", f"{pad}options:")
        limits = (f"{pad * 2}max-size: 10m", f'{pad * 2}max-file: "3"')
        edits += (part.added(*driver, *limits) or (None,)) if part.service.logging is None else (None,)
    yield composed.hit(
        composed.find(("services",)),
        ("services",),
        f"nothing limits the logs of {_names(parts)}, always started again after an end",
        "set `logging.options.max-size` and `max-file`",
        edits=tuple(edits),
    )


def _keeps_all(part: Part) -> bool:
    logging = part.service.logging
    if part.service.restart not in ("always", "unless-stopped"):
        return False
    return logging is None or (logging.driver in ("", "json-file") and "max-size" not in logging.options)


def _names(parts: list[Part]) -> str:
    return ", ".join(part.name for part in parts)


def _limited(part: Part) -> bool:
    deploy = part.service.deploy
    limits = deploy.resources.limits if deploy is not None else None
    return bool(part.service.mem_limit or (limits is not None and limits.memory))


@rules.rule(
    "CF041",
    "info",
    "No memory limit beside a database",
    mends="unsafe",
    costs="When the program takes all memory, the kernel ends the process that has most: the database.",
    wrong="""
services:
  web:
    image: example/web:1
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
    right="""
services:
  web:
    image: example/web:1
    mem_limit: 512m
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def no_memory_limit(composed: Composed) -> Iterator[Hit]:
    """A limit keeps a leak in one service from costing another. How much a service needs only you know: look at
    `stats` under load. The change that is offered (1 GB) may be too little, so it is not made without
    `--unsafe`."""
    bases = [(part, database(part.base)) for part in composed.parts if not part.service.profiles]
    kept = [part.name for part, found in bases if found is not None and found.kind not in CACHES]
    free = [part for part, found in bases if found is None and not _limited(part) and not _ends(composed, part)]
    if not kept or not free:
        return
    edits: list[Edit | None] = []
    for part in free:
        edits += part.added("mem_limit: 1g") or (None,)
    yield composed.hit(
        composed.find(("services",)),
        ("services",),
        f"nothing limits the memory of {_names(free)}, on one machine with the database {kept[0]}",
        "set `mem_limit`",
        edits=tuple(edits),
        safe=False,
    )


def _ends(composed: Composed, part: Part) -> bool:
    """Whether it is no service that runs on: others wait for its end, or something else provides it."""
    if part.service.provider is not None:
        return True
    waits = (other.service.depends_on.get(part.name) for other in composed.parts)
    return any(found is not None and found.condition == "service_completed_successfully" for found in waits)
