"""Requests about execs: further processes in a running container."""

from dockless.client.streams import Duplex
from dockless.client.transport import Transport
from dockless.wire.execs import ExecCreateRequest, ExecInspect, ExecStartRequest, IdResponse


class Execs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, container_id: str, body: ExecCreateRequest) -> str:
        """The exec's id."""
        return self._transport.ask(IdResponse, "POST", f"/containers/{container_id}/exec", None, body).id

    def start(self, exec_id: str, *, tty: bool) -> Duplex:
        """Attached: its stream ends when the process has, and then `inspect` has the exit status."""
        return self._transport.hijack(f"/exec/{exec_id}/start", None, ExecStartRequest(tty=tty), tty=tty)

    def start_detached(self, exec_id: str, *, tty: bool = False) -> None:
        self._transport.send("POST", f"/exec/{exec_id}/start", None, ExecStartRequest(detach=True, tty=tty))

    def resize(self, exec_id: str, *, height: int, width: int) -> None:
        self._transport.send("POST", f"/exec/{exec_id}/resize", {"h": height, "w": width})

    def inspect(self, exec_id: str) -> ExecInspect:
        return self._transport.ask(ExecInspect, "GET", f"/exec/{exec_id}/json")
