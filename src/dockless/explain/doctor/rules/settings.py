"""The environment of services: secrets, passwords, addresses."""

import re
from collections.abc import Iterator, Mapping

from dockless.explain.doctor.composed import Composed, Part, Spot
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.known import Database, database
from dockless.explain.doctor.rules.secrets import is_literal, is_secret_name
from dockless.explain.doctor.table import Table

rules = Table("compose")
_LOCAL = re.compile(r"^(?:[\w+.-]+://(?:[^@/]*@)?)?(?:localhost|127\.0\.0\.1)(?::(\d+))?(?:/|$)")


def variable(part: Part, name: str) -> Spot | None:
    """Where a service's own `environment` sets a variable."""
    found = part.find("environment", name)
    if found is not None:
        return found
    for _, spot in part.items("environment"):
        if isinstance(spot.value, str) and spot.value.partition("=")[0] == name:
            return spot
    return None


def _raw(spot: Spot | None) -> str | None:
    """The value as written, before variables are replaced; None where a list names the variable alone."""
    if spot is None or spot.raw is None:
        return None
    text = str(spot.raw)
    if isinstance(spot.raw, str) and spot.key is spot.mark:
        return text.partition("=")[2] if "=" in text else None
    return text


def environment(composed: Composed, part: Part) -> Mapping[str, str]:
    """All that the container gets, its env files included as far as they are there."""
    found: dict[str, str] = {}
    for entry in part.service.env_file:
        found.update(composed.variables.get(entry.path, {}))
    found.update({name: value or "" for name, value in part.service.environment.items()})
    return found


def _complete(composed: Composed, part: Part) -> bool:
    return all(entry.path in composed.variables for entry in part.service.env_file)


@rules.rule(
    "CF070",
    "warning",
    "A secret is written into the compose file",
    costs="Whoever can read the repository, or its history, has it.",
    wrong="""
services:
  web:
    image: example/web:1
    environment:
      API_TOKEN: 8f14e45fceea167a
""",
    right="""
services:
  web:
    image: example/web:1
    environment:
      API_TOKEN: ${API_TOKEN:?the token of the API}
""",
)
def literal_secret(composed: Composed) -> Iterator[Hit]:
    """Write `${NAME:?}` and put the value into `.env`, which is not committed; or use `secrets`, which are files in
    the container and do not show in `inspect`."""
    for part in composed.parts:
        for name in part.service.environment:
            spot = variable(part, name)
            raw = _raw(spot)
            if (
                is_secret_name(name)
                and raw is not None
                and is_literal(raw)
                and raw.lower() not in ("changeme!", "auto", "random")
            ):
                yield part.hit(
                    f"the value of {name} is in the file for everybody to read",
                    f"write `${{{name}:?}}` and set it in .env",
                    at=spot,
                )


@rules.rule(
    "CF071",
    "warning",
    "A database without a password",
    costs="Whoever reaches it has all data.",
    wrong="""
services:
  db:
    image: postgres:17.12
    environment:
      POSTGRES_HOST_AUTH_METHOD: trust
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    environment:
      POSTGRES_PASSWORD: ${PG_PASS:-x}
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def open_door(composed: Composed) -> Iterator[Hit]:
    """`POSTGRES_HOST_AUTH_METHOD: trust` and `MYSQL_ALLOW_EMPTY_PASSWORD` let everybody in. In a test that lives
    for a minute that may do."""
    for part in composed.parts:
        kept = database(part.base)
        for name in kept.open if kept is not None else ():
            value = environment(composed, part).get(name, "").lower()
            if value in ("trust", "yes", "true", "1"):
                yield part.hit(
                    f"{name} lets everybody in without a password", "set a password", at=variable(part, name)
                )


@rules.rule(
    "CF072",
    "error",
    "A database's password is missing",
    costs="On an empty volume the container ends at once and says that it wants a password.",
    wrong="""
services:
  db:
    image: postgres:17.12
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    environment:
      POSTGRES_PASSWORD: ${PG_PASS:-x}
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def no_password(composed: Composed) -> Iterator[Hit]:
    """The images of PostgreSQL, MySQL and MariaDB want to be told a password (or that there is to be none) before
    they make a database."""
    for part in composed.parts:
        kept = database(part.base)
        if kept is None or not kept.password or not _complete(composed, part):
            continue
        given = environment(composed, part)
        if not any(name in given for name in (*kept.password, *kept.open)) and not part.service.entrypoint:
            yield part.hit(f"{kept.kind} is given no {kept.password[0]}", f"set {kept.password[0]}")


def _others(composed: Composed, part: Part, number: str, name: str) -> tuple[Part, Database] | None:
    """Another service's database that an address on this machine seems to mean."""
    for other in composed.parts:
        kept = database(other.base)
        if kept is None or other.name == part.name:
            continue
        ports = {str(kept.port), *(port.published for port in other.service.ports)}
        if number in ports or (not number and _means(name.upper(), kept.kind)):
            return other, kept
    return None


def _means(name: str, kind: str) -> bool:
    """Whether a variable's name speaks of such a database, or of one without saying which."""
    for word, kinds in _WORDS.items():
        if word in name:
            return kind in kinds
    return "DB" in name or "DATABASE" in name


_WORDS = {
    "REDIS": ("Redis", "Valkey"),
    "VALKEY": ("Valkey", "Redis"),
    "MONGO": ("MongoDB",),
    "MYSQL": ("MySQL", "MariaDB"),
    "MARIADB": ("MariaDB", "MySQL"),
    "POSTGRES": ("PostgreSQL",),
    "PG": ("PostgreSQL",),
}


@rules.rule(
    "CF073",
    "error",
    "A database is looked for in the own container",
    costs="“Connection refused”: in a container localhost is the container itself.",
    wrong="""
services:
  web:
    image: example/web:1
    environment:
      DATABASE_URL: postgres://u@localhost:5432/app
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
    healthcheck: {test: pg_isready -h 127.0.0.1}
volumes:
  data:
""",
    right="""
services:
  web:
    image: example/web:1
    environment:
      DATABASE_URL: postgres://u@db:5432/app
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
    healthcheck: {test: pg_isready -h 127.0.0.1}
volumes:
  data:
""",
)
def localhost(composed: Composed) -> Iterator[Hit]:
    """Another service is reached by its name."""
    for part in composed.parts:
        if part.service.network_mode or database(part.base) is not None:
            continue
        for name, value in environment(composed, part).items():
            found = _LOCAL.search(value)
            if found is None or not ("://" in value or re.search(r"HOST|SERVER|ADDR|URL", name.upper())):
                continue
            scheme = value.partition("://")[0] if "://" in value else ""
            other = _others(composed, part, found[1] or "", name)
            if other is None or (scheme.startswith("http") and not found[1]):
                continue
            spot = variable(part, name) or part.find("env_file")
            yield part.hit(
                f"{name} says localhost, which is {part.name}'s own container; {other[1].kind} is in {other[0].name}",
                f"write {other[0].name}",
                at=spot,
            )


@rules.rule(
    "CF074",
    "error",
    "A service is called at its port of the host",
    costs="“Connection refused”: between services the container's port counts.",
    wrong="""
services:
  web:
    image: example/web:1
    environment:
      DATABASE_URL: postgres://u@db:5433/app
  db:
    image: postgres:17.12
    env_file: db.env
    ports: ['127.0.0.1:5433:5432']
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
    right="""
services:
  web:
    image: example/web:1
    environment:
      DATABASE_URL: postgres://u@db:5432/app
  db:
    image: postgres:17.12
    env_file: db.env
    ports: ['127.0.0.1:5433:5432']
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def host_port(composed: Composed) -> Iterator[Hit]:
    """`ports` is for the world outside. Services talk to each other directly, at the port that the program listens
    on."""
    for part in composed.parts:
        for name, value in environment(composed, part).items():
            for other in composed.parts:
                if other.name == part.name:
                    continue
                targets = {str(port.target) for port in other.service.ports}
                for port in other.service.ports:
                    called = (
                        re.search(rf"(?:@|//|^){re.escape(other.name)}:{port.published}(?!\d)", value)
                        if port.published
                        else None
                    )
                    if called and port.published not in targets:
                        yield part.hit(
                            f"{name} calls {other.name} at {port.published}, which is its port on the host",
                            f"write {other.name}:{port.target}",
                            at=variable(part, name) or part.find("env_file"),
                        )


@rules.rule(
    "CF075",
    "info",
    "One env file for several services",
    costs="Each gets the others' secrets, and shows them in `inspect` and in every crash report.",
    wrong={
        "compose.yaml": """
services:
  web:
    image: example/web:1
    env_file: .env
  worker:
    image: example/worker:1
    env_file: .env
""",
        ".env": """
DB_PASSWORD=x
MAIL_PASSWORD=y
""",
    },
    right={
        "compose.yaml": """
services:
  web:
    image: example/web:1
    env_file: web.env
  worker:
    image: example/worker:1
    env_file: worker.env
""",
        "web.env": "DB_PASSWORD=x\n",
        "worker.env": "MAIL_PASSWORD=y\n",
    },
)
def shared_env_file(composed: Composed) -> Iterator[Hit]:
    """Name the variables that a service needs: `environment: [NAME]` takes the value from `.env`, or give each
    service a file of its own. Services of one image are not meant."""
    users: dict[str, list[Part]] = {}
    for part in composed.parts:
        for entry in part.service.env_file:
            users.setdefault(entry.path, []).append(part)
    for path, parts in users.items():
        kinds = {part.base if part.recipe is None else part.recipe.text.path for part in parts}
        held = [name for name in composed.variables.get(path, {}) if is_secret_name(name)]
        if len(kinds) > 1 and (held or path in composed.missing):
            others = ", ".join(part.name for part in parts)
            yield parts[0].hit(
                f"{others} all get every variable of this file",
                "give each service only what it needs",
                at=parts[0].find("env_file"),
            )
