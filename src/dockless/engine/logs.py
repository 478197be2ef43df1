"""Container output: from the pipes into the log file, and from the log file to readers.

The log file has Docker's json-file form, a line `{"log":…,"stream":…,"time":…}` each. `Journal` is the writing side of
one container, `read` the reading side. Who listens live (attach) is told each chunk as it comes.

No line is lost or doubled when the engine is killed at any instruction: bytes move by splice(2) from the container's
pipe into a *staging* pipe of which the launcher keeps duplicates, are copied from there by tee(2), written to the log,
and only then drained from the staging pipe. A small mapped file beside the log tells a successor whether the batch
that it finds in the staging pipe was written already. A log file is put aside (`log_files.py`) between batches only.
"""

import asyncio
import errno
import mmap
import os
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from dockless.engine import log_files
from dockless.engine.log_files import Rotation
from dockless.linux.pipes import enlarge, move, pending, tee
from dockless.wire.multiplex import STDERR, STDOUT, frame
from dockless.wire.times import rfc3339_fixed

PARTIAL = 16 * 1024  # Docker's limit: a longer line is stored in pieces
CHUNK = 256 * 1024
PIPE_SIZE = 256 * 1024
_REST_BATCHES = 8  # a full pipe needs two where the staging pipe holds the beginning of a line
_SLOT = struct.Struct("<QQQ")  # log size before the batch, bytes staged, bytes of them in the batch; staged 0 = idle
_MARK = b"\x7f"  # DEL, which JSON does not escape
STREAMS = ("stdout", "stderr")
NUMBERS = {"stdout": STDOUT, "stderr": STDERR}


class OutputPipes(Protocol):
    """A stream's three descriptors: its read end, and the two ends of its staging pipe."""

    @property
    def read(self) -> int: ...
    @property
    def staging_read(self) -> int: ...
    @property
    def staging_write(self) -> int: ...


class LogLine(msgspec.Struct, frozen=True):
    """A stored line; `log` keeps its newline where it had one."""

    log: str
    stream: str
    time: str


@dataclass(frozen=True)
class ReadOptions:
    """Which lines a reader wants; times are nanoseconds since the epoch, `tail` None for all."""

    stdout: bool = True
    stderr: bool = True
    since: int = 0
    until: int = 0
    tail: int | None = None
    timestamps: bool = False
    follow: bool = False
    raw: bool = False


class Journal:
    """Carries one container's output into its log file and to live listeners; owns the log file while it runs."""

    def __init__(
        self,
        folder: Path,
        name: str,
        pipes: Mapping[str, OutputPipes],
        listener: Callable[[str, bytes], None],
        *,
        stored: bool = True,
        rotation: Rotation | None = None,
    ) -> None:
        """`pipes` maps "stdout" and "stderr" (a terminal: "stdout" alone) to descriptors that the journal then owns.

        `stored` False is the logging driver "none": output reaches live listeners alone.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._stored = stored
        self._path = folder / name
        self._rotation = rotation
        self._log = log_files.open_log(self._path)
        self._state = folder / "log.state"
        self._marks: mmap.mmap | None = None
        if stored and self._state.exists():
            self._marks = _map_marks(self._state)
        self._copy_read, self._copy_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        enlarge(self._copy_write, PIPE_SIZE)
        self._null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._pipes = dict(pipes)
        self._paused: set[object] = set()
        self._grown: list[asyncio.Future[None]] = []
        self.finished = asyncio.Event()
        for stream, pipe in self._pipes.items():
            os.set_blocking(pipe.read, False)
            enlarge(pipe.read, PIPE_SIZE)
            enlarge(pipe.staging_write, PIPE_SIZE)
            self._recover(stream, pipe)
        for stream, pipe in self._pipes.items():
            if remaining := pending(pipe.staging_read):
                self._store(stream, pipe, remaining, everything=False)
            self._loop.add_reader(pipe.read, self._pump, stream)
        if not self._pipes:
            self._finish()

    @property
    def streams(self) -> frozenset[str]:
        """The outputs that have not ended."""
        return frozenset(self._pipes)

    def pause(self, owner: object) -> None:
        """A listener that cannot keep up holds the container's output back until it resumes."""
        if not self._paused:
            for pipe in self._pipes.values():
                self._loop.remove_reader(pipe.read)
        self._paused.add(owner)

    def resume(self, owner: object) -> None:
        self._paused.discard(owner)
        if not self._paused:
            for stream, pipe in self._pipes.items():
                self._loop.add_reader(pipe.read, self._pump, stream)

    async def drain(self, seconds: float) -> None:
        """Waits until every stream has ended, at most `seconds`; then takes what is there, and stops reading, whoever
        still holds a pipe or holds the output back."""
        try:
            await asyncio.wait_for(self.finished.wait(), seconds)
        except TimeoutError:
            for stream in list(self._pipes):
                self._take_rest(stream)

    async def grown(self) -> None:
        """Returns when something was written or the last stream ended."""
        if self.finished.is_set():
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._grown.append(future)
        await future

    def detach(self) -> None:
        """Lets go of everything without reading on (the engine ends; the launcher keeps the pipes)."""
        for stream, pipe in list(self._pipes.items()):
            self._loop.remove_reader(pipe.read)
            _close(pipe)
            del self._pipes[stream]
        self._finish()

    def _pump(self, stream: str) -> None:
        pipe = self._pipes[stream]
        before = pending(pipe.staging_read)
        try:
            moved = _fill(pipe)
        except BlockingIOError:
            if before:  # the staging pipe has no free slot: store what it has as a partial line
                self._store(stream, pipe, before, everything=True)
            return
        if moved == 0:
            if before:
                self._store(stream, pipe, before, everything=True)
            self._end(stream)
            return
        self._store(stream, pipe, before, everything=False)

    def _take_rest(self, stream: str) -> None:
        """A pipe's content and no more: somebody may go on writing for ever."""
        for _ in range(_REST_BATCHES):
            if stream in self._pipes and pending(self._pipes[stream].read):
                self._pump(stream)
        if (pipe := self._pipes.get(stream)) is not None:
            if before := pending(pipe.staging_read):
                self._store(stream, pipe, before, everything=True)
            self._end(stream)

    def _store(self, stream: str, pipe: OutputPipes, known: int, *, everything: bool) -> None:
        staged = pending(pipe.staging_read)
        data = self._copy(pipe.staging_read, staged)
        if len(data) > known:
            self._listener(stream, data[known:])
        size = len(data) if everything or not self._stored else data.rfind(b"\n") + 1
        if size == 0 and len(data) >= PARTIAL:
            size = len(data) - len(data) % PARTIAL
        if size == 0:
            return
        if self._stored:
            start = self._place()
            self._mark(stream, start, staged, size)
            _write_all(self._log, _encode(stream, data[:size]))
        _drain(pipe.staging_read, self._null, size)
        if self._stored:
            self._mark(stream, 0, 0, 0)
        self._wake()

    def _place(self) -> int:
        """Where the next batch goes: the end of the log file, or the beginning of a new one."""
        size = os.fstat(self._log).st_size
        if self._rotation is None or size < self._rotation.max_size:
            return size
        os.close(self._log)
        self._log = log_files.rotate(self._path, self._rotation)
        return 0

    def _recover(self, stream: str, pipe: OutputPipes) -> None:
        """Finishes or undoes the batch that a predecessor was at when it died."""
        if self._marks is None:
            return
        start, staged, size = _SLOT.unpack_from(self._marks, STREAMS.index(stream) * _SLOT.size)
        held = pending(pipe.staging_read)
        if staged and held == staged:
            os.ftruncate(self._log, start)
        elif staged and held > staged - size:
            _drain(pipe.staging_read, self._null, held - (staged - size))
        self._mark(stream, 0, 0, 0)

    def _copy(self, source: int, size: int) -> bytes:
        """What a pipe holds, without taking it out; the copy's pipe is empty and as large, so one call has it all."""
        return os.read(self._copy_read, tee(source, self._copy_write, size)) if size else b""

    def _mark(self, stream: str, start: int, staged: int, size: int) -> None:
        """The file is made for the first batch: many containers say nothing."""
        if self._marks is None:
            self._marks = _map_marks(self._state)
        _SLOT.pack_into(self._marks, STREAMS.index(stream) * _SLOT.size, start, staged, size)

    def _end(self, stream: str) -> None:
        pipe = self._pipes.pop(stream)
        self._loop.remove_reader(pipe.read)
        _close(pipe)
        if not self._pipes:
            self._finish()

    def _finish(self) -> None:
        if self.finished.is_set():
            return
        for descriptor in (self._log, self._copy_read, self._copy_write, self._null):
            os.close(descriptor)
        if self._marks is not None:
            self._marks.close()
        self.finished.set()
        self._wake()

    def _wake(self) -> None:
        waiting, self._grown = self._grown, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


async def read(path: Path, options: ReadOptions, journal: Callable[[], "Journal | None"]) -> AsyncIterator[bytes]:
    """What `docker logs` prints: stored lines in order, as frames of the multiplexed stream, or raw for a terminal.

    With `follow` it goes on as the journal writes, and ends when the container's output has ended.
    """
    opened = log_files.open_all(path)
    try:
        offset = 0
        if options.tail is not None:
            offset = _skip_to_tail(opened, options)
        rest = b""
        while True:
            writer = journal()
            done = writer is None or writer.finished.is_set()
            while chunk := os.pread(opened[0], CHUNK, offset):
                offset += len(chunk)
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                if output := _render(lines, options):
                    yield output
                await asyncio.sleep(0)
            if options.follow and len(opened) == 1:
                opened += log_files.open_later(path, opened[0])
            if len(opened) > 1:
                os.close(opened.pop(0))
                offset, rest = 0, b""
                continue
            if not options.follow or done or writer is None:
                return
            if options.until and time.time_ns() >= options.until:
                return
            await writer.grown()
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _skip_to_tail(opened: list[int], options: ReadOptions) -> int:
    """Closes the files before the one in which the last wanted lines begin; the answer is where in that one."""
    wanted = options.tail or 0
    for index in reversed(range(len(opened))):
        offset, found = _tail_offset(opened[index], options, wanted)
        wanted -= found
        if wanted <= 0:
            for descriptor in opened[:index]:
                os.close(descriptor)
            del opened[:index]
            return offset
    return 0


def _render(lines: list[bytes], options: ReadOptions) -> bytes:
    output = []
    since = rfc3339_fixed(options.since) if options.since else ""
    until = rfc3339_fixed(options.until) if options.until else ""
    for line in lines:
        record = _decoder.decode(line)
        wanted = options.stdout if record.stream == "stdout" else options.stderr
        if not wanted or (since and record.time < since) or (until and record.time > until):
            continue
        text = f"{record.time} {record.log}" if options.timestamps else record.log
        data = text.encode()
        output.append(data if options.raw else frame(NUMBERS[record.stream], data))
    return b"".join(output)


def _tail_offset(descriptor: int, options: ReadOptions, wanted: int) -> tuple[int, int]:
    """Where the last `wanted` lines of a file begin, and how many they are."""
    end = os.fstat(descriptor).st_size
    found, position, block = 0, end, b""
    if wanted == 0:
        return end, 0
    while position > 0:
        size = min(CHUNK, position)
        position -= size
        block = os.pread(descriptor, size, position) + block
        lines = block.split(b"\n")
        # The first piece may begin in an earlier block; the last one is what follows the last newline.
        complete = lines[1:-1] if position else lines[:-1]
        cut = len(block) - len(lines[-1])
        for line in reversed(complete):
            cut -= len(line) + 1
            record = _decoder.decode(line)
            if options.stdout if record.stream == "stdout" else options.stderr:
                found += 1
                if found == wanted:
                    return position + cut, found
        if position:
            found = 0
    return 0, found


_decoder = msgspec.json.Decoder(LogLine)
_encoder = msgspec.json.Encoder()


def _encode(stream: str, data: bytes) -> bytes:
    """The log's lines for what a stream brought, all with the same time."""
    now = rfc3339_fixed(time.time_ns())
    tail = f',"stream":"{stream}","time":"{now}"}}\n'.encode()
    whole = data.rfind(b"\n") + 1
    if not _short_lines(data, whole) or _MARK in data:
        return _encode_each(data, tail)
    # One call for all lines, several times as quick as a call for each: their ends are marked by a character that the
    # encoder lets pass and that occurs nowhere else.
    text = data[:whole].replace(b"\n", _MARK).decode("utf-8", "replace")
    end = b'\\n"' + tail
    lines = _encoder.encode(text)[:-2].replace(_MARK, end + b'{"log":"')
    return b"".join((b'{"log":', lines, end, _encode_each(data[whole:], tail)))


def _short_lines(data: bytes, whole: int) -> bool:
    """Whether there are lines in the first `whole` bytes, and none that has to be stored in pieces."""
    start = 0
    while start < whole:
        if (newline := data.rfind(b"\n", start, start + PARTIAL)) < 0:
            return False
        start = newline + 1
    return whole > 0


def _encode_each(data: bytes, tail: bytes) -> bytes:
    encode = _encoder.encode
    parts: list[bytes] = []
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        while end - start > PARTIAL:
            parts += (b'{"log":', encode(data[start : start + PARTIAL].decode("utf-8", "replace")), tail)
            start += PARTIAL
        parts += (b'{"log":', encode(data[start:end].decode("utf-8", "replace")), tail)
        start = end
    return b"".join(parts)


def _fill(pipe: OutputPipes) -> int:
    """Moves what the container wrote into the staging pipe; 0 at its end (a terminal's end is EIO).

    Kernels before 6.5 cannot splice from a terminal; there the bytes pass through this process.
    """
    try:
        return move(pipe.read, pipe.staging_write, CHUNK)
    except OSError as error:
        if error.errno == errno.EIO:
            return 0
        if error.errno != errno.EINVAL:
            raise
    try:
        return os.write(pipe.staging_write, os.read(pipe.read, PARTIAL))
    except OSError as error:
        if error.errno == errno.EIO:
            return 0
        raise


def _map_marks(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = _SLOT.size * len(STREAMS)
        if os.fstat(descriptor).st_size < size:
            os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _drain(pipe: int, null: int, size: int) -> None:
    while size > 0:
        size -= move(pipe, null, size)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _close(pipe: OutputPipes) -> None:
    for descriptor in (pipe.read, pipe.staging_read, pipe.staging_write):
        os.close(descriptor)
