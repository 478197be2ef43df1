"""The user's stack: two files, unmodified, become a site on port 8055 with its data in PostgreSQL."""

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

from stack import EXAMPLE, Dockless, get

from waiting import until

SHARED = Path(__file__).parents[3] / "shared" / "stack"


def test_the_examples_two_files_are_the_users_own() -> None:
    assert (EXAMPLE / "Dockerfile").read_bytes().startswith(b"FROM python:3.10-bullseye\n")
    if SHARED.exists():
        for name in ("Dockerfile", "docker-compose.yml"):
            assert (EXAMPLE / name).read_bytes() == (SHARED / name).read_bytes()


def test_the_first_up_on_an_empty_volume_serves_every_time(dockless: Dockless) -> None:
    for _ in range(3):
        dockless.ok("up", "-d")
        assert get("/")[0] == 200
        assert get("/healthz")[0] == 200
        dockless.ok("down", "-v")
    assert dockless.rows("volume", "ls") == []


def test_records_come_from_the_feed_and_survive_down_but_not_down_v(dockless: Dockless, upstream: str) -> None:
    dockless.ok("up", "-d")
    assert "25 new" in dockless.ok("exec", "-T", "web", "python", "manage.py", "fetch")
    assert "25 unchanged" in dockless.ok("exec", "-T", "web", "python", "manage.py", "fetch")
    assert "C1-0024" in get("/")[1]
    dockless.ok("down")
    dockless.ok("up", "-d")
    answer = json.loads(get("/api/records?size=10&page=3")[1])
    assert (answer["total"], len(answer["records"])) == (25, 5)
    dockless.ok("down", "-v")
    dockless.ok("up", "-d")
    assert json.loads(get("/api/records")[1])["total"] == 0


def test_the_applications_own_tests_pass_against_the_stacks_postgres(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    done = dockless.run("exec", "-T", "web", "python", "manage.py", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK" in done.stderr


def test_the_admin_works(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    create = "from django.contrib.auth.models import User; User.objects.create_superuser('ada', '', 'lovelace-1815')"
    dockless.ok("exec", "-T", "web", "python", "manage.py", "shell", "-c", create)
    assert "Log in" in get("/admin/login/")[1]
    check = (
        "from django.conf import settings; settings.ALLOWED_HOSTS.append('testserver');"
        "from django.test import Client; c = Client(); print(c.login(username='ada', password='lovelace-1815'),"
        " c.get('/admin/records/record/').status_code)"
    )
    assert "True 200" in dockless.ok("exec", "-T", "web", "python", "manage.py", "shell", "-c", check)


def test_the_bind_mount_shows_the_hosts_edits_at_once(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    (dockless.folder / "new.txt").write_text("from the host")
    assert dockless.ok("exec", "-T", "web", "cat", "/web/fetch_c1/new.txt") == "from the host"
    dockless.ok("exec", "-T", "web", "sh", "-c", "echo from inside > /web/fetch_c1/back.txt")
    assert (dockless.folder / "back.txt").read_text() == "from inside\n"


def test_ps_logs_stop_start_restart(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    rows = {row["Service"]: row for row in dockless.rows("compose", "ps")}
    assert set(rows) == {"web", "postgres"}
    assert rows["web"]["State"] == "running"
    assert "database system is ready to accept connections" in dockless.ok("logs", "postgres")
    dockless.ok("stop", "web")
    assert [row["Service"] for row in dockless.rows("compose", "ps")] == ["postgres"]
    dockless.ok("start", "web")
    dockless.ok("restart", "web")
    until(lambda: _serves())
    assert "Applying" in dockless.ok("logs", "web")


def test_the_volume_is_the_hosts_to_see_and_has_its_label(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    volume = json.loads(dockless.ok("volume", "inspect", "fetch_c1_pgdata"))[0]
    assert volume["Driver"] == "local"
    assert volume["Labels"]["com.docker.compose.volume"] == "pgdata"
    assert (Path(volume["Mountpoint"]) / "PG_VERSION").read_text().strip() == "15"
    assert dockless.run("volume", "rm", "fetch_c1_pgdata").returncode == 1


def test_three_replicas_share_the_port_and_scaling_back_drops_no_request(dockless: Dockless) -> None:
    dockless.ok("up", "-d", "--scale", "web=3")
    assert len({json.loads(get("/healthz")[1])["served_by"] for _ in range(12)}) == 3
    failures: list[str] = []
    served = 0
    ended = threading.Event()

    def ask() -> None:
        nonlocal served
        while not ended.is_set():
            try:
                status, _ = get("/healthz")
                served += 1
                if status != 200:
                    failures.append(str(status))
            except OSError as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: served > 20)
    dockless.ok("up", "-d", "--scale", "web=1")
    before = served
    until(lambda: served > before + 20)
    ended.set()
    for thread in threads:
        thread.join()
    # Each of the two removed replicas may have been at work on what its clients had asked it.
    assert len(failures) <= 2 * len(threads), failures
    assert len({json.loads(get("/healthz")[1])["served_by"] for _ in range(6)}) == 1


def test_up_in_the_foreground_shows_output_and_ends_on_ctrl_c(dockless: Dockless) -> None:
    process = dockless.start("up")
    until(_serves)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert "web-1" in text and "postgres-1" in text
    assert dockless.rows("compose", "ps") == []
    assert len(dockless.rows("compose", "ps", "-a")) == 2


def test_a_killed_postgres_comes_back_and_a_stopped_one_stays_stopped(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    before = dockless.inspect("fetch_c1-postgres-1")
    subprocess.run(["kill", "-9", str(before["State"]["Pid"])], check=True)
    until(lambda: dockless.inspect("fetch_c1-postgres-1")["RestartCount"] == 1)
    until(lambda: _status() == 200)
    dockless.ok("stop", "postgres")
    time.sleep(1)
    assert dockless.inspect("fetch_c1-postgres-1")["State"]["Status"] == "exited"
    assert _status() == 503


def test_a_second_up_does_nothing_and_a_changed_service_alone_is_recreated(dockless: Dockless) -> None:
    dockless.ok("up", "-d")
    first = {name: dockless.inspect(f"fetch_c1-{name}-1")["Id"] for name in ("web", "postgres")}
    dockless.ok("up", "-d")
    assert {name: dockless.inspect(f"fetch_c1-{name}-1")["Id"] for name in first} == first
    compose = dockless.folder / "docker-compose.yml"
    compose.write_text(compose.read_text().replace("working_dir: '/web'", "working_dir: '/web'\n    labels: {a: b}"))
    dockless.ok("up", "-d")
    assert dockless.inspect("fetch_c1-postgres-1")["Id"] == first["postgres"]
    assert dockless.inspect("fetch_c1-web-1")["Id"] != first["web"]


def _serves() -> bool:
    return _status() == 200


def _status() -> int:
    try:
        return get("/healthz")[0]
    except OSError:
        return 0
