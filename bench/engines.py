"""What is measured of the engines themselves, each by the same probe (`probes.py`) on its own socket."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Samples
from peers import Side
from probes import SERVER
from stacks import EXAMPLE_IMAGES, TINY_IMAGE

CROWD = 100
BULK_BYTES = 1 << 30
LOG_BYTES = 1_000_000_000
#: Has a Python for the server behind a published port, and a `yes` that is quick.
_LARGE_IMAGE = EXAMPLE_IMAGES[0]
_PORT = 18080
_PROBES = Path(__file__).with_name("probes.py")
_REPLY_LIMIT = 20.0

Socket = Callable[[Side], Path]


def _probe(side: Side, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-I", "-S", str(_PROBES), *(str(one) for one in arguments)]
    found: dict[str, Any] = json.loads(side.lane.run(command, Path("/"), side.environ).output)
    return found


def crowd(socket: Socket) -> Callable[[Side, Samples], None]:
    """Many containers at once, the memory with them, and their removal."""

    def crowd(side: Side, samples: Samples) -> None:
        side.command("run", "--rm", TINY_IMAGE, "true")
        found = _probe(side, "crowd", socket(side), TINY_IMAGE, CROWD)
        samples.add("crowd", side, found["seconds"])
        time.sleep(1)
        samples.add("crowd memory", side, sum(process.pss for process in side.processes()) / 1024)
        samples.add("disperse", side, _probe(side, "disperse", socket(side), *found["ids"])["seconds"])

    return crowd


def published_port(side: Side, samples: Samples) -> None:
    """From the loopback of the host, and from another machine."""
    name = "bench-port"
    code = SERVER.format(size=BULK_BYTES)
    publish = f"{_PORT}:8000"
    side.command("run", "-d", "--name", name, "-p", publish, "--entrypoint", "python", _LARGE_IMAGE, "-c", code)
    try:
        deadline = time.monotonic() + _REPLY_LIMIT
        while True:
            try:
                here = _probe(side, "port", "127.0.0.1", _PORT)
                break
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        there = _probe(side, "elsewhere", _PORT)
    finally:
        side.command("rm", "-f", name)
    for where, found in (("here", here), ("there", there)):
        samples.add(f"bulk {where}", side, found["bulk"] * 8 / 1e9)
        samples.add(f"connections {where}", side, found["connections"])
        samples.add(f"round trip {where}", side, found["round trip"])


def log(socket: Socket) -> Callable[[Side, Samples], None]:
    def log(side: Side, samples: Samples) -> None:
        side.command("run", "--rm", TINY_IMAGE, "true")
        samples.add("log", side, _probe(side, "log", socket(side), _LARGE_IMAGE, LOG_BYTES)["seconds"])

    return log


def attach(socket: Socket) -> Callable[[Side, Samples], None]:
    def attach(side: Side, samples: Samples) -> None:
        side.command("run", "--rm", TINY_IMAGE, "true")
        found = _probe(side, "attach", socket(side), TINY_IMAGE)
        for key in ("attach", "echo", "exec"):
            samples.add(key, side, found[key])

    return attach
