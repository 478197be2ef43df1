"""docs/engine-api.md says what is so: all of the specification is in it, each example does what stands beside it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_http import Api, clear
from exchanges import IMAGE

PAGE = Path(__file__).parents[2] / "docs" / "engine-api.md"
SPECIFICATION = Path(__file__).parent / "data" / "docker-engine-api-v1.47.yaml"
OFF = ("swarm", "nodes", "services", "tasks", "configs", "secrets", "plugins")
TYPES = ("ContainerConfig", "HealthConfig", "HostConfig", "Resources", "Mount", "EndpointSettings")


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without the marks around names and examples."""
    _, _, rest = PAGE.read_text().partition(f"# {heading}\n")
    lines = rest.split("\n#", 1)[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def _fields(name: str) -> dict[str, tuple[str, Any, str]]:
    """By field: what becomes of it, an example (None where there is none), and what stands beside it."""
    return {
        row[0].strip("`"): (row[1], json.loads(row[2].strip("`")) if row[2] else None, row[3]) for row in _rows(name)
    }


@pytest.fixture(scope="module")
def specification() -> Mapping[str, Any]:
    return yaml.load(SPECIFICATION.read_text(), Loader=yaml.CSafeLoader)  # type: ignore[no-any-return]


def test_every_request_and_parameter_of_the_specification_is_on_the_page(specification: Mapping[str, Any]) -> None:
    wanted = {
        f"{verb.upper()} {path}": {p["name"] for p in operation.get("parameters", ()) if p["in"] in ("query", "header")}
        for path, operations in specification["paths"].items()
        for verb, operation in operations.items()
        if path.split("/")[1] not in OFF
    }
    shown = {row[0].strip("`"): {word.strip("`") for word in row[1].split()} for row in _rows("Requests")}
    assert shown == wanted
    assert {row[2] for row in _rows("Requests")} <= {"works", "differs", "refused"}


@pytest.mark.parametrize("name", TYPES)
def test_every_field_of_the_specification_is_on_the_page(specification: Mapping[str, Any], name: str) -> None:
    definition = specification["definitions"][name]
    wanted = set(definition.get("properties", ()))
    for part in definition.get("allOf", ()):
        wanted |= set(part.get("properties", ()))
    assert set(_fields(name)) == wanted


def test_every_field_of_the_other_bodies_is_on_the_page(specification: Mapping[str, Any]) -> None:
    rows = [(row[0].strip("`"), row[1].strip("`")) for row in _rows("Other bodies")]
    wanted = []
    for request in dict.fromkeys(request for request, _ in rows):
        verb, path = request.split(" ")
        parameters = specification["paths"][path][verb.lower()]["parameters"]
        (schema,) = (one["schema"] for one in parameters if one["in"] == "body")
        if "$ref" in schema:
            schema = specification["definitions"][schema["$ref"].rpartition("/")[2]]
        wanted += [(request, field) for field in schema["properties"]]
    assert sorted(rows) == sorted(wanted)


def _examples() -> Iterator[tuple[str, str]]:
    for name in TYPES:
        for field, (_, example, _) in _fields(name).items():
            if example is not None:
                yield name, field


def _request(name: str, field: str, example: Any) -> dict[str, Any]:
    """A create in which the field has the value."""
    host: dict[str, Any] = {"NetworkMode": "page"}
    body: dict[str, Any] = {"Image": IMAGE, "Cmd": ["true"], "HostConfig": host}
    if name == "ContainerConfig":
        body[field] = example
    elif name == "HealthConfig":
        body["Healthcheck"] = {"Test": ["CMD", "true"], field: example}
    elif name == "Mount":
        host["Mounts"] = [{"Type": "volume", "Source": "page-volume", "Target": "/m", field: example}]
    elif name == "EndpointSettings":
        body["NetworkingConfig"] = {"EndpointsConfig": {"page": {field: example}}}
    else:
        host[field] = example
    return body


def _shown(name: str, field: str, found: Mapping[str, Any]) -> Any:
    """Where inspect has the field."""
    if name == "ContainerConfig":
        return found["NetworkSettings"]["Networks"]["page"][field] if field == "MacAddress" else found["Config"][field]
    if name == "HealthConfig":
        return found["Config"]["Healthcheck"][field]
    if name == "Mount":
        return found["HostConfig"]["Mounts"][0][field]
    if name == "EndpointSettings":
        return found["NetworkSettings"]["Networks"]["page"][field]
    return found["HostConfig"][field]


@pytest.fixture(scope="module")
def api(ours: str) -> Iterator[Api]:
    """An engine with a container that examples name, and a network."""
    opened = Api(ours, "1.47")
    assert opened("POST", "/networks/create", {"Name": "page"}).status == 201
    assert opened("POST", "/containers/create?name=page", {"Image": IMAGE, "Cmd": ["true"]}).status == 201
    yield opened
    clear(opened)


@pytest.mark.parametrize(("name", "field"), list(_examples()))
def test_an_example_does_what_the_page_says(api: Api, name: str, field: str) -> None:
    status, example, words = _fields(name)[field]
    answer = api("POST", "/containers/create", _request(name, field, example))
    if status == "refused":
        assert answer.status == 400
        assert words in answer.message
        return
    assert answer.status == 201, answer.body
    identity = answer.json["Id"]
    try:
        if status == "works":
            shown = _shown(name, field, api("GET", f"/containers/{identity}/json").json)
            assert _within(example, shown), shown
        else:
            assert status == "taken"
            assert words
    finally:
        api("DELETE", f"/containers/{identity}?force=1&v=1")


def _within(wanted: Any, shown: Any) -> bool:
    """Whether all that was asked for is in what is shown, which may be more (a PATH, an image's label)."""
    if isinstance(wanted, dict):
        return all(key in shown and _within(value, shown[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        return all(any(_within(item, other) for other in shown or ()) for item in wanted)
    return bool(wanted == shown)
