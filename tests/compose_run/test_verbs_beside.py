"""The verbs of our Compose beside those of the real Docker Compose, on one project; on our engine and on dockerd 26.

One project is started for all; no command here changes it for those that come after (`test_stories_beside.py` has
those that do). Both say the same with the same exit status, but for what `DIFFERENT` names, with the reason.
"""

import json
import re
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import NamedTuple

import pytest
from beside import Said, Two, engine_for, plain
from test_compose_of_docker import TheirFolder
from test_scenarios import REAL_COMPOSE, Folder

from waiting import until

pytestmark = [pytest.mark.skipif(REAL_COMPOSE is None, reason="needs Docker Compose"), pytest.mark.peer]

PROJECT = """
services:
  web:
    image: busybox
    command: sh -c 'echo hello from web; echo second line; exec sleep 1000'
    stop_signal: SIGKILL
    ports: ["80", "53/udp"]
    volumes: ["data:/data", /anon]
    networks: [front, default]
  db:
    image: busybox
    command: sleep 1000
    stop_signal: SIGKILL
    networks: [front]
    healthcheck: {test: "true", interval: 1s}
  job:
    image: busybox
    command: sh -c 'echo gone; echo wrong >&2; exit 3'
volumes: {data: {}}
networks: {front: {}}
"""

SAME = """
ps
ps -a
ps -a --no-trunc
ps --services
ps -a --services
ps --status exited
ps --filter status=exited
ps --filter foo=bar
ps --orphans=false -a=true
ps -q
ps -aq web
ps db nosuch
ps -a --format json
ps -a --format "table {{.Name}}\\t{{.Service}}\\t{{.State}}"
ls
ls -a
ls -q
ls --format json
ls -a --format json
ls --filter name=zzz
ls --filter foo=1
ls --filter foo
images -q
port web 80
port web 53 --protocol udp
port web 81
port job 80
port --index 2 web 80
top
top db
stats --no-stream --format "{{.Name}}"
volumes
volumes -q
volumes web
volumes db
volumes nosuch
volumes --format json
logs web
logs -n 1 web
logs --tail=0
logs --no-color --no-log-prefix job
logs --index 1 web
logs --index 2 web
logs --index 1
logs -t job
logs nosuch
kill nosuch
stop nosuch
start nosuch
restart nosuch
pause nosuch
pause job
exec job true
exec -T web sh -c "exit 7"
exec -T web nosuchprogram
exec -T --index 2 web true
exec -T --index 1 web echo hi
exec -T=true -e A=1 web sh -c "echo $A"
exec -T -w /nosuch web pwd
exec -T web echo --index=true
run --rm -T nosuch true
run --rm -T job nosuchprogram
cp web:/etc/hostname db:/x
cp --index 3 web:/etc/passwd x
rm nosuch
rm web
scale nosuch=1
attach job
up -d nosuch
up --exit-code-from nosuch
up --attach nosuch
up --abort-on-container-exit --abort-on-container-failure
up --build --no-build
up --force-recreate --no-recreate
create nosuch
pull nosuch
push nosuch
build nosuch
down nosuch
"""

SAME_STATUS = """
images
images web
images --format json
unpause web
kill job
rm
wait nosuch
bogusverb
port nosuch 80
exec nosuch true
exec web
exec -T -u nosuch web id
run --rm -T job sh -c "exit 9"
cp job:/etc/passwd passwd
cp web:/nosuch x
cp nosuch:/x x
cp a b
cp nosuch web:/x
attach nosuch
export nosuch
ls --format bogus
images --format bogus
scale web=abc
up --no-such-flag
up -d --exit-code-from job
up --wait --abort-on-container-exit
up -d --scale nosuch=2
up -d --pull bogus
down --rmi bogus
"""
"""The words differ: ours say what to do, or do not tell of a copy's progress."""

DIFFERENT = {
    "ps --status bogus": "ours names the states that there are; theirs shows an empty table",
    "ps --filter status=bogus": "the same",
    "images nosuch": "ours refuses a name that is no service",
    "top nosuch": "the same",
    "stats --no-stream nosuch": "the same",
    "port web 53/udp": "ours takes the protocol behind the port, as `docker port` does",
    "logs -n abc web": "ours refuses what is no number; theirs shows everything",
    "wait job": "ours tells the exit status of a container that ended before; theirs does not find it",
}


AT_ONCE = 3


class Compared(NamedTuple):
    """`said`: what both say to each line; all are asked at the start, some at a time."""

    two: Two
    said: dict[str, Future[tuple[Said, Said]]]

    def both(self, line: str) -> tuple[Said, Said]:
        return self.said[line].result() if line in self.said else self.two.both(line)


@pytest.fixture(
    scope="module",
    params=[pytest.param("dockless", marks=pytest.mark.e2e), pytest.param("docker26", marks=pytest.mark.peer)],
)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Compared"]:
    path = tmp_path_factory.mktemp("verbs") / "p"
    path.mkdir()
    with engine_for(request) as (engine, address):
        ours, theirs = Folder(path, engine), TheirFolder(path, {"DOCKER_HOST": address})
        ours.write(PROJECT)
        ours.ok("up", "-d", "--no-wait-for-ports")
        until(lambda: "(healthy)" in ours.ok("compose", "ps", "db"))
        until(lambda: "job" in ours.ok("compose", "ps", "--services", "--status", "exited").split())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            lines = [*SAME.strip().splitlines(), *SAME_STATUS.strip().splitlines(), *DIFFERENT]
            two = Two(ours, theirs)
            yield Compared(two, {line: pool.submit(two.both, line) for line in lines})
        ours.ok("down", "-v", "-t", "0")


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_both_say_the_same(two: Compared, line: str) -> None:
    ours, theirs = two.both(line)
    assert (ours.status, plain(ours.out), plain(ours.err)) == (theirs.status, plain(theirs.out), plain(theirs.err))


@pytest.mark.parametrize("line", SAME_STATUS.strip().splitlines())
def test_both_end_with_the_same_status(two: Compared, line: str) -> None:
    ours, theirs = two.both(line)
    assert ours.status == theirs.status, (ours, theirs)
    assert ours.err or ours.out or ours.status in (0, 9), "a failure is explained"


@pytest.mark.parametrize("line", DIFFERENT)
def test_what_differs_for_a_reason(two: Compared, line: str) -> None:
    ours, theirs = two.both(line)
    assert ours.status != theirs.status, "no longer different: belongs in SAME"


def test_images_have_the_same_rows(two: Compared) -> None:
    """Theirs leaves out when an image was made, and then takes it for 292 years old."""
    ours, theirs = (json.loads(said.out) for said in two.both("images --format json"))
    rows = [sorted(found, key=lambda row: str(row["ContainerName"])) for found in (ours, theirs)]
    assert [each | {"Created": None, "LastTagTime": None} for each in rows[0]] == [
        each | {"Created": None, "LastTagTime": None} for each in rows[1]
    ]
    assert all(mine.keys() - {"Created"} == other.keys() for mine, other in zip(*rows, strict=True))


def test_samples_have_the_same_fields(two: Compared) -> None:
    found = [
        [json.loads(line) for line in said.out.splitlines()] for said in two.both("stats --no-stream --format json")
    ]
    fields = [[(row.keys(), row["Container"], row["ID"], row["Name"]) for row in rows] for rows in found]
    assert sorted(fields[0], key=str) == sorted(fields[1], key=str)


def test_output_of_two_services_is_told_apart(two: Compared) -> None:
    """In which order the containers come is not settled by theirs."""
    ours, theirs = two.both("logs")
    assert sorted(ours.out.splitlines()) == sorted(theirs.out.splitlines())


def test_an_archive_goes_in_and_comes_out(two: Compared) -> None:
    found = []
    for folder, name in zip(two.two, ("mine", "them"), strict=True):
        folder.ok("compose", "cp", "-", "web:/data", stdin=_archive(name))
        found.append(
            [
                line.split()[:5]
                for line in folder.ok("compose", "exec", "-T", "web", "ls", "-ln", f"/data/{name}").splitlines()
            ]
        )
        with tarfile.open(fileobj=BytesIO(folder.ok("compose", "cp", f"web:/data/{name}", "-").encode())) as archive:
            found[-1] += [(each.mode, each.uid, each.size) for each in archive]
    assert found[0] == found[1]


def _archive(name: str) -> str:
    made = BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.uid, entry.gid = 5, 0o640, 7, 8
        archive.addfile(entry, BytesIO(b"hello"))
    return made.getvalue().decode()


def test_a_container_is_exported_to_standard_output(two: Compared) -> None:
    found = []
    for folder in two.two:
        done = subprocess.run(
            folder.command("compose", "export", "db"), cwd=folder.path, env=folder.environment, capture_output=True
        )
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            found.append((done.returncode, sorted(archive.getnames())))
    assert found[0] == found[1]
    assert "bin/sh" in found[0][1]


@pytest.mark.parametrize("line", ["events", "events --json", "events --json web"])
def test_events_are_the_same(two: Compared, line: str) -> None:
    """Those after a time, so that nobody has to be quick."""
    since = str(time.time())
    for service in ("db", "web"):
        two.two.ours.ok("compose", "exec", "-T", service, "echo", "said")
    words = [*line.split(), "--since", since]
    said = [_events(folder, words, 3 if "web" in words else 6) for folder in two.two]
    ours, theirs = (plain("\n".join(lines)) for lines in said)
    assert ours == theirs


def _events(folder: Folder, words: list[str], count: int) -> list[str]:
    """The first so many lines that tell of an exec of ours: db's health checks are others."""
    command = folder.command("compose", *words)
    with subprocess.Popen(command, cwd=folder.path, env=folder.environment, stdout=subprocess.PIPE, text=True) as told:
        assert told.stdout is not None
        given_up = threading.Timer(60, told.kill)
        given_up.start()
        found: list[str] = []
        ids: set[str] = set()
        for line in told.stdout:
            if ": echo said" in line:
                ids |= set(re.findall(r"execID\W+(\w{64})", line))
            if any(each in line for each in ids):
                found.append(line)
            if len(found) == count:
                break
        given_up.cancel()
        told.kill()
    return found
