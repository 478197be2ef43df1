"""Plain HTTP requests to an engine's socket, as bytes: no client library stands between the test and the answer."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PEER_API = "1.45"  # the newest version of the API that the peer speaks
WAIT = 60  # seconds until an engine that does not answer has failed


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=WAIT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """Of an error."""
        return str(self.json["message"])


class Api:
    """An engine at `address` (`unix://…`); paths are under `version` where it is given."""

    def __init__(self, address: str, version: str = "") -> None:
        self.path = address.removeprefix("unix://")
        self.version = version

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, most: int = -1
    ) -> Answer:
        """`body`: bytes as they are, anything else as JSON. `most`: bytes of the answer to wait for."""
        prefix = f"/v{self.version}" if self.version else ""
        connection = _Connection(self.path)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, prefix + path, body, sent)
            answer = connection.getresponse()
            with answer:
                data = answer.read() if most < 0 else answer.read1(most)
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, data)
        finally:
            connection.close()


def clear(api: Api) -> None:
    """No container, volume or network of a test is left."""
    for container in api("GET", "/containers/json?all=1").json:
        api("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    for volume in api("GET", "/volumes").json["Volumes"] or ():
        api("DELETE", f"/volumes/{volume['Name']}?force=1")
    api("POST", "/networks/prune")
