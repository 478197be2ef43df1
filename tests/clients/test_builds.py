"""`dockless build` and its options, through the engine: what is lent to a build, where its result and its cache go."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from client_commands import COMMAND, Run

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return file


def built(dockless: Run, *arguments: str) -> str:
    done = dockless("build", "--progress", "plain", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_secret_reaches_the_step_and_nothing_else(
    dockless: Run, write: Write, environ: Mapping[str, str], tmp_path: Path
) -> None:
    write("token", "tr0ub4dor-and-3")
    write(
        "ctx/Dockerfile",
        "FROM busybox\nRUN --mount=type=secret,id=token,required=true --mount=type=secret,id=v,env=VALUE"
        " cat /run/secrets/token | md5sum > /sum; echo $VALUE | md5sum >> /sum\n",
    )
    done = subprocess.run(
        [*COMMAND, "build", "ctx", "-t", "secretive", "--secret", "id=token,src=token", "--secret", "id=v,env=SOME"],
        env={**environ, "SOME": "hunter2-value"}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = dockless("run", "--rm", "secretive", "sh", "-c", "cat /sum; ls /run/secrets 2>&1").stdout
    assert len([line for line in shown.splitlines() if line.endswith("-")]) == 2
    root = Path(environ["DOCKLESS_ROOT"])
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert b"tr0ub4dor" not in content and b"hunter2-value" not in content, path
    missing = dockless("build", "ctx", "--no-cache", "--secret", "id=v,src=token")
    assert missing.returncode == 1
    assert "secret token: not found" in missing.stderr and "2 | RUN" in missing.stderr


def test_named_contexts_are_folders_and_images(dockless: Run, write: Write) -> None:
    write("shared/lib.txt", "library")
    write("ctx/Dockerfile", "FROM base\nCOPY --from=shared lib.txt /\nCOPY --from=tools /etc/passwd /tools\n")
    contexts = ["base=docker-image://busybox", "shared=shared", "tools=docker-image://busybox"]
    built(dockless, "ctx", "-t", "contexts", *(part for one in contexts for part in ("--build-context", one)))
    assert dockless("run", "--rm", "contexts", "cat", "/lib.txt").stdout == "library"
    write("shared/unread.txt", "x")
    assert built(
        dockless, "ctx", *(part for one in contexts for part in ("--build-context", one))
    ).count("CACHED") == 2  # fmt: skip
    assert "write NAME=FOLDER" in dockless("build", "ctx", "--build-context", "x").stderr


def test_keys_become_an_agent_for_the_step(dockless: Run, write: Write, tmp_path: Path) -> None:
    if not shutil.which("ssh-agent") or not shutil.which("ssh-keygen"):
        pytest.skip("needs ssh-agent and ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    write("ctx/Dockerfile", 'FROM busybox\nRUN --mount=type=ssh,required=true test -S "$SSH_AUTH_SOCK" && echo there\n')
    assert "there" in built(dockless, "ctx", "--ssh", "default=key")
    assert "no agent is running" in dockless("build", "ctx", "--ssh", "default").stderr


def test_the_context_is_read_in_place_or_sent_with_the_same_result(dockless: Run, write: Write, tmp_path: Path) -> None:
    write("ctx/Dockerfile", "FROM busybox\nCOPY . /all\n")
    write("ctx/.dockerignore", "*.log\nDockerfile\n")
    write("ctx/kept.txt", "x")
    write("ctx/left.log", "x")
    write("Elsewhere", "FROM busybox\nCOPY . /all\n")
    built(dockless, "ctx", "-t", "placed")
    assert dockless("run", "--rm", "placed", "ls", "-A", "/all").stdout.split() == [".dockerignore", "kept.txt"]
    assert built(dockless, "ctx", "-f", "Elsewhere").count("CACHED") == 1


def test_outputs(dockless: Run, write: Write, tmp_path: Path) -> None:
    write("ctx/Dockerfile", 'FROM scratch\nCOPY --chmod=600 hello.txt /d/\nCMD ["x"]\n')
    write("ctx/hello.txt", "hello")
    before = dockless("images", "-aq").stdout
    built(dockless, "ctx", "-o", "out")
    assert (tmp_path / "out/d/hello.txt").read_text() == "hello"
    assert (tmp_path / "out/d/hello.txt").stat().st_mode & 0o777 == 0o600
    built(dockless, "ctx", "-o", "type=tar,dest=files.tar")
    with tarfile.open(tmp_path / "files.tar") as archive:
        assert [name for name in archive.getnames() if "hello" in name] == ["d/hello.txt"]
    built(dockless, "ctx", "-o", "type=oci,dest=layout,tar=false")
    assert json.loads((tmp_path / "layout/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert dockless("images", "-aq").stdout == before
    built(dockless, "ctx", "-t", "packed", "-o", "type=docker,dest=image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        saved = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest.json"))
    assert saved[0]["RepoTags"] == ["packed:latest"]
    assert dockless("build", "ctx", "-q", "--provenance=false", "--sbom=false").returncode == 0
    assert "attestations are not made" in dockless("build", "ctx", "--provenance=mode=max").stderr
    assert "unknown type" in dockless("build", "ctx", "-o", "type=nonsense").stderr


def test_what_was_built_is_written_down(dockless: Run, write: Write, tmp_path: Path) -> None:
    write("ctx/Dockerfile", "FROM busybox\nLABEL a=b\n")
    built(dockless, "ctx", "-t", "one", "-t", "two:3", "--iidfile", "id", "--metadata-file", "meta.json")
    image = (tmp_path / "id").read_text()
    assert json.loads((tmp_path / "meta.json").read_text()) == {
        "containerimage.config.digest": image,
        "containerimage.digest": image,
        "image.name": "one,two:3",
    }
    assert dockless("image", "inspect", "-f", "{{.Id}}", "two:3").stdout.strip() == image


def test_a_step_gets_beyond_its_sandbox_only_what_is_granted(dockless: Run, write: Write) -> None:
    steps = {
        "RUN --security=insecure": ("security.insecure", "grep CapEff /proc/self/status > /seen"),
        "RUN --network=host": ("network.host", "readlink /proc/self/ns/net > /seen"),
    }
    for line, (name, command) in steps.items():
        write("ctx/Dockerfile", f"FROM busybox\n{line} {command}\n")
        refused = dockless("build", "ctx", "--no-cache")
        assert refused.returncode != 0
        assert f"{name} is not allowed; build with --allow {name}" in refused.stderr and "2 | RUN" in refused.stderr
        built(dockless, "ctx", "-t", "granted", "--allow", name)
        seen = dockless("run", "--rm", "granted", "cat", "/seen").stdout.split()[-1]
        if name == "network.host":
            host = dockless("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net").stdout
            assert seen == host.strip()
        else:
            everything = dockless(
                "run", "--rm", "--privileged", "busybox", "grep", "CapEff", "/proc/self/status"
            ).stdout
            assert seen == everything.split()[-1]
    dockless("rmi", "granted")
    assert "unknown entitlement else" in dockless("build", "ctx", "--allow", "else").stderr


def test_the_cache_travels_in_a_folder(dockless: Run, write: Write, tmp_path: Path) -> None:
    write(
        "ctx/Dockerfile",
        "FROM busybox AS a\nRUN date +%N > /made\nFROM busybox\nCOPY --from=a /made /\nRUN date > /d\n",
    )
    built(dockless, "ctx", "-t", "first", "--cache-to", "type=local,dest=kept,mode=max")
    made = dockless("run", "--rm", "first", "cat", "/made").stdout
    assert (tmp_path / "kept/index.json").exists()
    dockless("rmi", "first")
    dockless("builder", "prune", "-af")
    said = built(dockless, "ctx", "-t", "second", "--cache-from", "type=local,src=kept")
    assert "3 steps" in said or said.count("CACHED") == 3
    assert dockless("run", "--rm", "second", "cat", "/made").stdout == made
    assert "dockless-cache" not in dockless("images").stdout
    assert built(dockless, "ctx", "--no-cache-filter", "a").count("CACHED") < 3


def test_progress_for_programs_is_buildkits(dockless: Run, write: Write) -> None:
    write("ctx/Dockerfile", "FROM busybox\nRUN echo spoken\n")
    done = dockless("build", "ctx", "--no-cache", "--progress", "rawjson")
    messages = [json.loads(line) for line in done.stderr.splitlines()]
    names = {vertex["name"] for message in messages for vertex in message.get("vertexes", ())}
    assert names == {"[stage-0 1/2] FROM busybox", "[stage-0 2/2] RUN echo spoken"}
    assert any(log["data"] == "c3Bva2VuCg==" for message in messages for log in message.get("logs", ()))


def test_another_engine_is_not_asked_for_what_it_cannot_do() -> None:
    from dockless.client.building import Lent, build
    from dockless.wire.errors import BadParameter
    from dockless.wire.queries import BuildQuery

    with pytest.raises(BadParameter, match="--secret, --no-cache-filter: only dockless's own engine"):
        build(
            lambda *_: None, b"", BuildQuery(no_cache_filter=("a",)), Lent(secrets={"a": b""}), ours=False
        )  # fmt: skip


def test_the_cache_is_shown_and_given_back(dockless: Run, write: Write) -> None:
    write(
        "ctx/Dockerfile",
        "FROM busybox\nRUN --mount=type=cache,target=/c,id=shown dd if=/dev/zero of=/c/x bs=1k count=2000\n",
    )
    built(dockless, "ctx")
    rows = [json.loads(line) for line in dockless("builder", "du", "--format", "json").stdout.splitlines()]
    (mount,) = [row for row in rows if row["Description"] == "cached mount shown"]
    assert (mount["Type"], mount["Size"], mount["Reclaimable"]) == ("exec.cachemount", "2.048MB", "true")
    assert any(row["Description"].startswith("RUN --mount=type=cache") for row in rows)
    assert "Total:" in dockless("builder", "du").stdout
    assert dockless("builder", "prune", "-f", "--filter", "until=24h").stdout == "Total:\t0B\n"
    for other in ("id=nothing", "type=frontend", "parent=x", "inuse=true", "shared=true", "description=RUN x"):
        assert dockless("builder", "prune", "-f", "--filter", other).stdout == "Total:\t0B\n", other
    wanted = ("builder", "prune", "-f", "--filter", "type=exec.cachemount", "--filter", f"id={mount['ID'][:12]}")
    assert dockless(*wanted).stdout.count(mount["ID"]) == 1
    assert dockless("builder", "prune", "-f").stdout != "Total:\t0B\n"
    assert dockless("builder", "du", "--format", "json").stdout == ""


def test_a_check_writes_what_it_finds_and_builds_nothing(dockless: Run, write: Write) -> None:
    write("ctx/Dockerfile", "FROM busybox AS Base\nENV A=$NOPE B=$PATH\nRUN touch /made\nCMD echo hi\n")
    before = dockless("images", "-aq").stdout
    done = dockless("build", "--check", "ctx")
    assert done.returncode == 1
    assert done.stderr == ""
    first, *rest = done.stdout.split("\nWARNING: ")
    assert first == "Check complete, 3 warnings have been found!\n"
    assert [part.partition(" ")[0] for part in rest] == ["StageNameCasing", "UndefinedVar", "JSONArgsRecommended"]
    assert "Dockerfile:2\n" in rest[1]
    assert "   2 | >>> ENV A=$NOPE B=$PATH\n" in rest[1]
    asked = json.loads(dockless("build", "--call=check,format=json", "ctx").stdout)
    assert [one["detail"] for one in asked["warnings"]][1] == "Usage of undefined variable '$NOPE'"
    assert dockless("images", "-aq").stdout == before
    write("ctx/Dockerfile", "FROM busybox\n")
    clean = dockless("build", "--check", "ctx")
    assert (clean.returncode, clean.stdout) == (0, "Check complete, no warnings found.\n")
    write("ctx/Dockerfile", "FROM busybox\nFOO\n")
    assert "unknown instruction: FOO" in dockless("build", "--check", "ctx").stderr
    assert "what can be called is build" in dockless("build", "--call=nonsense", "ctx").stderr


def test_a_build_ends_with_what_its_checks_found_and_fails_where_the_file_wants_it(dockless: Run, write: Write) -> None:
    write("ctx/Dockerfile", "FROM busybox AS unused\nCMD a\nFROM busybox\nENV A=$NOPE\nCMD b\n")
    said = built(dockless, "ctx", "-t", "warned")
    assert said.endswith(
        "\n 2 warnings found (build --check shows the lines):\n"
        " - UndefinedVar: Usage of undefined variable '$NOPE' (line 4)\n"
        " - JSONArgsRecommended: JSON arguments recommended for CMD"
        " to prevent unintended behavior related to OS signals (line 5)\n"
    )
    write("ctx/Dockerfile", "# check=error=true;skip=UndefinedVar\nFROM busybox\nRUN echo ran\nENV A=$NOPE\nCMD b\n")
    refused = dockless("build", "--progress", "plain", "ctx")
    assert refused.returncode == 1
    assert "lint violation found for rules: JSONArgsRecommended" in refused.stderr
    assert "ran" not in refused.stderr
    assert "ran" in built(dockless, "ctx", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all")
    write("ctx/Dockerfile", "# check=errors=true\nFROM busybox\n")
    assert 'invalid check option "errors"' in dockless("build", "ctx").stderr


LIMITS = """FROM busybox
RUN cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes 2>/dev/null | sed 's/^/memory=/';\
 cat cpu.max cpu/cpu.cfs_quota_us 2>/dev/null | sed 's/^/quota=/; s/ .*//'; echo "files=$(ulimit -n)";\
 echo "shm=$(df -k /dev/shm | tail -n 1 | awk '{print $2}')"
"""


@pytest.mark.parametrize("command", ["dockless", "cli"])
def test_limits_hold_for_the_steps(request: pytest.FixtureRequest, command: str, write: Write) -> None:
    run: Run = request.getfixturevalue(command)
    write("ctx/Dockerfile", LIMITS)
    limits = ["--memory", "64m", "--memory-swap", "64m", "--cpu-period", "50000", "--cpu-quota", "25000"]
    done = run("build", "--no-cache", *limits, "--shm-size", "8m", "--ulimit", "nofile=321:321", "ctx")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for line in (f"memory={64 << 20}", "quota=25000", "files=321", "shm=8192"):
        assert line in said


def test_a_step_that_wants_more_memory_than_it_may_have_fails(dockless: Run, write: Write) -> None:
    write("ctx/Dockerfile", "FROM busybox\nRUN head -c 40m /dev/zero >/dev/shm/much\n")
    done = dockless("build", "--no-cache", "--memory", "16m", "--memory-swap", "16m", "--shm-size", "64m", "ctx")
    assert done.returncode == 137, done.stderr
    assert dockless("build", "--no-cache", "--shm-size", "64m", "ctx").returncode == 0


def test_limits_that_cannot_be_are_refused_by_name(dockless: Run, write: Write) -> None:
    write("ctx/Dockerfile", "FROM busybox\nRUN true\n")
    done = dockless("build", "--memory", "1m", "ctx")
    assert (done.returncode, "Minimum memory limit allowed is 6MB" in done.stderr) == (1, True)
    done = dockless("build", "--security-opt", "seccomp=unconfined", "ctx")
    assert (done.returncode, "--security-opt: a step" in done.stderr) == (1, True)
    assert "only default" in dockless("build", "--isolation", "hyperv", "ctx").stderr


def test_a_compressed_context_is_read_like_any_other(dockless: Run, cli: Run, write: Write) -> None:
    write("ctx/Dockerfile", "FROM busybox\nCOPY word /\nRUN cat /word\n")
    for run, word in ((dockless, "blackberry"), (cli, "cloudberry")):
        write("ctx/word", word)
        done = run("build", "--compress", "ctx")
        assert word in done.stdout + done.stderr
