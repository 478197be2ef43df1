"""ADD: archives are opened, downloads fetched and checked, and neither gets out of its place."""

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from dockless.build.errors import BuildError
from dockless.build.tree import Entry

if TYPE_CHECKING:
    from tests.build.conftest import Bench


def archive(*members: tuple[tarfile.TarInfo, bytes], compression: str = "") -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode=f"w:{compression}") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return into.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, link: str = "", uid: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.linkname, made.uid, made.mtime = kind, mode, link, uid, 1_000_000_000
    return made


SIMPLE = (
    (info("d", tarfile.DIRTYPE, 0o750, uid=5), b""),
    (info("d/f", mode=0o4755, uid=5), b"content"),
    (info("d/hard", tarfile.LNKTYPE, link="d/f"), b""),
    (info("d/soft", tarfile.SYMTYPE, 0o777, link="f"), b""),
)


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz", "zst"])
def test_a_local_archive_is_opened_whatever_its_name(bench: "Bench", compression: str) -> None:
    data = archive(*SIMPLE, compression="" if compression == "zst" else compression)
    bench.file("thing.bin", zstandard.compress(data) if compression == "zst" else data)
    seen = bench.tree(bench.build("FROM tiny\nADD thing.bin /x\nADD --chown=web thing.bin /y/\n"))
    assert seen.names("x") == ["d", "d/f", "d/hard", "d/soft"]
    assert seen.stat("x/d") == "750 5:0 directory"
    assert seen.stat("x/d/f", "%a %u %h %Y") == "4755 5 2 1000000000"
    assert seen.text("x/d/soft") == "content"
    assert seen.stat("y/d/f", "%u:%g") == "1000:1001"


def test_what_is_no_archive_and_what_copy_takes_is_copied(bench: "Bench") -> None:
    bench.file("a.tar.gz", "not one")
    bench.file("empty.tar", b"")
    bench.file("real.tar", archive(*SIMPLE))
    image = bench.build("FROM tiny\nADD a.tar.gz empty.tar /x/\nCOPY real.tar /y/\nADD --unpack=false real.tar /z/\n")
    seen = bench.tree(image)
    assert seen.names("x") == ["a.tar.gz", "empty.tar"]
    assert seen.names("y") == seen.names("z") == ["real.tar"]


def test_a_hostile_archive_writes_only_into_the_image(bench: "Bench", tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    members = (
        (info("../../../../../../../../../../../../../../up"), b"up"),
        (info("/absolute"), b"absolute"),
        (info("way", tarfile.SYMTYPE, link=str(outside)), b""),
        (info("way/through"), b"through"),
        (info("dots", tarfile.SYMTYPE, link="../" * 20 + str(outside)[1:]), b""),
        (info("dots/too"), b"too"),
    )
    bench.file("evil.tar", archive(*members))
    seen = bench.tree(bench.build("FROM tiny\nADD evil.tar /x/\n"))
    assert list(outside.iterdir()) == []
    assert {"x/up", "x/absolute"} <= set(seen.names())
    assert f"{str(outside)[1:]}/through" in seen.names()


def test_an_archive_that_links_to_nothing_or_is_cut_is_refused(bench: "Bench") -> None:
    bench.file("link.tar", archive((info("h", tarfile.LNKTYPE, link="/host/secret"), b"")))
    bench.file("cut.tar", archive((info("f"), b"x" * 100_000))[:50_000])
    for name, message in (("link.tar", "which is not there"), ("cut.tar", "broken archive")):
        with pytest.raises(BuildError, match=message):
            bench.build(f"FROM tiny\nADD {name} /x/\n")


class _Served(BaseHTTPRequestHandler):
    content = b"downloaded"

    def do_GET(self) -> None:
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        if self.path.startswith("/private") and self.headers["Authorization"] not in ("Bearer let", "Digest me"):
            self.send_error(401, f"{self.headers['Authorization']}")
            return
        self.send_response(200)
        self.send_header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Served) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_is_downloaded_and_its_content_is_the_key(bench: "Bench", url: str) -> None:
    good = hashlib.sha256(_Served.content).hexdigest()
    dockerfile = f"FROM tiny\nADD {url}/a/b.txt?x=1 /x/\nADD --checksum=sha256:{good} --chmod=644 {url}/f /y\n"
    seen = bench.tree(bench.build(dockerfile))
    assert seen.text("x/b.txt") == seen.text("y") == "downloaded"
    assert seen.stat("x/b.txt", "%a %Y") == "600 1000000000"
    assert seen.stat("y", "%a") == "644"
    bench.build(dockerfile)
    assert bench.cached() == [True, True]


@pytest.mark.parametrize("name", ["HTTP_AUTH_TOKEN_127.0.0.1", "HTTP_AUTH_HEADER_127.0.0.1"])
def test_a_secret_opens_the_server_that_it_names(bench: "Bench", url: str, name: str) -> None:
    secrets = {name: b"let\n" if "TOKEN" in name else b"Digest me"}
    seen = bench.tree(bench.build(f"FROM tiny\nADD {url}/private /x\n", secrets=secrets))
    assert seen.text("x") == "downloaded"
    with pytest.raises(BuildError, match="invalid response status 401"):
        bench.build(f"FROM tiny\nADD {url}/private /y\n", secrets={f"{name}.example": b"let"})


def test_a_wrong_checksum_and_a_missing_file_are_said(bench: "Bench", url: str) -> None:
    for line, message in (
        (f"ADD --checksum=sha256:{'0' * 64} {url}/f /y", "digest mismatch"),
        (f"ADD --checksum=md5:00 {url}/f /y", "invalid checksum digest format"),
        (f"ADD {url}/missing /y", "invalid response status 404"),
        ("COPY https://example.com/x.git /y", "can't be a git ref"),
        (f"ADD --checksum=sha256:{'0' * 64} f /y", "checksum can't be specified"),
    ):
        bench.file("f")
        with pytest.raises(BuildError) as caught:
            bench.build(f"FROM tiny\n{line}\n")
        assert message in caught.value.message
        assert caught.value.where == "Dockerfile:2"


def test_a_file_that_changes_while_it_is_copied_is_read_again(bench: "Bench", monkeypatch: pytest.MonkeyPatch) -> None:
    from dockless.build import target

    path = bench.file("f", "first")
    copied = target._copy_file
    turns = iter(["second"])

    def meddle(entry: Entry, *arguments: Any, **options: Any) -> None:
        if entry.real == os.fspath(path) and (text := next(turns, "")):
            path.write_text(text)
        copied(entry, *arguments, **options)

    monkeypatch.setattr(target, "_copy_file", meddle)
    image = bench.build("FROM tiny\nCOPY f /f\n")
    assert bench.tree(image).text("f") == "second"
    bench.build("FROM tiny\nCOPY f /f\n")
    assert bench.cached() == [True]
