"""Environment variables: the process's own, and those from flags and files as Docker's command line reads them."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dockless.cli.failure import Failure

_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def of_process() -> dict[str, str]:
    """The environment that the process was started with.

    Where no locale is set, Python sets LC_CTYPE in its own (PEP 538): that is nobody's wish, and would enter files that
    refer to it.
    """
    environ = dict(os.environ)
    if environ.get("LC_CTYPE") in _COERCED:
        try:
            started = Path("/proc/self/environ").read_bytes()
        except OSError:
            return environ
        if not any(entry.startswith(b"LC_CTYPE=") for entry in started.split(b"\0")):
            del environ["LC_CTYPE"]
    return environ


def variables(flags: Iterable[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """`-e KEY=VALUE`; `-e KEY` takes the value that it has here, and is left out when it has none."""
    found = []
    for flag in flags:
        name, equals, _ = flag.partition("=")
        if not name:
            raise Failure(f'invalid environment variable: "{flag}"', 125)
        if equals:
            found.append(flag)
        elif name in environ:
            found.append(f"{name}={environ[name]}")
    return tuple(found)


def read_env_file(path: str, environ: Mapping[str, str]) -> list[str]:
    """`--env-file` of `docker run`: a `KEY=VALUE` a line, taken as it is (no quotes, no expansion); `#` comments.

    Raises `Failure` with the file and the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failure(f"open {path}: {(error.strerror or str(error)).lower()}", 125) from error
    except UnicodeDecodeError as error:
        raise Failure(f"env file {path} contains invalid utf8 bytes at position {error.start}", 125) from error
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name:
            raise Failure(f"invalid env file ({path}:{number}): no variable name on line '{raw}'", 125)
        if any(letter.isspace() for letter in name):
            raise Failure(f"invalid env file ({path}:{number}): variable '{name}' contains whitespaces", 125)
        if equals:
            found.append(f"{name}={value}")
        elif name in environ:
            found.append(f"{name}={environ[name]}")
    return found


def labels(flags: Iterable[str]) -> dict[str, str]:
    """`--label KEY=VALUE`, or `KEY` alone."""
    return {name: value for name, _, value in (flag.partition("=") for flag in flags)}
