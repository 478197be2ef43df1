"""Whoever is killed at whatever moment: what runs goes on, and the next command finishes the job."""

import http.client
import os
import signal
import socket
import time

import pytest
from stack import PORT, Dockless, get

from waiting import until

COUNTER = """
services:
  counter:
    image: busybox
    restart: always
    ports: ["18181:80"]
    command:
      - sh
      - -c
      - |
        mkdir -p /www; echo hi > /www/index.html; httpd -p 80 -h /www
        i=0; while true; do echo line $$i; i=$$((i+1)); usleep 2000; done
    stop_grace_period: 0s
"""


def kill_engine(dockless: Dockless) -> None:
    (pid,) = dockless.engine_pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in dockless.engine_pids())


def test_a_killed_engine_cuts_nothing_and_is_back_by_itself(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    keep_alive = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    keep_alive.request("GET", "/healthz")
    assert keep_alive.getresponse().read()
    open_one = socket.create_connection(("127.0.0.1", PORT))
    open_one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
    ids = [dockless.inspect(f"fetch_c1-{name}-1")["Id"] for name in ("web", "postgres")]
    kill_engine(dockless)
    open_one.sendall(b"Connection: close\r\n\r\n")
    assert b"200 OK" in open_one.recv(65536)
    open_one.close()
    keep_alive.close()
    assert get("/")[0] == 200
    assert [dockless.inspect(f"fetch_c1-{name}-1")["Id"] for name in ("web", "postgres")] == ids
    assert {row["State"] for row in dockless.rows("compose", "ps")} == {"running"}
    os.kill(dockless.inspect("fetch_c1-postgres-1")["State"]["Pid"], signal.SIGKILL)
    until(lambda: dockless.inspect("fetch_c1-postgres-1")["RestartCount"] == 1)
    until(lambda: get("/healthz")[0] == 200)


def test_the_log_has_no_hole_where_engines_were_killed(dockless: Dockless) -> None:
    (dockless.folder / "docker-compose.yml").write_text(COUNTER)
    dockless.ok("up", "-d")
    for _ in range(3):
        time.sleep(0.4)
        kill_engine(dockless)
        until(dockless.engine_pids)
    time.sleep(0.3)
    dockless.ok("stop")
    lines = dockless.ok("logs", "--no-log-prefix", "counter").splitlines()
    assert len(lines) > 100
    assert lines == [f"line {number}" for number in range(len(lines))]


def test_a_restart_policy_works_while_no_engine_was_there_to_see_the_end(dockless: Dockless) -> None:
    (dockless.folder / "docker-compose.yml").write_text(COUNTER)
    dockless.ok("up", "-d")
    pid = dockless.inspect("fetch_c1-counter-1")["State"]["Pid"]
    kill_engine(dockless)
    os.kill(pid, signal.SIGKILL)
    until(lambda: dockless.inspect("fetch_c1-counter-1")["State"]["Pid"] not in (0, pid))
    until(lambda: _get_counter() == 200)


@pytest.mark.parametrize("moment", range(10))
def test_an_up_that_is_killed_is_finished_by_the_next(dockless: Dockless, moment: int) -> None:
    process = dockless.start("up", "-d")
    time.sleep(0.06 + moment * 0.07)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    dockless.ok("up", "-d")
    assert get("/")[0] == 200
    assert sorted(row["Name"] for row in dockless.rows("compose", "ps", "-a")) == [
        "fetch_c1-postgres-1",
        "fetch_c1-web-1",
    ]
    dockless.ok("down", "-v")
    assert dockless.rows("ps", "-a") == []


def _get_counter() -> int:
    try:
        return get("/", 18181)[0]
    except OSError:
        return 0
