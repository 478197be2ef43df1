"""HTTP/1.1 on one connection of a client: requests in, answers out, streaming, hijacking. h11 keeps the state."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

import h11

from dockless.server.body import RequestBody
from dockless.server.hijack import RAW_STREAM, HijackedStream
from dockless.server.messages import Answer, Query, Request, Response, Streaming
from dockless.server.query import parse_query, split_target
from dockless.server.taking import taken
from dockless.wire.errors import BadParameter

_HELD_BACK = 64 * 1024
_LINGER = 30.0
_WRITE_LIMIT = 256 * 1024
_LARGEST_HEAD = 64 * 1024
_REASONS = {200: b"OK", 201: b"Created", 204: b"No Content", 304: b"Not Modified", 400: b"Bad Request"}
_REASONS |= {404: b"Not Found", 409: b"Conflict", 500: b"Internal Server Error", 501: b"Not Implemented"}


class App(Protocol):
    """What answers requests."""

    common_headers: tuple[tuple[bytes, bytes], ...]

    def find(self, request: Request) -> "tuple[Callable[[], Awaitable[Answer]], bool]":
        """What answers, and whether it ends with its client. Raises `ApiError`."""

    def failure(self, error: Exception) -> Response:
        """The answer to a request that failed; a fault of ours is logged."""

    def opened(self, connection: "HttpConnection") -> None: ...
    def closed(self, connection: "HttpConnection") -> None: ...


class HttpConnection(asyncio.Protocol):
    """One client's connection; one request at a time, the next is held back until the answer is out."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        self._transport: asyncio.Transport
        self._body: RequestBody | None = None
        self._stream: HijackedStream | None = None
        self._upgrade = False
        self._task: asyncio.Task[None] | None = None
        self._ends_with_client = False
        self._held_back = bytearray()
        self._reading = True
        self._writable: asyncio.Future[None] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._taking: asyncio.Future[None] | None = None
        self._lost = False
        self._eof = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_LIMIT)
        self._app.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._stream is not None and self._stream.accepted:
            self._stream.feed(data)
        elif self._task is not None and (self._body is None or self._body.complete):
            self._held_back += data
            if len(self._held_back) > _HELD_BACK:
                self.pause_reading()
        else:
            self._protocol.receive_data(data)
            self._advance()

    def eof_received(self) -> bool:
        """Whether the connection stays open: a hijacked one has but lost its input, and an answer is still owed."""
        self._eof = True
        if self._stream is not None and self._stream.accepted:
            self._stream.feed_eof()
            return self._task is not None
        if self._task is None:
            return False
        if self._body is not None and not self._body.complete:
            self._body.fail(ConnectionResetError("the client broke off its request"))
        if self._ends_with_client:
            self._task.cancel()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._linger is not None:
            self._linger.cancel()
        if self._taking is not None:
            self._taking.cancel()
        if self._stream is not None:
            self._stream.feed_eof()
        if self._body is not None and not self._body.complete:
            self._body.fail(ConnectionResetError("the client broke off its request"))
        if self._task is not None and self._ends_with_client:
            self._task.cancel()
        self.resume_writing()
        self._app.closed(self)

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    # Requests.

    def _advance(self) -> None:
        """Takes what h11 has understood so far."""
        try:
            while True:
                event = self._protocol.next_event()
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    if self._body is not None:
                        self._body.feed(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    if self._body is not None:
                        self._body.end()
                    if self._task is None:
                        self._next_request()
                        continue
                    break
                else:
                    break
        except h11.RemoteProtocolError as error:
            self._refuse(error)

    def _begin(self, head: h11.Request) -> None:
        headers = dict(head.headers)
        self._upgrade = b"upgrade" in headers
        body = self._body = RequestBody(self.pause_reading, self.resume_reading, self._continue)
        stream = self._stream = HijackedStream(self)
        self._ends_with_client = False
        self._task = asyncio.get_running_loop().create_task(self._answer(head, headers, body, stream))

    async def _answer(
        self, head: h11.Request, headers: dict[bytes, bytes], body: RequestBody, stream: HijackedStream
    ) -> None:
        try:
            await self._respond(head, headers, body, stream)
        except (ConnectionError, asyncio.CancelledError):
            # The client is gone, or the process ends: there is nobody to answer.
            self._transport.abort()
        except Exception as error:  # noqa: BLE001 - the answer has begun: it is broken off, and the fault logged
            self._app.failure(error)
            self._transport.abort()
        finally:
            self._task = None
        if self._lost or self._transport.is_closing():
            return
        if stream.accepted:
            self._end_stream(stream)
            return
        if self._eof:
            self._transport.close()
            return
        body.discard()
        if body.complete:
            self._next_request()
            self._advance()

    async def _respond(
        self, head: h11.Request, headers: dict[bytes, bytes], body: RequestBody, stream: HijackedStream
    ) -> None:
        method = head.method.decode("ascii")
        try:
            version, path, query = split_target(head.target.decode("ascii"))
            request = Request(method, path, version, Query(parse_query(query)), headers, body, stream)
            handler, self._ends_with_client = self._app.find(request)
            answer = await handler()
        except Exception as error:
            # Whatever it is, the client is told, and a fault of ours is logged.
            if isinstance(error, ConnectionError) and (self._lost or self._eof):
                raise
            answer = self._app.failure(error)
            if stream.accepted:
                return
        if isinstance(answer, Streaming):
            await self._send_stream(answer)
        elif isinstance(answer, Response):
            self._send_whole(answer, method)
            await self.drained()

    def _end_stream(self, stream: HijackedStream) -> None:
        """Ends our side and lets the client end its own: closing over unread input would cost it the last output."""
        if self._eof:
            self._transport.close()
            return
        self._transport.write_eof()
        stream.discard()
        self._linger = asyncio.get_running_loop().call_later(_LINGER, self._transport.abort)

    def _next_request(self) -> None:
        """After an answer: the protocol begins anew, with what the client sent meanwhile."""
        if self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
            self._transport.close()
            return
        self._protocol.start_next_cycle()
        self._body = self._stream = None
        if self._held_back:
            self._protocol.receive_data(bytes(self._held_back))
            self._held_back.clear()
        self.resume_reading()

    def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """What came is not HTTP: it is said, where an answer is still possible, and the connection ends."""
        if self._body is not None:
            self._body.fail(BadParameter(f"the request is not HTTP: {error}"))
        if self._task is None and self._protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            text = b"400 Bad Request: " + str(error).encode()
            self._send_whole(Response(error.error_status_hint, text, "text/plain; charset=utf-8"), "GET")
            self._transport.close()
        elif self._task is None:
            self._transport.close()

    def _continue(self) -> None:
        if self._protocol.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    # Answers.

    def _send_whole(self, answer: Response, method: str) -> None:
        headers = [*self._app.common_headers, *((name.encode(), value.encode()) for name, value in answer.headers)]
        if answer.status not in (204, 304):
            if answer.content_type:
                headers.append((b"Content-Type", answer.content_type.encode()))
            headers.append((b"Content-Length", b"%d" % len(answer.body)))
        head = h11.Response(status_code=answer.status, headers=headers, reason=_REASONS.get(answer.status, b""))
        data = self._protocol.send(head) or b""
        if answer.body and method != "HEAD" and answer.status not in (204, 304):
            data += self._protocol.send(h11.Data(data=answer.body)) or b""
        self._transport.write(data + (self._protocol.send(h11.EndOfMessage()) or b""))

    async def _send_stream(self, answer: Streaming) -> None:
        headers = [*self._app.common_headers, *((name.encode(), value.encode()) for name, value in answer.headers)]
        headers += [(b"Content-Type", answer.content_type.encode()), (b"Transfer-Encoding", b"chunked")]
        try:
            self._write(h11.Response(status_code=200, headers=headers, reason=b"OK"))
            async for chunk in answer.chunks:
                if chunk:
                    self._write(h11.Data(data=chunk))
                    await self.drained()
            self._write(h11.EndOfMessage())
            await self.drained()
        finally:
            close = getattr(answer.chunks, "aclose", None)
            if close is not None:
                await close()

    def _write(self, event: h11.Event) -> None:
        self.send(self._protocol.send(event) or b"")

    # What a hijacked stream needs.

    @property
    def _stream_type(self) -> bytes:
        return self._stream.content_type.encode() if self._stream is not None else RAW_STREAM

    def upgrade(self) -> bytes:
        own = self._stream.upgrade_headers if self._stream is not None else ()
        status = b"101 UPGRADED" if self._upgrade else b"200 OK"
        lines = [b"HTTP/1.1 " + status]
        if own:
            lines += [name + b": " + value for name, value in own]
        else:
            # Without an upgrade the answer is as old clients know it.
            lines += [b"Content-Type: " + (self._stream_type if self._upgrade else RAW_STREAM)]
            lines += [b"Connection: Upgrade", b"Upgrade: tcp"] if self._upgrade else []
        lines += [name + b": " + value for name, value in self._app.common_headers]
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
        early = bytes(self._protocol.trailing_data[0]) + bytes(self._held_back)
        self._held_back.clear()
        self.resume_reading()
        if self._eof and self._stream is not None:
            self._stream.feed_eof()
        return early

    def send(self, data: bytes) -> None:
        """Raises `ConnectionResetError` when the client is gone."""
        if self._lost:
            raise ConnectionResetError("the client is gone")
        self._transport.write(data)

    async def taken(self) -> None:
        """Waits until the client has read what was sent, or is gone."""
        if self._lost:
            return
        self._taking = asyncio.ensure_future(taken(self._transport.get_extra_info("socket")))
        try:
            await asyncio.wait([self._taking])
        finally:
            self._taking.cancel()

    async def drained(self) -> None:
        """Waits while the client does not keep up; raises `ConnectionResetError` when it is gone."""
        if self._writable is not None:
            await self._writable
        if self._lost:
            raise ConnectionResetError("the client is gone")

    def send_eof(self) -> None:
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        self._transport.close()

    def pause_reading(self) -> None:
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()
