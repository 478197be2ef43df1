"""`max-size` and `max-file`: the newest lines stay, in order, each once, whoever reads meanwhile and whoever dies."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from test_logs import collected, make_pipes

from dockless.engine.log_files import BadOption, Rotation, parse_options, rotate
from dockless.engine.logs import Journal, ReadOptions, read

LINES = [f"line {number}\n" for number in range(100)]


def write(folder: Path, rotation: Rotation, lines: list[str] = LINES, follow: list[bytes] | None = None) -> None:
    """Writes line by line, so that each is a batch; a reader that follows puts what it gets into `follow`."""

    async def work() -> None:
        pipes, into = make_pipes()
        journal = Journal(folder, "log", {"stdout": pipes}, lambda *_: None, rotation=rotation)

        async def reader() -> None:
            async for chunk in read(folder / "log", ReadOptions(follow=True, raw=True), lambda: journal):
                assert follow is not None
                follow.append(chunk)

        task = asyncio.create_task(reader()) if follow is not None else None
        for line in lines:
            os.write(into, line.encode())
            await journal.grown()
        os.close(into)
        await journal.drain(5)
        if task is not None:
            await asyncio.wait_for(task, 60)

    asyncio.run(work())


def test_the_newest_lines_stay_in_as_many_files_as_asked(tmp_path: Path) -> None:
    write(tmp_path, Rotation(800, 3))
    assert sorted(file.name for file in tmp_path.glob("log*")) == ["log", "log.1", "log.2", "log.state"]
    kept = collected(tmp_path / "log", ReadOptions(raw=True)).decode().splitlines(keepends=True)
    assert kept == LINES[-len(kept) :]
    assert 20 < len(kept) < 50


def test_one_file_begins_anew(tmp_path: Path) -> None:
    write(tmp_path, Rotation(800))
    assert sorted(file.name for file in tmp_path.glob("log*")) == ["log", "log.state"]
    assert (tmp_path / "log").stat().st_size <= 900


@pytest.mark.parametrize("tail", [0, 1, 15, 30])
def test_tail_reaches_into_older_files(tmp_path: Path, tail: int) -> None:
    write(tmp_path, Rotation(800, 5))
    expected = "".join(LINES[len(LINES) - tail :])
    assert collected(tmp_path / "log", ReadOptions(raw=True, tail=tail)).decode() == expected


def test_who_follows_misses_nothing(tmp_path: Path) -> None:
    heard: list[bytes] = []
    write(tmp_path, Rotation(300, 3), follow=heard)
    assert b"".join(heard).decode() == "".join(LINES)


def test_a_rotation_that_was_cut_off_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path, Rotation(800, 4))
    before = collected(tmp_path / "log", ReadOptions(raw=True))
    os.rename(tmp_path / "log.2", tmp_path / "log.3") if not (tmp_path / "log.3").exists() else None
    os.rename(tmp_path / "log", tmp_path / "log.1") if not (tmp_path / "log.1").exists() else None
    assert collected(tmp_path / "log", ReadOptions(raw=True)) == before
    os.close(rotate(tmp_path / "log", Rotation(800, 10)))
    assert collected(tmp_path / "log", ReadOptions(raw=True)) == before


def test_options_are_dockers() -> None:
    assert parse_options({}) is None
    assert parse_options({"max-size": "10m", "max-file": "3"}) == Rotation(10_000_000, 3)
    assert parse_options({"max-size": "1.5k", "tag": "x"}) == Rotation(1500, 1)
    for wrong in ({"max-size": "much"}, {"max-size": "0"}, {"max-file": "0"}, {"colour": "red"}):
        with pytest.raises(BadOption):
            parse_options(wrong)


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from test_logs import Pipes
    from dockless.engine.logs import Journal
    from dockless.engine.log_files import Rotation

    async def work():
        pipes = Pipes(*map(int, sys.argv[2:5]))
        journal = Journal(Path(sys.argv[1]), "log", {"stdout": pipes}, lambda *_: None, rotation=Rotation(2000, 1000))
        await journal.finished.wait()

    asyncio.run(work())
    """
)


def test_engines_killed_while_they_rotate_leave_no_hole_and_no_double(tmp_path: Path) -> None:
    pipes, into = make_pipes()
    descriptors = [pipes.read, pipes.staging_read, pipes.staging_write]
    lines = 6000
    program = f"""
import time
for n in range({lines}):
    print(n, "x" * 200, flush=True)
    if n % 10 == 0:
        time.sleep(0.003)
"""
    container = subprocess.Popen([sys.executable, "-c", program], stdout=into)
    os.close(into)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    kills = 0
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
    assert kills > 2
    assert len(list(tmp_path.glob("log.*"))) > 3
    expected = "".join(f"{n} {'x' * 200}\n" for n in range(lines))
    assert collected(tmp_path / "log", ReadOptions(raw=True)).decode() == expected


def test_the_driver_local_bounds_its_files_unless_told_otherwise() -> None:
    assert parse_options({}, "local") == Rotation(20_000_000, 5)
    assert parse_options({"max-size": "1m"}, "local") == Rotation(1_000_000, 5)
    with pytest.raises(BadOption, match="unknown log opt 'tag' for local log driver"):
        parse_options({"tag": "x"}, "local")
