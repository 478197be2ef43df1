"""Images that other machines are asked for by HTTP: an import from a URL, a search."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from api_http import Api
from exchanges import archive, filters

FOUND = [
    {"name": "box", "description": "A box", "star_count": 7, "is_official": True, "is_automated": False},
    {"name": "me/box", "description": None, "star_count": 1, "is_official": False, "is_automated": False},
]


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers = {
            "/tree.tar": archive({"file": "content"}),
            "/v1/search?q=box&n=25": json.dumps({"num_results": 2, "results": FOUND}).encode(),
            "/v1/search?q=broken&n=25": b"<html>",
        }
        body = answers.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_image_is_imported_from_a_url(ours: str, elsewhere: str) -> None:
    api = Api(ours)
    source = quote(f"http://{elsewhere}/tree.tar", safe="")
    made = api("POST", f"/images/create?fromSrc={source}&repo=from-url&tag=1&changes=CMD%20true")
    assert made.status == 200
    assert api("GET", "/images/from-url:1/json").json["Config"]["Cmd"] == ["/bin/sh", "-c", "true"]
    assert api("DELETE", "/images/from-url:1").status == 200


def test_an_import_from_a_url_that_is_not_there_says_which(ours: str, elsewhere: str) -> None:
    answer = Api(ours)("POST", f"/images/create?fromSrc=http://{elsewhere}/nothing.tar&repo=x")
    assert answer.status == 400
    assert f"http://{elsewhere}/nothing.tar is answered with HTTP status 404" in answer.message


def test_a_registry_is_searched_and_its_answer_filtered(ours: str, elsewhere: str) -> None:
    api = Api(ours)
    found = api("GET", f"/images/search?term={elsewhere}/box").json
    assert [(one["name"], one["star_count"], one["is_official"]) for one in found] == [
        ("box", 7, True),
        ("me/box", 1, False),
    ]
    assert found[1]["description"] == ""

    def names(**wanted: list[str]) -> list[str]:
        return [one["name"] for one in api("GET", f"/images/search?term={elsewhere}/box&{filters(**wanted)}").json]

    assert names(stars=["5"]) == ["box"]
    assert names(is_official=["false"]) == ["me/box"]


def test_a_registry_that_answers_nonsense_is_told_from_one_that_does_not_answer(ours: str, elsewhere: str) -> None:
    assert "is not JSON" in Api(ours)("GET", f"/images/search?term={elsewhere}/broken").message
    assert Api(ours)("GET", "/images/search?term=127.0.0.1:1/box").status == 503
