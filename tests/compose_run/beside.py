"""Our Compose and the real Docker Compose side by side on one engine, each with a project of its own.

A story (`stories/NAME.yaml`) is a folder's files and the command lines that are given there, one after the other, to
both. After each line status, output, errors and what the engine then has must be the same. A line may begin with

- `~ `: only the words differ, for the reason in the comment above it; the status and what is there do not
- `until SERVICE STATE`: waits until all containers of the service are in that state (`healthy` is one)
- `later FILE SECONDS`: a file is made in the folder some time from now
"""

import json
import re
import shlex
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from test_compose_of_docker import TheirFolder
from test_scenarios import Folder

import own_engine
from dockless.client.connect import connect
from waiting import until

STORIES = Path(__file__).parent / "stories"


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @classmethod
    def of(cls, done: "subprocess.CompletedProcess[str]") -> "Said":
        return cls(done.returncode, done.stdout, done.stderr)


class Two(NamedTuple):
    """The same for both: our own folder, and that of Docker Compose."""

    ours: Folder
    theirs: TheirFolder

    def both(self, line: str) -> tuple[Said, Said]:
        """Both at once: no command here is in the other's way. `NAME=VALUE` before the verb is for its environment
        (`INPUT=a,b` are lines of its input), and `PROJECT` is the project's name."""
        words = shlex.split(line)
        verb = next((at for at, word in enumerate(words) if not re.match("[A-Z_]+=", word)), 0)
        given = dict(word.split("=", 1) for word in words[:verb])
        typed = "".join(f"{word}\n" for word in given.pop("INPUT", "").split(",") if word)

        def told(folder: Folder) -> "subprocess.CompletedProcess[str]":
            said = [word.replace("PROJECT", folder.path.name) for word in words[verb:]]
            return replace(folder, engine=folder.engine | given).run("compose", *said, stdin=typed)

        with ThreadPoolExecutor(2) as pool:
            ours, theirs = pool.map(told, self)
        return Said.of(ours), Said.of(theirs)


@contextmanager
def engine_for(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], str]]:
    """The engine that a fixture's parameter names: the environment that leads our commands to it, and its address."""
    if request.param == "docker26":
        address = request.getfixturevalue("dockerd26")
        yield {"DOCKER_HOST": address}, address
        return
    engine = {"DOCKLESS_ROOT": str(request.getfixturevalue("made")), "DOCKLESS_IDLE_SECONDS": "1"}
    with own_engine.serving(Folder(Path.cwd(), engine).environment) as address:
        yield engine, address


def plain(text: str) -> list[Any]:
    """Lines without colours, widths, ages and ids; JSON as what it means, lists of labels and networks in order."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    text = re.sub(r'^time="[^"]*" level=warning msg=(".*")$', _warning, text, flags=re.MULTILINE)
    found = []
    for line in text.splitlines():
        if line.startswith(("{", "[")):
            try:
                found.append(_settled(json.loads(line)))
                continue
            except ValueError:
                pass  # it only looks like JSON
        # Whether the end of a container that an abort stops is still told is a race in theirs.
        if line.strip() and not line.endswith(" exited with code 137"):
            found.append(_without_moving(line).rstrip())
    return found


def _warning(found: "re.Match[str]") -> str:
    """What Docker Compose writes where nobody looks at a terminal; ours is what it writes on one."""
    return f"WARN[0000] {json.loads(found[1])}"


_MOVES = (
    (r"\b(?:mine|them)([a-z]+)", r"\1"),
    (r"([-_])run[-_][0-9a-f]{12}\b", r"\1run\1ID"),
    (r"\b[0-9a-f]{64}\b", "ID"),
    (r"\b[0-9a-f]{12}\b", "ID"),
    (r"\b[0-9a-f]{13,14}…", "ID…"),
    (r"Up .*?(?= \(|  |\"|$)", "Up"),
    (r"(?:\d+|About a|Less than a) (?:second|minute)s? ago", "ago"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.0-9]*(?:Z| \+0000 UTC)?", "TIME"),
    (r"(?<=:)(?:3[2-9]|[4-6]\d)\d{3}\b", "PORT"),
    (r"exec(?:Duration|ID)=\w+", "exec"),
    (r"\broot +\d+ +\d+ +\d+ +\d\d:\d\d", "root PID"),
    (r" +", " "),
    (r"-{3,}", "-"),
)


def _without_moving(text: str) -> str:
    for pattern, to in _MOVES:
        text = re.sub(pattern, to, text)
    # Go's maps have no order; nor have containers that were made side by side.
    text = re.sub(r"\(([^()]+=[^()]+)\)", lambda found: f"({', '.join(sorted(found[1].split(', ')))})", text)
    for words in ("Going to remove ", "for container p-web-1: "):
        before, told, listed = text.partition(words)
        if told:
            return before + told + ", ".join(sorted(listed.split(", ")))
    return re.sub(r"(?<=\(\[)[^]]+(?=\]\))", lambda found: " ".join(sorted(found[0].split())), text)


def _settled(value: Any) -> Any:
    if isinstance(value, list):
        return sorted((_settled(each) for each in value), key=str)
    if isinstance(value, dict):
        return {key: _field(key, each) for key, each in value.items()}
    return _without_moving(value) if isinstance(value, str) else value


def _field(key: str, value: Any) -> Any:
    if key in ("Labels", "Networks", "Mounts") and isinstance(value, str):
        return sorted(_without_moving(each) for each in value.split(","))
    if key == "PublishedPort":
        return bool(value)
    if key == "Publishers":
        return sorted((_settled(each) for each in value or ()), key=str)
    return _settled(value)


class Story:
    """One story on one engine; `address` is the engine's, and `play` gives a report for each line that differs."""

    def __init__(self, name: str, ours: dict[str, str], address: str, base: Path) -> None:
        text = yaml.safe_load((STORIES / f"{name}.yaml").read_text())
        self._lines: list[str] = text["lines"].strip().splitlines()
        self._address = address
        # The folder's path, or its name, is in the hash then.
        self._hashed = not re.search(r"\.:/|PROJECT_NAME", str(text["files"]))
        self._projects = [f"mine{name}", f"them{name}"]
        folders = [base / project for project in self._projects]
        for folder in folders:
            for file, content in text["files"].items():
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        self._two = Two(Folder(folders[0], ours), TheirFolder(folders[1], {"DOCKER_HOST": address}))
        self._ids: list[dict[str, str]] = [{}, {}]

    def play(self) -> list[str]:
        try:
            return [report for line in self._lines for report in self._line(line.strip())]
        finally:
            self._clean()

    def _line(self, line: str) -> Iterator[str]:
        if not line or line.startswith("#"):
            return
        if line.startswith("until "):
            _, service, state = line.split()
            until(lambda: all(self._is(project, service, state) for project in self._projects), 60)
            return
        if line.startswith("later "):
            _, file, seconds = line.split()
            for folder in self._two:
                timer = threading.Timer(float(seconds), (folder.path / file).touch)
                timer.daemon = True
                timer.start()
            return
        words_differ = line.startswith("~ ")
        ours, theirs = self._two.both(line.removeprefix("~ "))
        if ours.status != theirs.status:
            yield f"{line}: status {ours.status}, not {theirs.status}: {ours.out}{ours.err}"
        if not words_differ:
            yield from _differences(f"{line}: stdout", plain(ours.out), plain(theirs.out))
            # Each of two waits for the same container tells of it.
            once = [list({str(each): each for each in plain(said.err)}.values()) for said in (ours, theirs)]
            yield from _differences(f"{line}: stderr", *once)
        # A container that ends by itself has ended on both sides after a while.
        deadline = time.monotonic() + 15
        while True:
            (mine, ids), (other, their_ids) = (self._there(number) for number in range(2))
            found = list(_differences(f"{line}: afterwards", mine, other))
            if not found or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self._ids = [ids, their_ids]
        yield from found

    def _containers(self, project: str) -> Any:
        with connect({"DOCKER_HOST": self._address}) as client:
            return client.containers.list(all=True, filters={"label": [f"com.docker.compose.project={project}"]})

    def _is(self, project: str, service: str, state: str) -> bool:
        found = [each for each in self._containers(project) if each.labels["com.docker.compose.service"] == service]
        return bool(found) and all(each.state == state or f"({state})" in each.status for each in found)

    def _there(self, number: int) -> tuple[list[Any], dict[str, str]]:
        """What the engine has of a project (which containers are new since the last line, too), and its files; and
        the containers' ids."""
        project, folder = self._projects[number], self._two[number].path
        found: list[Any] = []
        ids = {}
        for each in self._containers(project):
            name = _without_moving(each.names[0])
            ids[name] = each.id
            new = self._ids[number].get(name) != each.id
            one_off = each.labels["com.docker.compose.oneoff"] == "True"
            hash_ = each.labels["com.docker.compose.config-hash"] if self._hashed and not one_off else ""
            status = re.sub(r"Up .*?(?= \(|$)| ?[^()]* ago$|Created", "", each.status)
            found.append((name, each.state, status, hash_, new or one_off))
        with connect({"DOCKER_HOST": self._address}) as client:
            label = {"label": [f"com.docker.compose.project={project}"]}
            found += [("network", _without_moving(each.name)) for each in client.networks.list(filters=label)]
            found += [
                ("volume", _without_moving(each.name)) for each in client.volumes.list(filters=label).volumes or ()
            ]
            tags = [tag for each in client.images.list() for tag in each.repo_tags if tag.startswith(project)]
            found += [("image", _without_moving(tag)) for tag in tags]
        found += [(str(path.relative_to(folder)), _content(path)) for path in folder.rglob("*") if not path.is_dir()]
        return found, ids

    def _clean(self) -> None:
        for folder in self._two:
            folder.run("compose", "kill", "--remove-orphans")
            folder.run("compose", "down", "-v", "-t", "0", "--remove-orphans")


def _content(path: Path) -> Any:
    if path.is_symlink():
        return str(path.readlink())
    if path.suffix != ".tar":
        return _without_moving(path.read_text())
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


def _differences(what: str, ours: list[Any], theirs: list[Any]) -> Iterator[str]:
    mine, other = sorted(map(str, ours)), sorted(map(str, theirs))
    if mine != other:
        lines = [f"  ours    {each}" for each in mine if each not in other]
        lines += [f"  theirs  {each}" for each in other if each not in mine]
        yield "\n".join([what, *(lines or [f"  the same lines, but not as often: {mine} {other}"])])
