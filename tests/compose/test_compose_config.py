"""The other things that `config` prints, and how a project is found and narrowed."""

from pathlib import Path

import loading
import pytest

from dockless.compose import printing
from dockless.compose.errors import ComposeError, NoConfigurationError
from dockless.compose.hash import network_hash, service_hash, volume_hash
from dockless.compose.load import LoadOptions, load
from dockless.compose.model import Duration

TEXT = """\
services:
  web: {build: ., depends_on: [db], networks: [n], volumes: ["data:/v"], profiles: [p]}
  db: {image: "postgres:${TAG:-15}", stop_grace_period: 1m30s}
  other: {image: other, profiles: [q], depends_on: [web]}
networks: {n: }
volumes: {data: , unused: }
"""


def _load(folder: Path, **values: object) -> LoadOptions:
    (folder / "compose.yaml").write_text(TEXT)
    return LoadOptions(cwd=folder, environ={}, project_name="proj", **values)  # type: ignore[arg-type]


def test_aspects_are_printed_one_per_line(tmp_path: Path) -> None:
    project = load(_load(tmp_path, profiles=("p",)))
    assert printing.services(project) == "db\nweb\n"
    assert printing.images(project) == "postgres:15\nproj-web\n"
    assert printing.volumes(project) == "data\n"
    assert printing.networks(project) == "default\nn\n"
    assert printing.profiles(project) == "p\nq\n"
    assert printing.environment(project) == f"COMPOSE_PROJECT_NAME=proj\nPWD={tmp_path}\n"


def test_variables_are_printed_as_a_table(tmp_path: Path) -> None:
    assert printing.variables(_load(tmp_path)) == (
        "NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n"
        "TAG                 false               15                  \n"
    )


def test_uninterpolated_files_keep_their_variables(tmp_path: Path) -> None:
    assert "image: postgres:${TAG:-15}\n" in printing.uninterpolated(_load(tmp_path))
    assert '"image": "postgres:${TAG:-15}"' in printing.uninterpolated(_load(tmp_path), "json")


def test_naming_a_service_enables_it_and_leaves_the_rest_out(tmp_path: Path) -> None:
    project = load(_load(tmp_path, services=("web",)))
    assert set(project.services) == {"web", "db"}
    assert set(project.disabled_services) == {"other"}
    with pytest.raises(ComposeError, match="no such service: nope"):
        load(_load(tmp_path, services=("nope",)))


def test_unused_resources_stay_where_all_are_asked_for(tmp_path: Path) -> None:
    assert set(load(_load(tmp_path, all_resources=True)).volumes) == {"data", "unused"}
    assert set(load(_load(tmp_path, profiles=("p",))).volumes) == {"data"}


def test_the_project_is_found_from_a_folder_below(tmp_path: Path) -> None:
    _load(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    project = load(LoadOptions(cwd=below, environ={}))
    assert project.working_dir == str(tmp_path)
    assert project.compose_files == (str(tmp_path / "compose.yaml"),)


def test_no_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NoConfigurationError):
        load(LoadOptions(cwd=tmp_path, environ={}))


def test_standard_input_is_a_file_too(tmp_path: Path) -> None:
    options = LoadOptions(files=("-",), cwd=tmp_path, environ={}, standard_input=lambda: "services: {a: {image: x}}")
    assert set(load(options).services) == {"a"}


def test_durations_are_nanoseconds(tmp_path: Path) -> None:
    grace = load(_load(tmp_path)).services["db"].stop_grace_period
    assert grace == Duration(90_000_000_000)
    assert grace is not None
    assert grace.seconds == 90.0


def test_a_secret_from_the_environment_is_held_but_never_printed(tmp_path: Path) -> None:
    text = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: S}}\n"
    project = loading.project(tmp_path, {"S": "hidden"}, compose=text)
    assert project.secrets["s"].value == "hidden"
    assert "hidden" not in printing.as_json(project) + printing.as_yaml(project)


def test_what_does_not_change_a_container_does_not_change_its_hash(tmp_path: Path) -> None:
    one = loading.project(tmp_path, compose="services: {a: {image: x, environment: [A=1], ports: ['80:80']}}\n")
    two = loading.project(
        tmp_path,
        compose="services: {a: {image: x, scale: 3, environment: {A: 1}, ports: [{target: 80, published: 80}], "
        "build: .}}\n",
    )
    other = loading.project(tmp_path, compose="services: {a: {image: x, environment: [A=2], ports: ['80:80']}}\n")
    assert service_hash(one.services["a"]) == service_hash(two.services["a"]) != service_hash(other.services["a"])


def test_a_volume_without_a_driver_hashes_as_a_local_one(tmp_path: Path) -> None:
    text = "services: {a: {image: x, volumes: ['data:/v']}}\nvolumes: {data: %s}\n"
    implied = loading.project(tmp_path, compose=text % "")
    named = loading.project(tmp_path, compose=text % "{driver: local}")
    assert volume_hash(implied.volumes["data"]) == volume_hash(named.volumes["data"])
    assert network_hash(implied.networks["default"]) == network_hash(named.networks["default"])
