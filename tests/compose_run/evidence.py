"""Whether a running project shows what its compose file says beside each service; see `test_keys.py`."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from dockless.client.connect import connect
from dockless.wire.errors import ApiError
from dockless.wire.execs import ExecCreateRequest
from dockless.wire.queries import LogOptions

PATIENCE = 30.0  # seconds for what `x-wait` says


class Seen:
    """What an engine's API says of a project named `p`."""

    def __init__(self, engine: Mapping[str, str]) -> None:
        self._engine = engine

    def failures(self, name: str, service: Mapping[str, Any]) -> list[str]:
        """One line for each expectation of the service that does not hold."""
        container = service.get("container_name") or f"p-{name}-1"
        try:
            with connect(self._engine) as client:
                return [f"{name}: {failure}" for failure in _Container(client, container).failures(service)]
        except ApiError as error:
            return [f"{name}: {error}"]


class _Container:
    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def failures(self, service: Mapping[str, Any]) -> Iterator[str]:
        for path, expected in service.get("x-wait", {}).items():
            deadline = time.monotonic() + PATIENCE
            while not matches(found := self._at(path), expected) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not matches(found, expected):
                yield f"{path} became {found!r}, not {expected!r}"
        for path, expected in service.get("x-inspect", {}).items():
            if not matches(found := self._at(path), expected):
                yield f"{path} is {found!r}, not {expected!r}"
        for command, expected in service.get("x-shows", {}).items():
            command = command.replace("$$", "$")
            if not matches(found := self._run(command), expected):
                yield f"`{command}` prints {found!r}, not {expected!r}"
        if "x-logs" in service:
            deadline = time.monotonic() + PATIENCE
            while not matches(found := self._logs(), service["x-logs"]) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not matches(found, service["x-logs"]):
                yield f"logs are {found!r}, not {service['x-logs']!r}"
        if "x-count" in service:
            stem = self._name.rpartition("-")[0]
            for number in range(1, service["x-count"] + 1):
                if self._client.containers.inspect(f"{stem}-{number}").state.status != "running":
                    yield f"container {number} does not run"

    def _at(self, path: str) -> Any:
        value = msgspec.json.decode(msgspec.json.encode(self._client.containers.inspect(self._name)))
        parts = path.split(".")
        while parts:
            if isinstance(value, list):
                value = value[int(parts.pop(0))]
                continue
            if not isinstance(value, dict):
                return value
            # Keys of labels have dots of their own.
            length = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in value), None)
            if length is None:
                return None
            value = value[".".join(parts[:length])]
            parts = parts[length:]
        return value

    def _run(self, command: str) -> str:
        request = ExecCreateRequest(cmd=("sh", "-c", command), attach_stdout=True)
        with self._client.execs.start(self._client.execs.create(self._name, request), tty=False) as stream:
            return b"".join(data for _, data in stream).decode(errors="replace").strip()

    def _logs(self) -> str:
        tty = self._client.containers.inspect(self._name).config.tty
        options = LogOptions(stdout=True, stderr=True)
        return b"".join(data for _, data in self._client.containers.logs(self._name, options, tty=tty)).decode().strip()


def matches(found: Any, expected: Any) -> bool:
    """A string that begins with `~` is a regular expression; `a|b` of null and a number are both right."""
    if isinstance(expected, str) and expected.startswith("~"):
        return re.search(expected[1:], str(found)) is not None
    if expected == "null|-1":
        return found in (None, -1)
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(matches(found.get(key), value) for key, value in expected.items())
    return bool(found == expected)
