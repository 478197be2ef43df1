"""What a service's build is given beside its context: secrets, agents, named contexts, limits."""

import os
import socket
from pathlib import Path

import pytest
from test_scenarios import Folder
from test_scenarios import folder as folder

STACK = """
services:
  app:
    build:
      context: .
      secrets: [token, {source: word, target: renamed}]
      ssh: [default]
      additional_contexts: {lib: ./lib, base: "service:base"}
      ulimits: {nofile: {soft: 100, hard: 200}}
      tags: ["other:1"]
    command: cat /all
  base: {build: ./base}
secrets: {token: {file: ./token.txt}, word: {environment: WORD}}
"""
DOCKERFILE = """\
FROM base
RUN --mount=type=secret,id=token --mount=type=secret,id=renamed cat /run/secrets/token /run/secrets/renamed > /all
COPY --from=lib file /lib-file
RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && cat /lib-file /from-base >> /all && ulimit -Sn >> /all
RUN ulimit -Hn >> /all && ! test -e /run/secrets/token
"""


@pytest.fixture
def agent(tmp_path: Path) -> str:
    """The socket of something that takes connections, as an agent does."""
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    return path


def _lay_out(folder: Folder) -> None:
    folder.write(STACK)
    folder.write(DOCKERFILE, "Dockerfile")
    folder.write("from the file\n", "token.txt")
    folder.write("WORD=from the environment\n", ".env")
    for name, text in {
        "lib/file": "from lib\n",
        "base/Dockerfile": "FROM busybox\nRUN echo from base > /from-base\n",
    }.items():
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text(text)


def test_a_build_is_given_its_secrets_agents_contexts_and_limits(folder: Folder, agent: str) -> None:
    _lay_out(folder)
    if folder.stopped_by("the classic builder has no mounts"):
        folder.write("FROM busybox\n", "Dockerfile")
        done = folder.run("compose", "build", "app")
        assert done.returncode == 0, done.stderr
        for key in ("additional_contexts", "secrets", "ssh"):
            assert f"`{key}` is not supported by the engine's builder and has no effect" in done.stdout + done.stderr
        return
    folder.engine = {**folder.engine, "SSH_AUTH_SOCK": agent}
    folder.ok("compose", "build", "app")
    words = "from the file\nfrom the environmentfrom lib\nfrom base\n100\n200\n"
    assert folder.ok("compose", "run", "--rm", "-T", "app") == words
    assert folder.ok("run", "--rm", "other:1", "cat", "/all") == words
    (folder.path / "token.txt").unlink()
    done = folder.run("compose", "build", "--no-cache", "app")
    assert (done.returncode, 'build secret "token": ' in done.stderr) == (1, True), done.stderr
    folder.ok("rmi", "-f", "p-app", "p-base", "other:1")


def test_known_steps_travel_in_a_folder_and_in_the_image_itself(folder: Folder) -> None:
    folder.write(
        """
services:
  kept:
    build:
      dockerfile_inline: "FROM busybox\\nRUN date +%N > /made\\n"
      cache_from: ["type=local,src=cache", "type=gha"]
      cache_to: ["type=local,dest=cache,mode=max"]
    command: cat /made
  inline:
    build:
      dockerfile_inline: "FROM busybox\\nRUN date +%N > /own\\n"
      cache_from: [p-inline]
      cache_to: [type=inline]
    command: cat /own
"""
    )
    said = folder.run("compose", "build")
    assert said.returncode == 0, said.stderr
    shown = said.stdout + said.stderr
    assert "`cache_from` of the type `gha` is not supported" in shown
    if folder.stopped_by("the classic builder keeps its steps to itself"):
        assert "`cache_to` of the type `local` is not supported" in shown
        folder.ok("rmi", "p-kept", "p-inline")
        return
    assert (folder.path / "cache" / "index.json").exists()
    before = {name: folder.ok("compose", "run", "--rm", "-T", name) for name in ("kept", "inline")}
    folder.ok("rmi", "p-kept")
    folder.ok("builder", "prune", "-af")
    folder.ok("compose", "build")
    after = {name: folder.ok("compose", "run", "--rm", "-T", name) for name in ("kept", "inline")}
    assert after == before
    assert "dockless-cache" not in folder.ok("images", "-a")
    folder.ok("rmi", "p-kept", "p-inline")


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [("cache_to", "type=local", "write type=registry"), ("cache_from", "type=local,dest=x", "write NAME")],
)
def test_a_cache_that_is_written_wrongly_is_refused_by_its_key(folder: Folder, key: str, text: str, why: str) -> None:
    if folder.stopped_by("the classic builder is not told of such caches"):
        return
    folder.write(f"services: {{a: {{build: {{context: ., {key}: ['{text}']}}}}}}")
    folder.write("FROM busybox\n", "Dockerfile")
    done = folder.run("compose", "build")
    assert (done.returncode, f"build.{key} {text}: {why}" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("key", "option"), [("privileged: true", "--security=insecure"), ("entitlements: [network.host]", "--network=host")]
)
def test_what_a_service_grants_its_steps_they_have(folder: Folder, key: str, option: str) -> None:
    folder.write(f"services: {{a: {{build: {{context: ., {key}}}}}}}")
    folder.write(f"FROM busybox\nRUN {option} true\n", "Dockerfile")
    done = folder.run("compose", "build")
    if folder.stopped_by("the classic builder has nothing to grant"):
        assert (done.returncode, f"build.{key.partition(':')[0]}: only dockless's own" in done.stderr) == (1, True)
        return
    assert done.returncode == 0, done.stderr
    folder.write("services: {a: {build: .}}")
    refused = folder.run("compose", "build")
    assert (refused.returncode, "is not allowed" in refused.stderr) == (1, True), refused.stderr
    folder.ok("rmi", "p-a")


def test_a_service_is_built_for_each_of_its_platforms_and_runs_on_this_one(folder: Folder) -> None:
    host = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    folder.write(
        f"services: {{a: {{build: {{context: ., platforms: [linux/s390x, linux/{host}]}}, command: cat /which}}}}"
    )
    folder.write(
        f"""
        ARG TARGETARCH
        FROM busybox AS of-{host}
        FROM scratch AS of-s390x
        FROM --platform=$BUILDPLATFORM busybox AS tool
        ARG TARGETARCH
        RUN echo for $TARGETARCH > /which
        FROM of-$TARGETARCH
        COPY --from=tool /which /which
        """,
        "Dockerfile",
    )
    if folder.stopped_by("the classic builder makes one image"):
        folder.write(f"FROM busybox\nRUN echo for {host} > /which\n", "Dockerfile")
        done = folder.run("compose", "build")
        assert done.returncode == 0, done.stderr
        assert "`platforms` of other machines than the engine's" in done.stdout + done.stderr
    else:
        folder.ok("compose", "build")
        other = folder.ok("image", "inspect", "--platform", "linux/s390x", "-f", "{{.Architecture}}", "p-a")
        assert other == "s390x\n"
    assert folder.ok("compose", "run", "--rm", "-T", "a") == f"for {host}\n"
    folder.ok("rmi", "p-a")


def test_an_agent_named_on_the_command_line_must_be_there_or_is_said_to_have_no_effect(folder: Folder) -> None:
    folder.write("services: {a: {build: .}}")
    folder.write("FROM busybox\n", "Dockerfile")
    folder.engine = {**folder.engine, "SSH_AUTH_SOCK": os.devnull}
    done = folder.run("compose", "build", "--ssh", "default")
    if folder.stopped_by("the classic builder has no agents"):
        assert "`ssh` is not supported by the engine's builder and has no effect" in done.stdout + done.stderr
    else:
        assert (done.returncode, "is no agent's socket" in done.stderr) == (1, True), done.stderr
