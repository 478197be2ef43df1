"""Targets of requests taken apart: path, version, parameters. Percent-encoding as in the URL standard, `+` a space."""

import re

from dockless.wire.errors import BadParameter

_VERSION = re.compile(r"/v(\d+\.\d+(?:\.\d+)*)(?=/)")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def split_target(target: str) -> tuple[str, str, str]:
    """(version or "", path, query); an absolute form (`http://host/path`) loses its host."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    if found := _VERSION.match(path):
        return found[1], path[found.end() :], query
    return "", path, query


def parse_query(text: str) -> dict[str, list[str]]:
    """Raises `BadParameter` for escapes that are not UTF-8."""
    values: dict[str, list[str]] = {}
    if text:
        for pair in text.split("&"):
            if pair:
                key, _, value = pair.partition("=")
                values.setdefault(unquote(key.replace("+", " ")), []).append(unquote(value.replace("+", " ")))
    return values


def unquote(text: str) -> str:
    """Raises `BadParameter`."""
    if "%" not in text:
        return text
    try:
        return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text.encode()).decode()
    except UnicodeDecodeError as error:
        raise BadParameter(f"invalid URL escape in {text!r}") from error
