"""ADD of a git repository, from a real one behind a real `git daemon`."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from dockless.build.download import DownloadError, is_git
from dockless.build.errors import BuildError
from dockless.build.git import GitSource, parse_git
from dockless.build.options import BuildOptions
from dockless.build.remote import fetch_context
from git_peer import served_repository

if TYPE_CHECKING:
    from tests.build.conftest import Bench


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address, and the commit that the tag `v1` names."""
    with served_repository(tmp_path / "served", {"sub/file": "one", "run": "#!/bin/sh"}, {"sub/file": "two"}) as found:
        yield found


def test_a_repository_its_ref_and_its_folder(bench: "Bench", repository: tuple[str, str]) -> None:
    url, commit = repository
    dockerfile = (
        f"FROM tiny\nADD {url} /main\nADD --chown=web {url}#v1 /v1/\nADD {url}#v1:sub /sub\n"
        f"ADD --keep-git-dir=true {url}?branch=main /kept\nADD --checksum={commit} {url}#v1 /checked\n"
        f"ADD {url}?commit={commit}&subdir=sub&submodules=0 /by-commit\n"
    )
    seen = bench.tree(bench.build(dockerfile))
    assert [seen.text(f"{path}/file") for path in ("main/sub", "v1/sub", "sub", "kept/sub", "by-commit")] == [
        "two", "one", "one", "two", "one",
    ]  # fmt: skip
    assert seen.names("main") == ["run", "sub", "sub/file"]
    assert "kept/.git/HEAD" in seen.names()
    assert [seen.stat(path) for path in ("main/run", "v1/run")] == [
        "755 0:0 regular file", "755 1000:1001 regular file",
    ]  # fmt: skip
    bench.build(dockerfile)
    assert bench.cached()[:3] == [True, True, True]


def test_what_is_not_there_is_said_with_the_line(bench: "Bench", repository: tuple[str, str]) -> None:
    url, commit = repository
    for line, message in (
        (f"ADD {url}#nowhere /x", "nowhere"),
        (f"ADD {url}#v1:none /x", "there is no folder none"),
        (f"ADD {url}#v1:../.. /x", "there is no folder"),
        (f"ADD --checksum={'0' * 40} {url}#v1 /x", f"got {commit}"),
        (f"ADD {url}?what=1 /x", "unexpected 'what'"),
        (f"ADD {url}#--upload-pack=x /x", "does not begin with a dash"),
    ):
        with pytest.raises(BuildError, match=message) as raised:
            bench.build(f"FROM tiny\n{line}\n")
        assert raised.value.where == "Dockerfile:2"


def test_a_context_keeps_its_git_folder_where_the_argument_says_so(tmp_path: Path, repository: tuple[str, str]) -> None:
    for number, (said, kept) in enumerate((("1", True), ("true", True), ("0", False), ("", False))):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        options = BuildOptions(args={"BUILDKIT_CONTEXT_KEEP_GIT_DIR": said}, environ={"PATH": os.environ["PATH"]})
        found = fetch_context(repository[0], scratch, options, lambda: None).folder
        assert found is not None
        assert (found / ".git").is_dir() == kept


class _Asked(BaseHTTPRequestHandler):
    said: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.said.append(self.headers["Authorization"])
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    ("secrets", "wanted"),
    [
        ({"GIT_AUTH_TOKEN": "t"}, "basic eC1hY2Nlc3MtdG9rZW46dA=="),
        ({"GIT_AUTH_TOKEN": "t", "GIT_AUTH_HEADER": "Bearer h"}, "Bearer h"),
        ({"GIT_AUTH_HEADER": "Bearer h", "GIT_AUTH_TOKEN.HOST": "t"}, "basic eC1hY2Nlc3MtdG9rZW46dA=="),
        ({"GIT_AUTH_TOKEN.other.example": "t"}, None),
        ({}, None),
    ],
)
def test_a_secret_opens_a_repository(bench: "Bench", secrets: dict[str, str], wanted: str | None) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Asked) as server:
        _Asked.said.clear()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            host = f"127.0.0.1:{server.server_port}"
            given = {name.replace("HOST", host): value.encode() for name, value in secrets.items()}
            with pytest.raises(BuildError):
                bench.build(
                    f"FROM tiny\nADD http://{host}/r.git /x\n", secrets=given, environ={"PATH": os.environ["PATH"]}
                )
        finally:
            server.shutdown()
            thread.join()
    assert _Asked.said[0] == wanted


def test_what_counts_as_a_repository() -> None:
    for text in (
        "git://h/r", "ssh://git@h/r", "git@h.example:r.git", "https://h/r.git", "http://h/r.git#v1:d", "https://h/r.git?tag=1",
    ):  # fmt: skip
        assert is_git(text)
    for text in ("https://h/r.tar.gz", "file.git", "some@file", "https://h/r.git/x"):
        assert not is_git(text)


def test_the_forms_of_an_address() -> None:
    assert parse_git("https://h/r.git#main:a/b") == GitSource("https://h/r.git", "main", "a/b")
    assert parse_git("git@h:r.git#:docs") == GitSource("git@h:r.git", "", "docs")
    assert parse_git("https://h/r.git?tag=v1&checksum=AB12CD3&keep-git-dir=1") == GitSource(
        "https://h/r.git", "refs/tags/v1", "", "ab12cd3", keep_git_dir=True
    )
    with pytest.raises(DownloadError, match="only one of ref"):
        parse_git("https://h/r.git?tag=v1#main")
    with pytest.raises(DownloadError, match="in hex"):
        parse_git("https://h/r.git", checksum="sha256:00")
