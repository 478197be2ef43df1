"""Which source and which Debian release a tag leads to, and what is said to differ."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dockless.standins import plan as planning
from dockless.standins import recipe
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
    return planning.plan(wanted, lambda: interpreters)


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
    assert variables == {"release": "bookworm", "slim": "-slim", "version": "3.10.13", "major": "3", "minor": "3.10"}


def test_slim_has_no_build_tools_and_does_not_speak_of_them() -> None:
    full, slim = (planned(name, [built(3, 10, 13)]) for name in ("python:3.10", "python:3.10-slim"))
    assert [part.name for part in full.parts] == ["build tools", "CPython"]
    assert [part.name for part in slim.parts] == ["CPython"]
    assert any("build tools" in line for line in differences(full, "3.10.13"))
    assert not any("build tools" in line for line in differences(slim, "3.10.13"))


def test_a_major_version_of_postgres_is_never_another_one() -> None:
    plan = planned("postgres:15.1-bullseye")
    assert (plan.release, plan.version) == ("bookworm", "15")
    assert differences(plan, "15.20")[:2] == ["PostgreSQL 15.20 instead of 15.1", "Debian bookworm instead of bullseye"]
    assert planned("postgres").release == "trixie"
    assert planned("postgres:bookworm").version == "15"
    with pytest.raises(StandInError, match=r"would need PostgreSQL 16, and there is 13 \(Debian bullseye\), 15"):
        planned("postgres:16")


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
