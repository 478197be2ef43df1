"""Which source and which Debian release a tag leads to, and what is said to differ."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dockless.standins import configuration, recipe
from dockless.standins import plan as planning
from dockless.standins.elf import Needs
from dockless.standins.errors import StandInError
from dockless.standins.interpreter import Interpreter
from dockless.standins.plan import Plan, differences


class Built(Interpreter):
    """An interpreter that needs a given C library, without the files."""

    glibc: tuple[int, int] = (2, 35)

    def needs(self) -> Needs:
        return Needs((), self.glibc)


class BuiltLongAgo(Built):
    glibc = (2, 17)


def planned(name: str, interpreters: Sequence[Interpreter] = ()) -> Plan:
    wanted = recipe.find(name)
    assert wanted is not None
    return planning.plan(wanted, lambda kind: interpreters)


def built(*version: int, kind: type[Built] = Built) -> Interpreter:
    return kind(Path("/opt"), (version[0], version[1], version[2]), "/opt")


def test_the_hosts_python_goes_on_the_oldest_release_that_carries_it() -> None:
    plan = planned("python:3.10-bullseye", [built(3, 13, 0), built(3, 10, 13)])
    assert (plan.version, plan.release) == ("3.10.13", "bookworm")
    assert differences(plan, plan.version)[:2] == ["CPython 3.10.13", "Debian bookworm instead of bullseye"]


def test_the_release_asked_for_is_taken_where_it_carries_the_python() -> None:
    assert planned("python:3.10-trixie", [built(3, 10, 13)]).release == "trixie"
    assert planned("python:3.10-bullseye", [built(3, 10, 1, kind=BuiltLongAgo)]).release == "bullseye"
    assert planned("python:3.10", [built(3, 10, 1, kind=BuiltLongAgo)]).release == "bullseye"


def test_of_several_pythons_the_newest_that_fits_is_taken_and_an_exact_one_before_it() -> None:
    pythons = [built(3, 13, 0), built(3, 10, 13), built(3, 10, 4)]
    assert planned("python:3", pythons).version == "3.13.0"
    assert planned("python:3.10", pythons).version == "3.10.13"
    assert planned("python:3.10.4", pythons).version == "3.10.4"
    assert differences(planned("python:3.10.9", pythons), "3.10.13")[0] == "CPython 3.10.13 instead of 3.10.9"


def test_without_one_debians_nearest_newer_python_serves() -> None:
    plan = planned("python:3.10-bullseye", [built(3, 12, 1)])
    assert (plan.version, plan.release, plan.interpreter) == ("3.11", "bookworm", None)
    assert differences(plan, "3.11.2")[0] == "CPython 3.11.2 instead of 3.10"
    assert planned("python:3.12").release == "trixie"
    assert planned("python:3.11").release == "bookworm"


def test_the_variables_of_a_plan() -> None:
    variables = planned("python:3.10-slim", [built(3, 10, 13)]).variables
    assert variables == {
        "release": "bookworm",
        "slim": "-slim",
        "alpine": "",
        "asked": "3.10",
        "version": "3.10.13",
        "major": "3",
        "minor": "3.10",
    }


def test_slim_has_no_build_tools_and_does_not_speak_of_them() -> None:
    full, slim = (planned(name, [built(3, 10, 13)]) for name in ("python:3.10", "python:3.10-slim"))
    bases = [configuration.base(configuration.read(plan.wanted.recipe.folder), plan.variables) for plan in (full, slim)]
    assert bases == ["buildpack-deps:bookworm", "debian:bookworm-slim"]
    assert any("build tools" in line for line in differences(full, "3.10.13"))
    assert not any("build tools" in line for line in differences(slim, "3.10.13"))


def test_another_major_version_of_postgres_is_said_with_what_it_means() -> None:
    plan = planned("postgres:15.1-bullseye")
    assert (plan.release, plan.version) == ("bookworm", "15")
    assert differences(plan, "15.20")[:2] == ["PostgreSQL 15.20 instead of 15.1", "Debian bookworm instead of bullseye"]
    assert not any("data folders" in line for line in differences(plan, "15.20"))
    assert planned("postgres").release == "trixie"
    assert planned("postgres:bookworm").version == "15"
    plan = planned("postgres:16-alpine")
    assert plan.version == "17"
    assert differences(plan, "17.5")[:2] == [
        "PostgreSQL 17.5 instead of 16",
        "Debian trixie underneath instead of Alpine",
    ]
    assert any("data folders" in line for line in differences(plan, "17.5"))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("redis:7-alpine", "7.0"),
        ("redis:6.2", "7.0"),
        ("redis", "8.0"),
        ("rabbitmq:3-management", "3.10"),
        ("mariadb:10", "10.11"),
        ("mariadb:10.6.4-focal", "10.11"),
        ("mariadb:11.4", "11.8"),
        ("nginx:1.27-alpine", "1.26"),
        ("php:8.1-fpm", "8.2"),
        ("php:8", "8.4"),
        ("php:7.4-apache", "7.4"),
        ("node:16", "18"),
        ("node:22-alpine", "20"),
        ("python:3", "3.13"),
    ],
)
def test_the_nearest_version_is_taken_a_newer_one_before_an_older(name: str, version: str) -> None:
    assert planned(name).version == version


def test_a_node_of_this_machine_serves_its_major_version_only() -> None:
    node = Built(Path("/opt"), (20, 20, 2), "/opt")
    plan = planned("node:20.11-slim", [node])
    assert (plan.version, plan.release) == ("20.20.2", "bookworm")
    assert differences(plan, plan.version)[0] == "Node.js 20.20.2 instead of 20.11"
    assert planned("node:18", [node]).interpreter is None


def test_mysql_is_mariadb_and_says_so() -> None:
    plan = planned("mysql:5.7")
    assert plan.release == "bookworm"
    assert differences(plan, "10.11.19")[0] == "MariaDB 10.11.19 instead of MySQL 5.7"
    assert differences(planned("mysql"), "11.8.2")[0] == "MariaDB 11.8.2 instead of MySQL"


@pytest.mark.parametrize(
    ("name", "release"),
    [("ubuntu", "noble"), ("ubuntu:22.04", "jammy"), ("ubuntu:noble-20240605", "noble"), ("ubuntu:focal", "focal")],
)
def test_ubuntu_is_the_release_asked_for(name: str, release: str) -> None:
    plan = planned(name)
    assert plan.release == release
    assert ("user" in [part.name for part in plan.parts]) == (release == "noble")


@pytest.mark.parametrize("name", ["ubuntu:18.04", "ubuntu:rolling"])
def test_an_ubuntu_that_is_not_made_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(StandInError, match=r"would need Ubuntu .*, and there is focal, jammy, noble"):
        planned(name)


@pytest.mark.parametrize("name", ["alpine:3.20"])
def test_what_no_package_of_debians_can_make_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(StandInError, match=r"(?s)no stand-in can be made for .*FROM debian:bookworm.*dockless load"):
        planned(name)


def test_debian_is_the_release_asked_for_or_nothing() -> None:
    assert planned("debian:12-slim").release == "bookworm"
    with pytest.raises(StandInError, match="would need Debian buster"):
        planned("debian:buster")


def test_an_image_is_told_once_per_release_until_none_is_left() -> None:
    plan = planned("python:3.10", [built(3, 10, 13)])
    following = plan.on_next_release()
    assert following is not None
    assert following.release == "trixie"
    assert following.on_next_release() is None
