"""The journal: no line lost or doubled, whoever dies when."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockless.engine.logs import Journal, ReadOptions, read
from dockless.wire.multiplex import Demultiplexer


@dataclass(frozen=True)
class Pipes:
    read: int
    staging_read: int
    staging_write: int


def make_pipes() -> tuple[Pipes, int]:
    out, into = os.pipe()
    staging = os.pipe()
    return Pipes(out, *staging), into


def stored(path: Path) -> str:
    return "".join(json.loads(line)["log"] for line in path.read_text().splitlines())


def write_through(folder: Path, *chunks: bytes) -> list[bytes]:
    """Writes chunks as a container would, waits for the end; what live listeners got."""
    heard: list[bytes] = []

    async def work() -> None:
        pipes, into = make_pipes()
        journal = Journal(folder, "log", {"stdout": pipes}, lambda _, data: heard.append(data))
        for chunk in chunks:
            os.write(into, chunk)
            await asyncio.sleep(0.01)
        os.close(into)
        await journal.drain(5)

    asyncio.run(work())
    return heard


def test_output_is_stored_line_by_line_with_stream_and_time(tmp_path: Path) -> None:
    write_through(tmp_path, b"one\ntw", b"o\nthree")
    records = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [record["log"] for record in records] == ["one\n", "two\n", "three"]
    assert {record["stream"] for record in records} == {"stdout"}
    assert all(record["time"].endswith("Z") for record in records)


def test_a_listener_hears_bytes_at_once_and_once(tmp_path: Path) -> None:
    assert b"".join(write_through(tmp_path, b"no newline", b" yet", b"\n")) == b"no newline yet\n"


def test_many_small_writes_without_a_newline_do_not_stall(tmp_path: Path) -> None:
    write_through(tmp_path, *[b"."] * 300, b"\nend\n")
    assert stored(tmp_path / "log") == "." * 300 + "\nend\n"


def test_a_long_line_is_kept_whole_in_pieces(tmp_path: Path) -> None:
    line = b"x" * 40_000 + b"\n"
    write_through(tmp_path, line)
    assert stored(tmp_path / "log").encode() == line


def test_what_is_no_utf8_is_replaced_not_refused(tmp_path: Path) -> None:
    write_through(tmp_path, b"a\xffb\n")
    assert stored(tmp_path / "log") == "a�b\n"


@pytest.mark.parametrize(
    "chunk",
    [
        b'"\n",\n","\n\\\n\\n\n\\"\n',
        b"\n\n\n",
        b"\x7f\n\x00\x1b[0m\n",
        b"\xe2\x80\n\xa8\n\xff",
        "Größe 漢字 🦆\n".encode() * 50,
        b"short\n" + b"x" * 40_000 + b"\nshort\nrest",
    ],
)
def test_whatever_a_line_has_in_it_it_is_one_record_and_whole(tmp_path: Path, chunk: bytes) -> None:
    write_through(tmp_path, chunk)
    assert stored(tmp_path / "log") == chunk.decode("utf-8", "replace")
    if len(chunk) < 16 * 1024:
        records = [json.loads(line)["log"] for line in (tmp_path / "log").read_text().split("\n")[:-1]]
        assert records == re.findall("[^\n]*\n|[^\n]+", chunk.decode("utf-8", "replace"))


@pytest.mark.parametrize(("tail", "expected"), [(0, ""), (2, "8\n9\n"), (100, "".join(f"{n}\n" for n in range(10)))])
def test_tail_gives_the_last_lines(tmp_path: Path, tail: int, expected: str) -> None:
    write_through(tmp_path, "".join(f"{n}\n" for n in range(10)).encode())
    assert collected(tmp_path / "log", ReadOptions(tail=tail, raw=True)) == expected.encode()


def test_tail_looks_further_back_than_one_block(tmp_path: Path) -> None:
    write_through(tmp_path, *(f"{n:0200}\n".encode() * 100 for n in range(60)))
    lines = collected(tmp_path / "log", ReadOptions(tail=5000, raw=True)).splitlines()
    assert len(lines) == 5000
    assert lines[-1] == f"{59:0200}".encode()
    assert lines[0] == f"{10:0200}".encode()


def test_frames_carry_the_stream(tmp_path: Path) -> None:
    write_through(tmp_path, b"out\n")
    frames = Demultiplexer().feed(collected(tmp_path / "log", ReadOptions()))
    assert frames == [(1, b"out\n")]
    assert collected(tmp_path / "log", ReadOptions(stdout=False)) == b""


def test_following_ends_with_the_container(tmp_path: Path) -> None:
    async def work() -> bytes:
        pipes, into = make_pipes()
        journal = Journal(tmp_path, "log", {"stdout": pipes}, lambda *_: None)
        got = b""

        async def follow() -> None:
            nonlocal got
            async for chunk in read(tmp_path / "log", ReadOptions(follow=True, raw=True), lambda: journal):
                got += chunk

        task = asyncio.create_task(follow())
        os.write(into, b"first\n")
        await asyncio.sleep(0.05)
        os.write(into, b"second\n")
        os.close(into)
        await asyncio.wait_for(task, 60)
        return got

    assert asyncio.run(work()) == b"first\nsecond\n"


def collected(path: Path, options: ReadOptions) -> bytes:
    async def work() -> bytes:
        return b"".join([chunk async for chunk in read(path, options, lambda: None)])

    return asyncio.run(work())


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from test_logs import Pipes
    from dockless.engine.logs import Journal

    async def work():
        pipes = Pipes(*map(int, sys.argv[2:5]))
        journal = Journal(Path(sys.argv[1]), "log", {"stdout": pipes}, lambda *_: None)
        await journal.finished.wait()

    asyncio.run(work())
    """
)


def test_an_engine_killed_at_any_moment_leaves_no_hole_and_no_double(tmp_path: Path) -> None:
    """Engines are killed one after the other while a container writes; the log has each line once, in order."""
    pipes, into = make_pipes()
    descriptors = [pipes.read, pipes.staging_read, pipes.staging_write]
    lines = 60_000
    program = f"""
import time
for n in range({lines}):
    print(n, "x" * (n % 50), flush=n % 7 == 0)
    if n % 100 == 0:
        time.sleep(0.004)
"""
    container = subprocess.Popen(
        [sys.executable, "-c", program], stdout=into, env={**os.environ, "PYTHONUNBUFFERED": ""}
    )
    os.close(into)
    kills = 0
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    while True:
        engine = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), *map(str, descriptors)],
            pass_fds=descriptors,
            env=environment,
        )
        try:
            engine.wait(0.35 * 1.05**kills)  # a busy machine gives each more and more time
            break
        except subprocess.TimeoutExpired:
            engine.send_signal(signal.SIGKILL)
            engine.wait()
            kills += 1
    container.wait()
    for descriptor in descriptors:
        os.close(descriptor)
    assert engine.returncode == 0
    assert kills > 2
    assert stored(tmp_path / "log") == "".join(f"{n} {'x' * (n % 50)}\n" for n in range(lines))


def test_what_was_written_is_stored_though_somebody_holds_the_pipe_or_the_output_back(tmp_path: Path) -> None:
    async def work() -> None:
        pipes, into = make_pipes()
        journal = Journal(tmp_path, "log", {"stdout": pipes}, lambda *_: None)
        os.write(into, b"before\nbeg")
        await asyncio.sleep(0.01)
        journal.pause("a slow client")
        os.write(into, b"inning\n" + b"x" * 30_000 + b"\nlast")
        await journal.drain(0.05)
        os.close(into)

    asyncio.run(work())
    assert stored(tmp_path / "log") == "before\nbeginning\n" + "x" * 30_000 + "\nlast"
