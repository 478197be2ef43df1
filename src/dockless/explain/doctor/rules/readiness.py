"""When a service may start: dependencies and the health checks that they wait for."""

import re
from collections.abc import Iterator

from dockless.compose.load.tree import Map, Seq
from dockless.dockerfile.model import Healthcheck
from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.composed import Composed, Part, Spot
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.known import database, reference
from dockless.explain.doctor.rules.instructions import missing_programs
from dockless.explain.doctor.table import Table

rules = Table("compose")
_MOVED = re.compile(r"(?:^|\s)(?:-p|--port|-h|-i|--bind\S*|--tls\S*)\b|port=|listen_addresses")
"""A command that has the server listen elsewhere than the image does."""


def has_check(part: Part) -> bool:
    """Whether the compose file or the Dockerfile gives the container a health check that is not turned off."""
    own = part.service.healthcheck
    if own is not None and (own.disable or own.test[:1] == ("NONE",)):
        return False
    if own is not None and own.test:
        return True
    built = part.recipe.last(Healthcheck) if part.recipe is not None else None
    return built is not None and built.command is not None


@rules.rule(
    "CF010",
    "warning",
    "A dependency is started, but perhaps not ready",
    mends="safe",
    costs="On a fresh machine the program starts before the database answers and ends with “connection refused”.",
    wrong="""
services:
  web:
    image: example/web:1
    depends_on:
      - db
  db:
    image: postgres:17.12
    environment:
      POSTGRES_PASSWORD: ${PG_PASS:-x}
    volumes:
      - data:/var/lib/postgresql/data
volumes:
  data:
""",
    right="""
services:
  web:
    image: example/web:1
    depends_on:
      db:
        condition: service_healthy
  db:
    image: postgres:17.12
    environment:
      POSTGRES_PASSWORD: ${PG_PASS:-x}
    volumes:
      - data:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -h 127.0.0.1"]
volumes:
  data:
""",
)
def not_ready(composed: Composed) -> Iterator[Hit]:
    """`depends_on` in its short form waits until the container is started, not until what is in it answers, which
    for a database's first start is seconds later. A health check and `condition: service_healthy` wait for that.
    (`dockless up` waits for a listening port by itself; other tools do not.) For the databases that dockless knows,
    the change adds both."""
    for part in composed.parts:
        for name, dependency in part.service.depends_on.items():
            other = composed.part(name)
            if other is None or dependency.condition != "service_started":
                continue
            kept = database(other.base)
            if kept is None or (part.service.provider is not None):
                continue
            spot = part.find("depends_on")
            at = _entry(part, name) or spot
            added = () if has_check(other) else _check_added(other, kept.ready)
            edits: tuple[Edit | None, ...] = (*added, *_waits(part, spot, name))
            if not has_check(other) and not added:
                edits = (None,)
            yield part.hit(
                f"`depends_on` waits until {name} is started, not until {kept.kind} answers",
                "wait for `condition: service_healthy`"
                + ("" if has_check(other) else f", and give {name} a health check"),
                at=at,
                edits=edits,
            )


def _entry(part: Part, name: str) -> Spot | None:
    spot = part.find("depends_on")
    if spot is not None and isinstance(spot.value, Seq) and name in spot.value:
        return part.find("depends_on", spot.value.index(name))
    return part.find("depends_on", name)


def _check_added(part: Part, ready: str) -> tuple[Edit, ...]:
    if not ready or part.service.healthcheck is not None or part.spot is None or _MOVED.search(part.line):
        return ()
    pad = " " * yaml_text.step(part.spot.text)
    lines = ("healthcheck:", f"{pad}test: {ready}", f"{pad}interval: 5s", f"{pad}timeout: 5s", f"{pad}retries: 20")
    return part.added(*lines)


def _waits(part: Part, spot: Spot | None, name: str) -> tuple[Edit | None, ...]:
    """The short list becomes the long form; in the long form the one condition changes."""
    if spot is None:
        return (None,)
    pad = " " * yaml_text.step(spot.text)
    margin = " " * spot.key.column
    if isinstance(spot.value, Map):
        condition = part.find("depends_on", name, "condition")
        if condition is not None:
            return (yaml_text.rewritten(condition.text, condition.mark, "service_healthy"),)
        return (None,)
    if not isinstance(spot.value, Seq):
        return (None,)
    if spot.text.content[spot.text.offset(spot.mark.line + 1, spot.mark.column + 1)] == "[":
        return (_flow(spot, name, margin, pad),)
    edits: list[Edit | None] = []
    for index, other in enumerate(spot.value):
        item = part.find("depends_on", index)
        if item is None:
            return (None,)
        line = spot.text.line(item.line)
        span = yaml_text.scalar(spot.text, item.mark)
        if span is None or line[: item.mark.column].strip() != "-":
            return (None,)
        start = spot.text.offset(item.line)
        rest = line[span[1] - start :].rstrip()
        wanted = "service_healthy" if other == name else "service_started"
        text = f"{margin}{pad}{other}:{rest}\n{margin}{pad}{pad}condition: {wanted}\n"
        edits.append(Edit(spot.text.path, start, spot.text.offset(item.line + 1), text))
    return tuple(edits)


def _flow(spot: Spot, name: str, margin: str, pad: str) -> Edit | None:
    line = spot.text.line(spot.mark.line + 1)
    close = line.find("]", spot.mark.column)
    if close < 0 or line[close + 1 :].strip() or not yaml_text.begins_line(spot.text, spot.key):
        return None
    start = spot.text.offset(spot.key.line + 1)
    body = "".join(
        f"{margin}{pad}{other}:\n{margin}{pad}{pad}condition: service_{'healthy' if other == name else 'started'}\n"
        for other in spot.value
    )
    return Edit(spot.text.path, start, spot.text.offset(spot.mark.line + 2), f"{margin}depends_on:\n{body}")


@rules.rule(
    "CF011",
    "error",
    "Waiting for the health of a service that has no check",
    costs="`up` fails, or waits for ever: such a container never becomes healthy.",
    wrong="""
services:
  web:
    image: example/web:1
    depends_on:
      cache:
        condition: service_healthy
  cache:
    image: memcached:1.6
""",
    right="""
services:
  web:
    image: example/web:1
    depends_on:
      cache:
        condition: service_started
  cache:
    image: memcached:1.6
""",
)
def no_check(composed: Composed) -> Iterator[Hit]:
    """`condition: service_healthy` needs a `healthcheck`, in the compose file or in the image. Of images that are
    not built here and that dockless does not know nothing is said: they may bring one."""
    for part in composed.parts:
        for name, dependency in part.service.depends_on.items():
            other = composed.part(name)
            if other is None or dependency.condition != "service_healthy" or has_check(other):
                continue
            own = other.service.healthcheck
            turned_off = own is not None and (own.disable or own.test[:1] == ("NONE",))
            base = reference(other.base).repository
            bare = database(other.base) is not None and "/" not in base
            bare = bare or base in (
                "memcached",
                "nginx",
                "httpd",
                "python",
                "node",
                "alpine",
                "debian",
                "ubuntu",
                "busybox",
            )
            if not turned_off and not bare:
                continue
            kept = database(other.base)
            edits = _check_added(other, kept.ready) if kept and not turned_off else ()
            yield part.hit(
                f"{name} has no health check, so it never becomes healthy",
                f"give {name} a `healthcheck`",
                at=part.find("depends_on", name),
                edits=edits,
            )


@rules.rule(
    "CF012",
    "info",
    "A health check that is too early on the first start",
    mends="safe",
    costs="What waits for the database is started while the image still sets it up, and loses its connection.",
    wrong="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U postgres"]
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -h 127.0.0.1 -U postgres"]
volumes:
  data:
""",
)
def through_socket(composed: Composed) -> Iterator[Hit]:
    """On an empty volume the images of PostgreSQL, MySQL and MariaDB start a server for themselves first, which
    listens only on a Unix socket, set the database up, and start it again. `pg_isready` and `mysqladmin ping` ask
    that socket unless a host is named; `localhost` is the socket, too, for MySQL."""
    for part in composed.parts:
        kept = database(part.base)
        test = part.service.healthcheck.test if part.service.healthcheck else ()
        if kept is None or kept.kind not in ("PostgreSQL", "MySQL", "MariaDB"):
            continue
        line = " ".join(test)
        found = re.search(r"\b(pg_isready|mysqladmin|mariadb-admin)\b", line)
        if found is None or re.search(r"(?:-h|--host)[= ]?\"?(?!localhost)[\w.$]", line) or "--protocol" in line:
            continue
        if found[1] == "pg_isready" and re.search(r"(?:-h|--host)[= ]?localhost", line):
            continue
        spot = part.find("healthcheck", "test")
        host = re.search(r"(?:-h|--host)[= ]?\"?localhost", line)
        edit = None
        if spot is not None and not host:
            start = spot.text.offset(spot.mark.line + 1, spot.mark.column + 1)
            end = spot.text.offset(yaml_text.last_line(spot.text, spot.key) + 1)
            word = re.compile(rf"\b{found[1]}\b(['\"]?)").search(spot.text.content, start, end)
            if word is not None:
                quote = word[1] if test[:1] == ("CMD",) else ""
                added = f"{quote}, {quote}-h{quote}, {quote}127.0.0.1" if quote else " -h 127.0.0.1"
                at = word.end() - len(word[1])
                edit = Edit(spot.text.path, at, at, added)
        yield part.hit(
            f"{found[1]} asks the socket, which answers already while {kept.kind} is being set up",
            "name a host: `-h 127.0.0.1`",
            at=spot,
            edits=(edit,),
        )


@rules.rule(
    "CF013",
    "error",
    "A health check in the wrong form",
    mends="safe",
    costs="It never succeeds: there is no program of that name, or it gets words that were meant for a shell.",
    wrong="""
services:
  web:
    image: nginx:1.30
    healthcheck:
      test: ["CMD", "curl -f http://localhost/"]
""",
    right="""
services:
  web:
    image: nginx:1.30
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost/"]
""",
)
def wrong_form(composed: Composed) -> Iterator[Hit]:
    """After `CMD` each word is an item of its own and no shell looks at it. `CMD-SHELL` takes one text for the
    container's shell."""
    for part in composed.parts:
        test = part.service.healthcheck.test if part.service.healthcheck else ()
        if test[:1] != ("CMD",):
            continue
        words = test[1:]
        spot = part.find("healthcheck", "test")
        one = len(words) == 1 and " " in words[0].strip()
        shellish = [word for word in words if word in ("||", "&&", "|", ";") or re.match(r"\$\{?[A-Za-z_]", word)]
        if words[:1] and re.search(r"(?:^|/)(?:ba|da|a)?sh$", words[0]):
            continue
        if not one and not shellish:
            continue
        first = part.find("healthcheck", "test", 0)
        edit = yaml_text.rewritten(first.text, first.mark, "CMD-SHELL") if one and first is not None else None
        message = (
            f"there is no program called {words[0]!r}" if one else f"{shellish[0]} is handed to {words[0]} as it stands"
        )
        yield part.hit(message, "write `CMD-SHELL` and one text", at=spot, edits=(edit,))


@rules.rule(
    "CF014",
    "error",
    "Waiting for the end of a service that is always started again",
    mends="safe",
    costs="`up` never goes on.",
    wrong="""
services:
  web:
    image: example/web:1
    depends_on:
      migrate:
        condition: service_completed_successfully
  migrate:
    image: example/web:1
    restart: always
""",
    right="""
services:
  web:
    image: example/web:1
    depends_on:
      migrate:
        condition: service_completed_successfully
  migrate:
    image: example/web:1
""",
)
def never_completes(composed: Composed) -> Iterator[Hit]:
    """`service_completed_successfully` waits for exit status 0; with `restart: always` or `unless-stopped` the
    container does not stay ended."""
    for part in composed.parts:
        for name, dependency in part.service.depends_on.items():
            other = composed.part(name)
            if other is None or dependency.condition != "service_completed_successfully":
                continue
            if other.service.restart in ("always", "unless-stopped"):
                spot = other.find("restart")
                edit = yaml_text.removed(spot.text, spot.key) if spot is not None else None
                yield other.hit(
                    f"{part.name} waits for its end, and it is always started again",
                    "remove `restart`",
                    at=spot,
                    edits=(edit,),
                )


@rules.rule(
    "CF015",
    "error",
    "A health check calls what the image does not have",
    costs="The container is unhealthy for ever: what waits for it never starts.",
    wrong="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
    healthcheck:
      test: curl -f http://localhost:5432
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
    healthcheck:
      test: pg_isready -h 127.0.0.1
volumes:
  data:
""",
)
def check_cannot_run(composed: Composed) -> Iterator[Hit]:
    """A health check runs inside the container, with the image's programs. slim and Alpine images have no curl,
    MariaDB since 11 no `mysqladmin`, MongoDB since 6 no `mongo`, distroless images not even a shell."""
    for part in composed.parts:
        test = part.service.healthcheck.test if part.service.healthcheck else ()
        if len(test) < 2 or test[0] == "NONE":
            continue
        for program in missing_programs(part.recipe, part.base, test[1:], test[0] == "CMD-SHELL"):
            yield part.hit(
                f"{program} is not in {part.base}",
                f"install {program} in the image, or use what it has",
                at=part.find("healthcheck", "test"),
            )
