"""What goes into `.env`: for each variable that the application reads, a value where one can be known or made up."""

import re
from collections.abc import Callable, Iterable

import msgspec

from dockless.explain.init.application import Application, Variable

# Which part of the database's address a variable holds, by its name.
_PARTS: tuple[tuple[str, str], ...] = (
    (r"(POSTGRES|POSTGRESQL|PG|DB|DATABASE|SQL)_?(HOST|HOSTNAME|SERVER|ADDR)", "host"),
    (r"(POSTGRES|POSTGRESQL|PG|DB|DATABASE|SQL)_?PORT", "port"),
    (r"(POSTGRES|POSTGRESQL|PG|DB|DATABASE|SQL)_?(USER|USERNAME)", "user"),
    (r"(POSTGRES|POSTGRESQL|PG|DB|DATABASE|SQL)_?(PASSWORD|PASS|PASSWD)", "password"),
    (r"(POSTGRES|POSTGRESQL|DB|DATABASE|SQL)_?(DB|NAME|DATABASE)|PGDATABASE", "name"),
    (r"(POSTGRES|POSTGRESQL|PG|DB|DATABASE|SQLALCHEMY_DATABASE)_?(URL|URI|DSN)", "url"),
)
_MADE_UP = re.compile(r"SECRET(_KEY)?$|_SECRET$|SECRET_KEY|SALT|SESSION_KEY|SIGNING_KEY|ENCRYPTION_KEY|APP_KEY")


class Setting(msgspec.Struct, frozen=True):
    """A line of `.env`. `shown` is what `.env.example` has in its place; `open`: somebody has to fill it in."""

    name: str
    value: str
    shown: str
    open: bool = False


def settings(application: Application, variables: Iterable[Variable], secret: Callable[[], str]) -> tuple[Setting, ...]:
    """The lines of `.env`: the database's own first, then what the application reads beside it.

    A variable with a default of its own is left to it, unless it is about the database or a secret. `secret` makes a
    random value; each is made once.
    """
    found: dict[str, Setting] = {}
    parts: dict[str, str] = {}
    if application.database:
        password = secret()
        parts = {"host": "postgres", "port": "5432", "user": "app", "password": password, "name": "app"}
        parts["url"] = f"{_scheme(application)}://app:{password}@postgres:5432/app"
        for name, part in (("POSTGRES_USER", "user"), ("POSTGRES_PASSWORD", "password"), ("POSTGRES_DB", "name")):
            found[name] = Setting(name, parts[part], "" if part == "password" else parts[part])
    for variable in variables:
        if variable.name not in found and (setting := _setting(variable, parts, secret)) is not None:
            found[variable.name] = setting
    return tuple(found.values())


def text_of(settings: Iterable[Setting], *, example: bool) -> str:
    """`.env`, or `.env.example`, which has no secret in it."""
    lines = [
        "# Copy to .env and fill in what is empty." if example else "# Read by the containers. Not for the repository."
    ]
    for setting in settings:
        lines.append(f"{setting.name}={setting.shown if example else setting.value}")
    return "\n".join(lines) + "\n"


def _setting(variable: Variable, parts: dict[str, str], secret: Callable[[], str]) -> Setting | None:
    name = variable.name
    part = next((part for pattern, part in _PARTS if re.fullmatch(pattern, name)), "")
    if parts and part:
        shown = {"password": "", "url": parts["url"].replace(parts["password"], "PASSWORD")}.get(part, parts[part])
        return Setting(name, parts[part], shown)
    if _MADE_UP.search(name):
        return Setting(name, secret(), "")
    return Setting(name, "", "", open=True) if variable.default is None else None


def _scheme(application: Application) -> str:
    """SQLAlchemy wants the driver's name in the address; everything else knows `postgresql`."""
    packages = application.install.packages if application.install else frozenset()
    if packages & {"sqlalchemy", "flask-sqlalchemy", "sqlmodel", "databases"}:
        for package, scheme in (("asyncpg", "postgresql+asyncpg"), ("psycopg", "postgresql+psycopg")):
            if package in packages:
                return scheme
    return "postgresql"
