"""What was recognised: the values that the templates are filled with."""

from typing import Literal

import msgspec

Kind = Literal["django", "fastapi", "flask", "python", "node", "site", "static"]


class Application(msgspec.Struct, frozen=True):
    """An application and how it is run.

    `site` is a folder of files that Node builds, `static` one that is there already. `why` says by what it was
    recognised. Commands are lists of words; `migrate` is empty where there is nothing to migrate. `port` is the one
    it listens on, 0 for none; `health` is the path that answers 200 when all is well, where one was found. `version`
    is Python's or Node's. `output` is the folder below the application's own that is served.
    """

    kind: Kind
    title: str
    why: str
    port: int = 0
    serve: tuple[str, ...] = ()
    develop: tuple[str, ...] = ()
    migrate: tuple[str, ...] = ()
    health: str = ""
    version: str = ""
    install: "Install | None" = None
    settings: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    output: str = ""
    build: str = ""
    database: bool = False


class Install(msgspec.Struct, frozen=True):
    """How dependencies get in: the files that say what they are, and the lines of the Dockerfile's RUN."""

    manifests: tuple[str, ...]
    commands: tuple[str, ...]
    packages: frozenset[str] = frozenset()


class Variable(msgspec.Struct, frozen=True):
    """An environment variable that the application reads. `default` is None where it has none of its own."""

    name: str
    default: str | None = None


class NewFile(msgspec.Struct, frozen=True):
    """A file to write, its path relative to the folder."""

    path: str
    text: str
    mode: int = 0o644
