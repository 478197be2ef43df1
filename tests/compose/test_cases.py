"""Each case loads to what Docker Compose 2.40.3 printed for it: JSON and YAML letter for letter, and the hashes."""

import json
import shutil
from pathlib import Path

import case_files
import loading
import pytest
import record_cases
from msgspec.structs import replace

from dockless.compose import printing
from dockless.compose.errors import ComposeError
from dockless.compose.load import load

CASES = case_files.every()
LOADED = [case for case in CASES if "refused" not in case.recorded]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path.resolve() / "project"
    place.mkdir()
    return place


@pytest.mark.parametrize("case", LOADED, ids=lambda case: case.name)
def test_prints_what_docker_compose_prints(case: case_files.Case, folder: Path) -> None:
    case.lay_out(folder)
    options = loading.options(case, folder)
    project = load(options)
    printed = loading.anonymous(printing.as_json(project), folder)
    assert json.loads(printed) == json.loads(case.recorded["expected.json"])
    assert printed.strip() == case.recorded["expected.json"].strip()
    assert loading.anonymous(printing.as_yaml(project), folder) == case.recorded["expected.yaml"]
    if "expected.hash" in case.recorded:
        unresolved = load(replace(options, resolve_environment=False))
        assert printing.hashes(unresolved, ["*"]) == case.recorded["expected.hash"]


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case.recorded], ids=lambda case: case.name)
def test_refuses_what_docker_compose_refuses(case: case_files.Case, folder: Path) -> None:
    case.lay_out(folder)
    with pytest.raises(ComposeError) as caught:
        load(loading.options(case, folder))
    assert caught.value.problems
    assert str(caught.value)


# A dollar sign in a key, a size of -1 as text, one port twice, a reference to a disabled service: printed as Docker
# Compose prints them, and as unreadable.
ONE_WAY = {"interpolation_keys", "memory_units", "override_volume_long", "profiles_dependency_optional"}


@pytest.mark.parametrize("case", [case for case in LOADED if case.name not in ONE_WAY], ids=lambda case: case.name)
def test_what_is_printed_loads_to_the_same_again(case: case_files.Case, folder: Path) -> None:
    case.lay_out(folder)
    options = loading.options(case, folder)
    first = printing.as_yaml(load(options))
    again = folder / "printed.yaml"
    again.write_text(first)
    second = load(replace(options, files=(str(again),), services=(), profiles=("*",), project_name=""))
    assert printing.as_yaml(second) == first


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_docker_compose_still_says_so(case: case_files.Case) -> None:
    said = record_cases.record([record_cases.program("docker-compose")], case).recorded
    assert {name: text.strip() for name, text in said.items()} == {
        name: text.strip() for name, text in case.recorded.items()
    }
