"""Docker's `config.json`: what of it commands go by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockless.cli.failure import Failure
from dockless.client import config_file
from dockless.client.config_file import ConfigError, path_in


def read(path: Path) -> dict[str, Any]:
    """Empty where there is none. Raises `Failure`."""
    try:
        return config_file.read(path)
    except ConfigError as error:
        raise Failure(str(error)) from error


def text_of(given: str, key: str, environ: Mapping[str, str], default: str = "") -> str:
    """What the command line gives, else what the file has under the key (`psFormat` …). Raises `Failure`."""
    return given or str(read(path_in(environ)).get(key) or default)


def detach_keys(given: str, environ: Mapping[str, str]) -> bytes:
    """`--detach-keys`, else those of the file, else Docker's. Raises `Failure`."""
    from dockless.cli.interactive import keys_of

    return keys_of(text_of(given, "detachKeys", environ))
