"""The image's configuration and history, as Docker's builder writes them."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dockless.build.emulation import runs_here
from dockless.build.errors import BuildError
from dockless.build.goformat import duration, quoted, quoted_list
from dockless.dockerfile import DockerfileError
from dockless.images.config import ContainerConfig, Healthcheck
from dockless.registry.platform import Platform

if TYPE_CHECKING:
    from tests.build.conftest import Bench

PATH = "PATH=/usr/local/bin:/bin"


def config(bench: "Bench", lines: str, **options: Any) -> ContainerConfig:
    return bench.build(f"FROM tiny\n{lines}\n", **options).config.config


def history(bench: "Bench", lines: str, **options: Any) -> list[tuple[str, bool]]:
    made = bench.build(f"FROM tiny\n{lines}\n", **options).config.history[1:]
    assert all(line.comment == "buildkit.dockerfile.v0" for line in made)
    return [(line.created_by, line.empty_layer) for line in made]


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        ("ENV A=1 B=\"x y\"\nENV A=2 C=$A", "env", (PATH, "BASE=1", "A=2", "B=x y", "C=1")),
        ("ENV PATH=/opt:$PATH", "env", ("PATH=/opt:/usr/local/bin:/bin", "BASE=1")),
        ("ENV old some  value", "env", (PATH, "BASE=1", "old=some  value")),
        ("ARG X=1\nENV Y=${X:+set} Z=${NONE:-default}", "env", (PATH, "BASE=1", "Y=set", "Z=default")),
        ("LABEL a=1 b='2 3'\nLABEL a=4", "labels", {"a": "4", "b": "2 3"}),
        ("EXPOSE 80 53/UDP\nARG P=8000-8002\nEXPOSE $P", "exposed_ports",
         {"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {}}),
        ('VOLUME /a\nVOLUME ["/b c"]', "volumes", {"/a": {}, "/b c": {}}),
        ("USER web", "user", "web"),
        ("WORKDIR /a\nWORKDIR b/../c\nARG D=/x\nWORKDIR $D/y/", "working_dir", "/x/y/"),
        ("CMD a $b", "cmd", ("/bin/sh", "-c", "a $b")),
        ('CMD ["a", "$b"]', "cmd", ("a", "$b")),
        ('SHELL ["/bin/ash", "-ec"]\nCMD x', "cmd", ("/bin/ash", "-ec", "x")),
        ('ENTRYPOINT ["a"]', "cmd", None),
        ('CMD ["c"]\nENTRYPOINT ["a"]', "cmd", ("c",)),
        ("ENTRYPOINT a b", "entrypoint", ("/bin/sh", "-c", "a b")),
        ('ENTRYPOINT ["a"]\nENTRYPOINT []', "entrypoint", None),
        ("STOPSIGNAL SIGINT", "stop_signal", "SIGINT"),
        ("STOPSIGNAL 9", "stop_signal", "9"),
        ("STOPSIGNAL RTMIN+3", "stop_signal", "RTMIN+3"),
        ("HEALTHCHECK NONE", "healthcheck", Healthcheck(test=("NONE",))),
        ("HEALTHCHECK --interval=5s --retries=2 CMD x || y", "healthcheck",
         Healthcheck(test=("CMD-SHELL", "x || y"), interval=5_000_000_000, retries=2)),
        ('HEALTHCHECK CMD ["x"]', "healthcheck", Healthcheck(test=("CMD", "x"))),
        ('SHELL ["/bin/bash", "-c"]', "shell", ("/bin/bash", "-c")),
        ("ONBUILD RUN x\nONBUILD COPY . .", "on_build", ("RUN x", "COPY . .")),
    ],
)  # fmt: skip
def test_an_instruction_sets_its_field(bench: "Bench", lines: str, field: str, value: object) -> None:
    assert getattr(config(bench, lines), field) == value


def test_the_command_of_the_base_stays_until_an_entrypoint_comes(bench: "Bench") -> None:
    assert config(bench, "ENV A=1").cmd == ("sh",)


def test_history_lines_are_those_of_dockers_builder(bench: "Bench") -> None:
    bench.file("a")
    lines = (
        "ARG V=1\nENV A=$V\nRUN echo hi\nWORKDIR /w\nCOPY --chown=1:2 --chmod=600 a $A/\nADD a /x\nCOPY <<E /e\nE\n"
        'EXPOSE 80 22\nVOLUME /a /b\nUSER web\nCMD ["a", "b\\"c"]\nENTRYPOINT x\nSTOPSIGNAL TERM\nSHELL ["s", "-c"]\n'
        "LABEL k=v\nMAINTAINER me\nHEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD x"
    )
    assert history(bench, lines) == [
        ("ARG V=1", True),
        ("ENV A=1", True),
        ("RUN |1 V=1 /bin/sh -c echo hi # buildkit", False),
        ("WORKDIR /w", False),
        ("COPY --chown=1:2 --chmod=600 a 1/ # buildkit", False),
        ("ADD a /x # buildkit", False),
        ("COPY <<E /e # buildkit", False),
        ("EXPOSE [22/tcp 80/tcp]", True),
        ("VOLUME [/a /b]", True),
        ("USER web", True),
        (r'CMD ["a" "b\"c"]', True),
        ('ENTRYPOINT ["/bin/sh" "-c" "x"]', True),
        ("STOPSIGNAL TERM", True),
        ("SHELL [s -c]", True),
        ("LABEL k=v", True),
        ("MAINTAINER me", True),
        (r"""HEALTHCHECK &{["CMD-SHELL" "x"] "30s" "5s" "0s" "0s" '\x03'}""", True),
    ]


def test_layers_and_lines_with_layers_are_as_many(bench: "Bench") -> None:
    made = bench.build("FROM tiny\nENV A=1\nRUN true\nWORKDIR /\nWORKDIR /x\nCMD x\n").config
    assert len(made.rootfs.diff_ids) == sum(not line.empty_layer for line in made.history)
    assert made.created == made.history[-1].created
    assert made.history[1].created == made.history[2].created  # ENV has the time of the first new layer


def test_global_and_predefined_arguments(bench: "Bench") -> None:
    bench.build(
        "ARG IMG=tiny\nARG TAG=latest NAME=${IMG}:${TAG}\nFROM ${NAME}\nARG IMG\nARG TARGETARCH\nARG HERE=${IMG}-x\n"
        "RUN echo $IMG/$TAG/$HERE/$TARGETOS; test -n $TARGETARCH\n"
    )
    assert bench.output() == "tiny//tiny-x/\n"


def test_arguments_given_win_over_defaults_and_environment_wins_where_it_is_later(bench: "Bench") -> None:
    dockerfile = "FROM tiny\nARG A=default\nARG B=default\nENV B=env\nRUN echo $A $B\n"
    bench.build(dockerfile, args={"A": "given", "B": "given"})
    assert bench.output() == "given env\n"


def test_an_argument_without_value_comes_from_the_environment(bench: "Bench") -> None:
    bench.build("FROM tiny\nARG A\nRUN echo $A\n", args={"A": None}, environ={"A": "outside"})
    assert bench.output() == "outside\n"


def test_arguments_that_nobody_asks_for_and_variables_that_are_not_set_are_said(bench: "Bench") -> None:
    bench.build("FROM tiny\nENV A=$NOPE\n", args={"X": "1", "http_proxy": "p"})
    assert bench.warnings() == [
        "Usage of undefined variable '$NOPE'",
        "One or more build-args [X] were not consumed",
    ]


def test_a_proxy_argument_reaches_the_step_without_being_declared(bench: "Bench") -> None:
    image = bench.build("FROM tiny\nRUN echo $http_proxy\n", args={"http_proxy": "http://p:1"})
    assert bench.output() == "http://p:1\n"
    assert "http://p:1" not in str(image.config)


def test_labels_of_the_command_line_are_set(bench: "Bench") -> None:
    assert config(bench, "LABEL a=1 b=2", labels={"b": "3", "c": "4"}).labels == {"a": "1", "b": "3", "c": "4"}


def test_the_epoch_is_every_time_that_is_written(bench: "Bench") -> None:
    made = bench.build("FROM tiny\nRUN true\n", args={"SOURCE_DATE_EPOCH": "1000000000"}).config
    assert made.created == "2001-09-09T01:46:40Z"


def test_with_the_epoch_the_same_input_gives_the_same_image(bench: "Bench") -> None:
    bench.file("d/f", "x")
    dockerfile = (
        "FROM tiny\nARG SOURCE_DATE_EPOCH\nRUN mkdir /r && echo a > /r/a && touch /tmp/b\nCOPY d /d\nWORKDIR /w\n"
    )
    ids = set()
    for _ in range(2):
        time.sleep(1.1)  # a tar has whole seconds
        os.utime(bench.context / "d/f")
        ids.add(bench.build(dockerfile, args={"SOURCE_DATE_EPOCH": "1000000000"}, no_cache=True).id)
    assert len(ids) == 1
    seen = bench.tree(bench.build(dockerfile, args={"SOURCE_DATE_EPOCH": "1000000000"}))
    assert {seen.stat(path, "%Y") for path in ("r", "r/a", "tmp/b", "d", "d/f", "w")} == {"1000000000"}
    bench.build(dockerfile, args={"SOURCE_DATE_EPOCH": "1000000001"})
    assert bench.cached() == [False, False, False]


def test_a_step_for_another_platform_is_refused_with_its_line(bench: "Bench") -> None:
    other = "linux/s390x" if Platform.host().architecture != "s390x" else "linux/ppc64le"
    with pytest.raises(BuildError, match=f"a step for {other} cannot run on linux/"):
        bench.build(f'FROM --platform={other} scratch\nRUN ["/x"]\n')
    assert bench.build(f"FROM --platform={other} scratch\nCOPY . /\n").config.architecture == other[6:]


def test_an_emulator_counts_where_it_works_in_containers(tmp_path: Path) -> None:
    arm, host = Platform("linux", "arm64"), Platform("linux", "amd64")
    assert not runs_here(arm, host, tmp_path)
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OC\n")
    assert not runs_here(arm, host, tmp_path)
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\n")
    assert runs_here(arm, host, tmp_path)
    assert runs_here(Platform("linux", "386"), host, tmp_path)


def test_from_scratch_has_a_path_and_the_hosts_platform(bench: "Bench") -> None:
    bench.file("f")
    made = bench.build("FROM scratch\nCOPY f /\n").config
    assert made.config.env == ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    assert made.os == "linux" and made.architecture
    assert len(made.rootfs.diff_ids) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("EXPOSE many", "Invalid containerPort: many"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("STOPSIGNAL SIGNOPE", "Invalid signal: SIGNOPE"),
        ('ENV A="${X:?is needed}"', "X: is needed"),
        ("ENV A=${X", "missing '}'"),
        ("VOLUME $X", "can not be an empty string"),
        ("USER nobody-here\nRUN true", "unable to find user nobody-here"),
    ],
)
def test_a_value_that_means_nothing_is_refused_with_its_line(bench: "Bench", line: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        config(bench, line)
    assert message in caught.value.message
    assert caught.value.where.startswith("Dockerfile:")


def test_values_are_written_as_go_writes_them() -> None:
    assert quoted('a"b\\c\n\té\x01') == r'"a\"b\\c\n\té\x01"'
    assert quoted_list(["a", ""]) == '["a" ""]'
    assert [duration(n) for n in (0, 1, 1500, 300_000_000, 1_500_000_000, 90_000_000_000, 3_600_000_000_000)] == [
        "0s", "1ns", "1.5µs", "300ms", "1.5s", "1m30s", "1h0m0s",
    ]  # fmt: skip


def test_what_docker_takes_is_taken(bench: "Bench") -> None:
    found = config(bench, "EXPOSE 0 80/ 90:91 100-101:200-201\nSTOPSIGNAL 65\nHEALTHCHECK --interval=1s NONE\nRUN")
    assert set(found.exposed_ports) == {"0/tcp", "80/tcp", "91/tcp", "200/tcp", "201/tcp"}
    assert found.stop_signal == "65"


@pytest.mark.parametrize("line", ["EXPOSE 80:90-91", "STOPSIGNAL 0", "RUN []", "EXPOSE 90-80"])
def test_what_docker_refuses_is_refused(bench: "Bench", line: str) -> None:
    with pytest.raises((BuildError, DockerfileError), match=r"Dockerfile:2"):
        bench.build(f"FROM tiny\n{line}\n")


def test_in_a_stage_on_another_one_its_environment_is_seen_again_where_an_argument_hid_it(bench: "Bench") -> None:
    bench.build("FROM tiny AS a\nENV V=env\nARG V=arg\nRUN echo $V\nFROM a\nRUN echo $V\n")
    assert bench.output() == "arg\nenv\n"
