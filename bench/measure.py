"""What is measured: one function for each block of the budget table, run by turns on both sides."""

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from peers import Side
from stacks import PORT, TINY_IMAGE

_REST_LIMIT = 30.0
_ATTEMPTS = 5
_FLOOR_TIMES = 15


class Named(Protocol):
    """Whoever is measured."""

    @property
    def name(self) -> str: ...


@dataclass
class Samples:
    """`values[row][side]`: seconds, MiB, or 1 and 0 for served or not, in the order of measuring."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    memory: dict[str, dict[str, tuple[int, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, row: str, side: "Named", value: float) -> None:
        self.values[row][side.name].append(value)


def by_turns(sides: list[Side], times: int, block: Callable[[Side, Samples], None], samples: Samples) -> Iterator[str]:
    """A B A B …; gives a word of progress before each turn."""
    for turn in range(times):
        for side in sides:
            yield f"{block.__name__.strip('_')} {turn + 1}/{times} {side.name}"
            block(side, samples)


def user_stack(folder: Path) -> Callable[[Side, Samples], None]:
    """First `up` on a fresh volume, then, the volume in place, `up` until the first answer."""

    def user_stack(side: Side, samples: Samples) -> None:
        side.on(folder, "down", "-v")
        first = side.serve(folder, PORT, "up", "-d")
        samples.add("first", side, float(first.ok))
        if first.ok:
            samples.add("first seconds", side, first.seconds)
        else:
            samples.notes.append(f"{side.name}: first up: {first.output.strip()[-300:]}")
            # What its users do: `up` again, until the database is initialised.
            for _ in range(_ATTEMPTS):
                time.sleep(1)
                if side.serve(folder, PORT, "up", "-d").ok:
                    break
        side.on(folder, "down")
        warm = side.serve(folder, PORT, "up", "-d")
        if warm.ok:
            samples.add("warm", side, warm.seconds)
        else:
            samples.notes.append(f"{side.name}: warm up did not serve: {warm.output.strip()[-300:]}")
        side.on(folder, "down", "-v")

    return user_stack


def many_services(folder: Path) -> Callable[[Side, Samples], None]:
    """`up`, memory, `up` again and `down`."""

    def many_services(side: Side, samples: Samples) -> None:
        side.command("run", "--rm", TINY_IMAGE, "true")
        samples.add("up", side, side.on(folder, "up", "-d").seconds)
        time.sleep(1)
        processes = side.processes()
        samples.add("memory", side, sum(process.pss for process in processes) / 1024)
        samples.memory[side.name] = {
            name: (
                len(of_name := [process for process in processes if process.name == name]),
                sum(process.pss for process in of_name) / 1024,
            )
            for name in sorted({process.name for process in processes})
        }
        for _ in range(3):
            samples.add("again", side, side.on(folder, "up", "-d").seconds)
        samples.add("down", side, side.on(folder, "down").seconds)

    return many_services


def one_container(side: Side, samples: Samples) -> None:
    """`run --rm` of a program that ends at once; the engine is warm."""
    side.command("run", "--rm", TINY_IMAGE, "true")
    for _ in range(3):
        samples.add("run", side, side.command("run", "--rm", TINY_IMAGE, "true").seconds)


def one_by_docker_cli(docker: Side, socket: Path) -> Callable[[Side, Samples], None]:
    """The same by the real `docker` on both engines' sockets."""

    def docker_cli(side: Side, samples: Samples) -> None:
        environ = docker.environ if side is docker else {**docker.environ, "DOCKER_HOST": f"unix://{socket}"}
        command = [*docker.docker, "run", "--rm", TINY_IMAGE, "true"]
        side.command("run", "--rm", TINY_IMAGE, "true")
        for _ in range(3):
            samples.add("docker run", side, side.lane.run(command, Path("/"), environ).seconds)

    return docker_cli


def at_rest(folder: Path) -> Callable[[Side, Samples], None]:
    """Memory when nothing runs; and `up` of many services from there."""

    def at_rest(side: Side, samples: Samples) -> None:
        if side.name == "dockless":
            deadline = time.monotonic() + _REST_LIMIT
            while side.processes() and time.monotonic() < deadline:
                time.sleep(0.2)
        samples.add("rest", side, sum(process.pss for process in side.processes()) / 1024)
        samples.add("cold", side, side.on(folder, "up", "-d").seconds)
        side.on(folder, "down")

    return at_rest


def floor(side: Side) -> dict[str, float]:
    """Seconds (median) of Python's start alone, and with the two packages that no command of ours can do without."""
    python = str(Path(side.docker[0]).with_name("python"))

    def median(code: str) -> float:
        return statistics.median(
            side.lane.run([python, "-c", code], Path("/"), side.environ).seconds for _ in range(_FLOOR_TIMES)
        )

    return {"start": median("pass"), "with packages": median("import click, msgspec")}


def load() -> float:
    """The machine's load of the last minute."""
    return os.getloadavg()[0]
