"""Docker's `config.json`: where it is, and what of it every request of a client goes by (`HttpHeaders`, `proxies`)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

_PROXIES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}
# What a request says of itself.
_OWN = frozenset(
    ("host", "user-agent", "connection", "upgrade", "content-type", "content-length", "transfer-encoding", "expect")
)


class ConfigError(Exception):
    """The file or a helper's answer cannot be understood; the message says which."""


class ClientSettings(Struct, frozen=True):
    """`headers` are sent with each request. `proxies`: by engine (`default` for all others), variables and values."""

    headers: tuple[tuple[str, str], ...] = ()
    proxies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def proxies_for(self, engine: str) -> Mapping[str, str]:
        """The variables that containers and builds at the engine's address get where they do not say otherwise."""
        return self.proxies.get(engine) or self.proxies.get("default") or {}


def path_in(environ: Mapping[str, str]) -> Path:
    folder = environ.get("DOCKER_CONFIG") or str(Path(environ.get("HOME", "/")) / ".docker")
    return Path(folder) / "config.json"


def read(path: Path) -> dict[str, Any]:
    """Empty where there is none. Raises `ConfigError`."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    try:
        config = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{path} is no JSON object")
    return config


def settings_of(environ: Mapping[str, str]) -> ClientSettings:
    """`DOCKER_CUSTOM_HEADERS` (`NAME=VALUE,…`, as CSV) takes the place of the file's headers. Raises `ConfigError`."""
    path = path_in(environ)
    config = read(path)
    if given := environ.get("DOCKER_CUSTOM_HEADERS"):
        headers = tuple(_headers(_listed(given), "DOCKER_CUSTOM_HEADERS"))
    else:
        headers = tuple(_headers(_object(config, "HttpHeaders", path), f"{path}: HttpHeaders"))
    proxies = {
        engine: _variables(_object({engine: entry}, engine, path))
        for engine, entry in _object(config, "proxies", path).items()
    }
    return ClientSettings(headers, proxies)


def _object(config: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key} is no JSON object")
    return value


def _variables(entry: Mapping[str, Any]) -> dict[str, str]:
    """In capitals and in small letters, since programs look for either."""
    found = {name: str(entry[key]) for key, name in _PROXIES.items() if entry.get(key)}
    return found | {name.lower(): value for name, value in found.items()}


def _listed(text: str) -> dict[str, str]:
    import csv

    found = {}
    for item in next(csv.reader([text], strict=True)):
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"DOCKER_CUSTOM_HEADERS: {item}: write NAME=VALUE")
        found[name.strip()] = value
    return found


def _headers(given: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if not name or not isinstance(value, str) or not (name + value).isprintable() or not f"{name}{value}".isascii():
            raise ConfigError(f"{place}: {name!r} is no header")
        if name.lower() not in _OWN:
            yield name, value
