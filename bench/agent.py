"""Runs and times commands inside a lane (`lane.py`): one JSON request a line on standard input, one answer a line back.

It is small and stays alive, so that a measured command costs a `posix_spawn` of this process and nothing else. Times
are seconds of the monotonic clock. Only the standard library: it starts in any Python.
"""

import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

_POLL = 0.005
_GIVEN_UP_AFTER = 3.0


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Runs `argv` in `folder` with `environ` to its end."""
    begin = time.perf_counter()
    pid, output = _spawn(request)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - begin
    return {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "output": output.read_text(errors="replace"),
    }


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Runs `argv`, and asks the URL meanwhile and afterwards until it answers 200.

    `ended` is a command that prints something once there is nothing left to wait for.
    """
    begin = time.perf_counter()
    pid, output = _spawn(request)
    status: int | None = None
    command = 0.0
    look = begin + _GIVEN_UP_AFTER
    served = False
    while True:
        now = time.perf_counter()
        if status is None:
            done, code = os.waitpid(pid, os.WNOHANG)
            if done:
                status, command = os.waitstatus_to_exitcode(code), now - begin
        if _answers(request["port"], request["path"]):
            served = True
            now = time.perf_counter()
            break
        if now - begin > request["limit"]:
            break
        if now > look and status is not None:
            if run({**request, "argv": request["ended"]})["output"].strip():
                break
            look = time.perf_counter() + 1.0
        time.sleep(_POLL)
    if status is None:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        command = time.perf_counter() - begin
    return {
        "status": status,
        "served": served,
        "seconds": now - begin,
        "command": command,
        "output": output.read_text(errors="replace"),
    }


def start(request: dict[str, Any]) -> dict[str, Any]:
    """Starts `argv` and leaves it to itself."""
    pid, _ = _spawn(request)
    return {"pid": pid}


def stop(request: dict[str, Any]) -> dict[str, Any]:
    """Ends what `start` started, and waits for its end."""
    os.kill(request["pid"], signal.SIGTERM)
    _, status = os.waitpid(request["pid"], 0)
    return {"status": os.waitstatus_to_exitcode(status)}


def memory(_: dict[str, Any]) -> dict[str, Any]:
    """PSS in KiB and the threads of each process of this pid namespace, but for this one and the lane's init.

    The containers' own processes are in pid namespaces of their own, so what is left is the price of running them.
    """
    here = Path("/proc/self/ns/pid").readlink()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) in (1, os.getpid()):
            continue
        try:
            if (entry / "ns/pid").readlink() != here:
                continue
            lines = (entry / "smaps_rollup").read_text().splitlines()
            pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            threads = len(list((entry / "task").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append({"pid": int(entry.name), "name": _name(argv), "pss": pss, "threads": threads})
    return {"processes": found}


def _name(argv: list[bytes]) -> str:
    words = [word.decode(errors="replace") for word in argv]
    for word in words:
        if "dockless" in word and ("launcher" in word or "server" in word or "relay" in word):
            return "relay" if "relay" in word else "launcher" if "launcher" in word else "engine"
    return os.path.basename(words[0])


def _spawn(request: dict[str, Any]) -> tuple[int, Path]:
    output = Path(request["log"])
    with output.open("wb") as file:
        os.chdir(request["folder"])
        null = os.open(os.devnull, os.O_RDONLY)
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), *((os.POSIX_SPAWN_DUP2, file.fileno(), to) for to in (1, 2))]
        try:
            pid = os.posix_spawn(request["argv"][0], request["argv"], request["environ"], file_actions=actions)
        finally:
            os.close(null)
    return pid, output


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


OPERATIONS = {"run": run, "serve": serve, "start": start, "stop": stop, "memory": memory}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(OPERATIONS[request["operation"]](request)), flush=True)


if __name__ == "__main__":
    main()
