"""What the command line reads and prints, as values."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dockless.cli import output, terminal
from dockless.cli.commands import COMPOSE, CONTAINER, EITHER, GROUPS, IMAGE, NETWORK, TOP, VOLUME
from dockless.cli.docker.mounts import parse_mount
from dockless.cli.docker.request import request_of
from dockless.cli.docker.resources import gpus
from dockless.cli.docker.run_options import container_options
from dockless.cli.docker.units import bytes_of, duration_of
from dockless.cli.either import means_project
from dockless.cli.ending import end_of
from dockless.cli.environment import read_env_file, variables
from dockless.cli.failure import Failure
from dockless.cli.log_view import LogView
from dockless.cli.ports import shown
from dockless.cli.session import Session
from dockless.wire.containers import Port


@pytest.mark.parametrize("table", [COMPOSE, CONTAINER, IMAGE, NETWORK, VOLUME, TOP, GROUPS])
def test_every_command_of_the_table_can_be_loaded(table: dict[str, object]) -> None:
    for name, entry in table.items():
        assert isinstance(entry.load(), click.Command), name  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (999, "999B"), (1980000, "1.98MB"), (123456789, "123MB"), (5_200_000_000, "5.2GB")]
)
def test_sizes_are_dockers(size: int, text: str) -> None:
    assert output.human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (300, "5 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (86400 * 3, "3 days"),
        (86400 * 30, "4 weeks"),
    ],
)
def test_durations_are_dockers(seconds: float, text: str) -> None:
    assert output.human_duration(seconds) == text


def test_a_table_has_no_trailing_blanks_and_three_between_columns() -> None:
    assert output.table(["A", "LONG"], [["x", ""], ["yyy", "z"]]) == "A     LONG\nx\nyyy   z"


def test_ports_are_shown_as_ranges() -> None:
    ports = [Port(ip="0.0.0.0", private_port=80 + n, public_port=8080 + n) for n in range(3)]
    ports += [
        Port(private_port=9000),
        Port(private_port=9001),
        Port(ip="::", private_port=53, public_port=53, type="udp"),
    ]
    assert shown(ports) == "[::]:53->53/udp, 0.0.0.0:8080-8082->80-82/tcp, 9000-9001/tcp"


def test_the_detach_keys_are_found_and_a_beginning_of_them_goes_through() -> None:
    found = terminal.DetachFilter(terminal.parse_detach_keys("ctrl-p,ctrl-q"))
    assert found.feed(b"ab\x10") == (b"ab", False)
    assert found.feed(b"c") == (b"\x10c", False)
    assert found.feed(b"x\x10\x10\x11y") == (b"x\x10", True)


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", ""])
def test_detach_keys_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="detach keys"):
        terminal.parse_detach_keys(text)


def test_an_env_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "vars"
    file.write_text("# comment\n\nA=1\nB= two 'quoted'\nHERE\nNOT_HERE\n")
    assert read_env_file(str(file), {"HERE": "h"}) == ["A=1", "B= two 'quoted'", "HERE=h"]
    file.write_text("A=1\nno good=1\n")
    with pytest.raises(Failure, match=f"{file}:2"):
        read_env_file(str(file), {})
    with pytest.raises(Failure, match="no such file"):
        read_env_file(str(tmp_path / "none"), {})
    assert variables(["A=1", "HERE", "GONE"], {"HERE": "h"}) == ("A=1", "HERE=h")


def test_units_of_flags() -> None:
    assert [bytes_of(text, "m") for text in ("", "64m", "1g", "1.5k", "512", "1gb", "2GiB")] == [
        0,
        64 << 20,
        1 << 30,
        1536,
        512,
        1 << 30,
        2 << 30,
    ]
    assert duration_of("1m30s", "x") == 90_000_000_000
    for wrong in ("12x", "m", "1mm"):
        with pytest.raises(Failure):
            bytes_of(wrong, "m")


def test_mounts_of_flags() -> None:
    mount = parse_mount("type=volume,src=v,dst=/d,volume-subpath=s,readonly")
    assert (mount.type, mount.source, mount.target, mount.read_only) == ("volume", "v", "/d", True)
    assert mount.volume_options is not None and mount.volume_options.subpath == "s"
    with pytest.raises(Failure, match="unexpected key 'frob'"):
        parse_mount("type=bind,frob=1")
    with pytest.raises(Failure, match="target is required"):
        parse_mount("type=tmpfs")


PROJECT = "services: {web: {image: busybox}, db: {image: busybox, profiles: [x]}}"


@pytest.mark.parametrize(
    ("command", "project"),
    [
        ("ps", True),
        ("ps -a", True),
        ("ps web", True),
        ("ps -l", False),
        ("ps --filter name=x", False),
        ("ps --filter status=running", True),
        ("logs", True),
        ("logs -f web", True),
        ("logs mine", False),
        ("logs --details web", False),
        ("exec web ls", True),
        ("exec -it mine ls", False),
        ("exec db ls", True),
        ("build", True),
        ("build web", True),
        ("build .", False),
        ("build -t name .", False),
        ("run web", True),
        ("run --rm -e A=1 web sh", True),
        ("run -d --name x busybox", False),
        ("run -it --network n web", False),
        ("stop", True),
        ("stop web", True),
        ("stop mine", False),
        ("rm -f mine", False),
        ("cp web:/a b", True),
        ("cp mine:/a b", False),
        ("stats", False),
        ("pull", True),
        ("pull busybox", False),
    ],
)
def test_which_of_two_commands_is_meant(
    command: str, project: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    name, *arguments = command.split()
    assert means_project(name, arguments, Session(environ={}), EITHER[name][0]) is project


def test_without_a_compose_file_it_is_dockers_unless_a_project_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not means_project("ps", [], Session(environ={}), EITHER["ps"][0])
    assert means_project("ps", [], Session(environ={}, project_name="p"), EITHER["ps"][0])
    assert means_project("ps", [], Session(environ={"COMPOSE_FILE": "x"}), EITHER["ps"][0])


def test_lines_stay_whole_and_prefixes_are_aligned() -> None:
    import io

    out = io.StringIO()
    view = LogView(out, out, colour=False, prefix=True, project="p", names=["p-web-1", "p-postgres-1"])
    view.write("p-web-1", 1, b"one\ntw")
    view.write("p-postgres-1", 2, b"x\n")
    view.write("p-web-1", 1, b"o\n")
    view.write("p-web-1", 1, b"rest")
    view.flush("p-web-1")
    prefix = "web-1       | "
    assert out.getvalue() == f"{prefix}one\npostgres-1  | x\n{prefix}two\n{prefix}rest\n"


def test_limits_with_a_syntax_of_their_own() -> None:
    command = click.Command(
        "run", params=container_options(click.Command("run")).params, callback=lambda **flags: flags
    )
    arguments = ["--device-read-bps", "/dev/sda:1m", "--device-write-iops", "/dev/sda:9", "--gpus", "all"]
    arguments += ["--blkio-weight-device", "/dev/sda:300", "--memory-swappiness", "0", "--health-start-interval", "2s"]
    flags = command.main([*arguments, "busybox"], standalone_mode=False)
    host = request_of(flags, {}, frozenset())[0].host_config
    assert (host.blkio_device_read_bps or ())[0].rate == 1 << 20
    assert (host.blkio_device_write_iops or ())[0].rate == 9
    assert (host.blkio_weight_device or ())[0].weight == 300
    assert host.memory_swappiness == 0
    assert (host.device_requests or ())[0].count == -1
    assert gpus("device=0,driver=nvidia").device_ids == ("0",)
    for wrong in (["--device-read-bps", "sda:1m"], ["--gpus", "many"], ["--blkio-weight-device", "/dev/sda:5"]):
        with pytest.raises(Failure):
            request_of(command.main([*wrong, "busybox"], standalone_mode=False), {}, frozenset())


def test_an_argument_that_is_no_text_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dockless", "volume", "create", "caf\udce9"])
    with pytest.raises(UnicodeEncodeError) as caught:
        "caf\udce9".encode()
    assert end_of(caught.value) == 1
    assert capsys.readouterr().err == "caf\\udce9: the engine takes names in UTF-8 only\n"


def test_the_environment_is_the_one_that_the_process_was_given() -> None:
    script = "import os; from dockless.cli.environment import of_process; print(sorted(of_process()))"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['PATH']\n"
