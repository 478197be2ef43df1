"""What clients of older versions of the API see: the same as from a Docker of their time, where they notice."""

import json
from collections.abc import Iterator

import pytest
from api_http import Api, clear
from exchanges import IMAGE, filters


@pytest.fixture
def api(ours: str) -> Iterator[Api]:
    opened = Api(ours)
    yield opened
    clear(opened)


@pytest.mark.parametrize(
    ("version", "status"), [("1.24", 200), ("1.41", 200), ("1.47", 200), ("1.23", 400), ("1.99", 400)]
)
def test_versions_from_1_24_to_ours_are_spoken(ours: str, version: str, status: int) -> None:
    answer = Api(ours, version)("GET", "/version")
    assert answer.status == status
    assert status == 200 or version in answer.message


def test_the_ping_tells_the_version_before_any_is_agreed_on(api: Api) -> None:
    assert api("HEAD", "/_ping").headers["api-version"] == "1.47"


@pytest.mark.parametrize(("version", "there"), [("1.43", True), ("1.44", False)])
def test_images_have_a_virtual_size_before_1_44(ours: str, version: str, there: bool) -> None:
    api = Api(ours, version)
    assert ("VirtualSize" in api("GET", f"/images/{IMAGE}/json").json) == there
    assert ("VirtualSize" in api("GET", "/images/json").json[0]) == there


@pytest.mark.parametrize(("version", "kind"), [("1.41", "raw"), ("1.42", "multiplexed")])
def test_output_in_frames_is_called_so_from_1_42(ours: str, api: Api, version: str, kind: str) -> None:
    body = {"Image": IMAGE, "Cmd": ["echo", "words"], "HostConfig": {"NetworkMode": "none"}}
    api("POST", "/containers/create?name=said", body)
    api("POST", "/containers/said/start")
    assert api("POST", "/containers/said/wait").json == {"StatusCode": 0}
    logs = Api(ours, version)("GET", "/containers/said/logs?stdout=1")
    assert logs.headers["content-type"] == f"application/vnd.docker.{kind}-stream"
    assert logs.body == b"\x01\0\0\0\0\0\0\x06words\n"


@pytest.mark.parametrize(("version", "left"), [("1.41", []), ("1.42", ["named"])])
def test_a_volume_prune_spares_named_volumes_from_1_42(ours: str, api: Api, version: str, left: list[str]) -> None:
    api("POST", "/volumes/create", {"Name": "named"})
    api("POST", "/volumes/create", {})
    assert Api(ours, version)("POST", "/volumes/prune").status == 200
    assert [volume["Name"] for volume in api("GET", "/volumes").json["Volumes"]] == left


def test_events_are_told_from_when_until_when_and_of_what(api: Api) -> None:
    begin = api("GET", "/info").json["SystemTime"]
    api("POST", "/volumes/create", {"Name": "one"})
    api("POST", "/volumes/create", {"Name": "two"})
    api("DELETE", "/volumes/one")
    end = api("GET", "/info").json["SystemTime"]
    api("DELETE", "/volumes/two")

    def told(**wanted: list[str]) -> list[str]:
        lines = api("GET", f"/events?since={begin}&until={end}&{filters(**wanted)}").body.splitlines()
        return [f"{event['Action']} {event['Actor']['ID']}" for event in map(json.loads, lines)]

    assert told(type=["volume"]) == ["create one", "create two", "destroy one"]
    assert told(volume=["one"]) == ["create one", "destroy one"]
    assert told(type=["volume"], event=["destroy"]) == ["destroy one"]
    assert told(type=["network"]) == []
