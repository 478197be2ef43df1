"""RUN: the command, its surroundings and mounts, and what of it all stays in the image."""

import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dockless.build.builder import BuildOptions
from dockless.build.errors import BuildCancelled, BuildError
from dockless.build.events import Output
from dockless.build.steps import Cancellation

if TYPE_CHECKING:
    from tests.build.conftest import Bench


def test_shell_exec_and_heredoc_forms(bench: "Bench") -> None:
    image = bench.build(
        'FROM tiny\nRUN echo "$0" shell > /a\nRUN ["/bin/sh", "-c", "echo exec > /b"]\n'
        "RUN <<EOF\necho one > /c\necho two >> /c\nEOF\n"
        "RUN <<-X cat > /d\n\tbody\nX\n"
        "RUN <<EOF\n#!/bin/cat\nscript\nEOF\n"
        'SHELL ["/bin/sh", "-ec"]\nRUN false | true; echo shell > /e\n'
    )
    seen = bench.tree(image)
    assert [seen.text(name) for name in "abcde"] == ["/bin/sh shell\n", "exec\n", "one\ntwo\n", "body\n", "shell\n"]
    assert "script" in bench.output()


def test_user_folder_environment_and_home(bench: "Bench") -> None:
    bench.build(
        "FROM tiny\nENV A=1\nARG B=2\nWORKDIR /w/x\nUSER web:staff\nRUN pwd; id -u; id -g; echo $A$B$HOME$BASE\n"
    )
    assert bench.output().split() == ["/w/x", "1000", "50", "12/home/web1"]


def test_a_working_folder_belongs_to_the_user(bench: "Bench") -> None:
    seen = bench.tree(bench.build("FROM tiny\nUSER web\nWORKDIR /srv/app\nWORKDIR deeper\nRUN touch x\n"))
    assert seen.stat("srv/app/deeper") == "755 1000:1001 directory"


def test_mount_points_leave_no_trace(bench: "Bench", tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("certificates")
    image = bench.build(
        "FROM tiny\nRUN --mount=type=tmpfs,target=/t/a --mount=type=cache,target=/c true\n"
        "RUN touch /run/stays\nFROM scratch\nCOPY --from=0 / /\nRUN rm /tmp -r\n",
        environ={"SSL_CERT_FILE": str(bundle)},
    )
    names = bench.tree(image).names()
    assert "run/stays" in names
    assert not [name for name in names if name.split("/")[0] in ("t", "c", "sys", "dev")]
    assert "run/dockless" not in names and "etc/hosts" not in names
    assert "tmp" not in names


def test_a_step_that_only_reads_makes_an_empty_layer(bench: "Bench") -> None:
    image = bench.build("FROM tiny\nRUN true\nRUN ls /etc\n")
    base = bench.images.resolve("tiny")
    assert base is not None
    assert bench.tree(image).names() == bench.tree(base).names()
    assert len(image.config.rootfs.diff_ids) == 3


def test_the_hosts_ca_bundle_and_proxies_reach_the_step_and_not_the_image(bench: "Bench", tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("certificates")
    dockerfile = (
        "FROM tiny\nENV PIP_CERT=/mine\nRUN env | while read x; do echo $x; done; cat $SSL_CERT_FILE $APT_CONFIG\n"
    )
    environ = {"SSL_CERT_FILE": str(bundle), "https_proxy": "http://proxy:1", "SECRET": "no"}
    image = bench.build(dockerfile, environ=environ)
    said = bench.output()
    assert "certificates" in said and 'CaInfo "/run/dockless/ca-bundle.crt"' in said
    assert "https_proxy=http://proxy:1" in said and "PIP_CERT=/mine" in said
    assert "CURL_CA_BUNDLE=/run/dockless/ca-bundle.crt" in said and "SECRET" not in said
    assert image.config.config.env == ("PATH=/usr/local/bin:/bin", "BASE=1", "PIP_CERT=/mine")
    assert "proxy" not in str(image.config.history)
    assert not [name for name in bench.tree(image).names() if "dockless" in name]
    bench.build(dockerfile, environ={})
    assert bench.cached() == [True]


def test_a_cache_mount_is_kept_between_builds_and_not_in_the_image(bench: "Bench") -> None:
    line = "RUN --mount=type=cache,target=/c,id=x,mode=0750,uid=3 ls /c; stat -c %a:%u /c; touch /c/{}"
    bench.build(f"FROM tiny\n{line.format('one')}\n")
    assert "750:3" in bench.output()
    image = bench.build(f"FROM tiny\n{line.format('two')}\n")
    assert "one" in bench.output().split()
    assert "c" not in bench.tree(image).names()
    assert [found.name for found in bench.builder.cache_mounts.list()] == ["x"]
    assert bench.builder.cache_mounts.prune(0) == []
    assert [found.folder for found in bench.builder.cache_mounts.prune(time.time())]
    assert bench.builder.cache_mounts.list() == []
    bench.build(f"FROM tiny\n{line.format('three')}\n")
    assert "one" not in bench.output().split()


def test_bind_mounts_of_context_and_stage_are_seen_and_their_content_is_part_of_the_key(bench: "Bench") -> None:
    bench.file("in/f", "first")
    bench.file("other", "x")
    bench.file(".dockerignore", "in/hidden")
    bench.file("in/hidden")
    dockerfile = (
        "FROM tiny AS tools\nRUN echo tool > /t\nFROM tiny\n"
        "RUN --mount=type=bind,source=in,target=/m --mount=type=bind,from=tools,source=/t,target=/tool "
        "cat /m/f /tool; ls /m; echo x > /m/new || echo readonly\n"
        "RUN --mount=type=bind,source=in,target=/m,rw echo changed > /m/f\n"
    )
    image = bench.build(dockerfile)
    assert bench.output().split()[:3] == ["firsttool", "f", "/bin/sh:"]
    assert "readonly" in bench.output()
    assert (bench.context / "in/f").read_text() == "first"
    assert not {"m", "tool"} & set(bench.tree(image).names())
    bench.file("other", "changed")
    bench.build(dockerfile)
    assert bench.cached() == [True, True, True]
    bench.file("in/f", "second")
    bench.build(dockerfile)
    assert bench.cached() == [True, False, False]


def test_secrets_are_lent_by_file_and_variable_and_never_kept(bench: "Bench") -> None:
    dockerfile = (
        "FROM tiny\nRUN --mount=type=secret,id=a --mount=type=secret,id=b,target=/s/b,mode=0444 "
        "--mount=type=secret,id=c,env=C --mount=type=secret,id=none "
        "cat /run/secrets/a /s/b; echo $C; stat -c %a /run/secrets/a /s/b; ls /run/secrets\n"
    )
    image = bench.build(dockerfile, secrets={"a": b"AA\n", "b": b"BB\n", "c": b"CC"})
    assert bench.output().split() == ["AA", "BB", "CC", "400", "444", "a"]
    assert not {"run", "s"} & set(bench.tree(image).names())
    assert "CC" not in str(image.config)
    with pytest.raises(BuildError, match="secret a: not found"):
        bench.build("FROM tiny\nRUN --mount=type=secret,id=a,required true\n")


def test_an_ssh_agent_is_lent(bench: "Bench", tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        bench.build("FROM tiny\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo yes\n", ssh={"default": path})
    assert bench.output() == "yes\n"


def test_a_failed_step_shows_line_status_and_last_output(bench: "Bench") -> None:
    with pytest.raises(BuildError) as caught:
        bench.build("FROM tiny\nRUN echo before && \\\n    echo trouble >&2 && \\\n    sh -c 'exit 42'\nRUN never\n")
    error = caught.value
    assert (error.where, error.status) == ("Dockerfile:2", 42)
    assert error.output == "before\ntrouble"
    assert "did not complete successfully: exit code: 42" in str(error)
    assert "  4 |     sh -c 'exit 42'" in str(error) and "  trouble" in str(error)


def test_a_command_that_is_not_there_says_so(bench: "Bench") -> None:
    with pytest.raises(BuildError) as caught:
        bench.build('FROM tiny\nRUN ["/no/such"]\n')
    assert caught.value.status == 127


@pytest.mark.parametrize("option", ["--security=insecure", "--device=gpu", "--network=host"])
def test_what_is_not_granted_is_refused_by_name_before_anything_is_built(bench: "Bench", option: str) -> None:
    with pytest.raises(BuildError, match=option.partition("=")[0]) as caught:
        bench.build(f"FROM tiny\nRUN true\nRUN {option} true\n")
    assert (caught.value.where, bench.started()) == ("Dockerfile:3", [])


def test_what_is_granted_reaches_the_step(bench: "Bench") -> None:
    """The host's network is granted to a build that is in it as a whole, too."""
    dockerfile = "FROM tiny\nRUN --security=insecure true\nRUN --network=host true\nRUN true\n"
    bench.build(dockerfile, entitlements=frozenset({"security.insecure", "network.host"}))
    assert [(step.privileged, step.network) for step in bench.runner.ran] == [
        (True, "default"), (False, "host"), (False, "default")
    ]  # fmt: skip
    bench.build("FROM tiny\nRUN --network=host true\n", network="host")
    bench.build("FROM tiny\nONBUILD RUN --security=insecure true\n", tags=("parent",))
    with pytest.raises(BuildError, match=r"security\.insecure is not allowed"):
        bench.build("FROM parent\n")


def test_a_cancelled_build_ends_its_step_and_keeps_the_finished_ones(bench: "Bench") -> None:
    cancellation = Cancellation()
    dockerfile = "FROM tiny\nRUN echo one\nRUN echo started; sleep 1000\n"

    def progress(event: object) -> None:
        bench.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Output) and b"started" in event.data:
            threading.Thread(target=cancellation.cancel).start()

    with pytest.raises(BuildCancelled):
        bench.builder.build(bench.context, BuildOptions(dockerfile_text=dockerfile), progress, cancellation)
    bench.build("FROM tiny\nRUN echo one\n")
    assert bench.cached() == [True]
