"""`cp` out of a container whose files may be anybody's: what comes stays in the folder that was named."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from dockless.cli.copying import copy_out
from dockless.cli.failure import Failure
from dockless.client.api import Client
from dockless.client.unpacking import UnpackError, unpack
from dockless.wire.archive import PathStat

FOLDER = 1 << 31


class Body:
    """An archive as it comes from the engine."""

    def __init__(self, data: bytes) -> None:
        self._pieces = iter((data,))

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def read(self) -> bytes:
        return next(self._pieces, b"")


class Hostile:
    """A client of an engine that gives this archive for the folder `x`."""

    def __init__(self, *members: tuple[str, bytes, str]) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, kind, to in (("x", tarfile.DIRTYPE, ""), *members):
                info = tarfile.TarInfo(name)
                info.type, info.mode = kind, 0o755
                if kind == tarfile.REGTYPE:
                    info.size = len(to)
                else:
                    info.linkname = to
                archive.addfile(info, io.BytesIO(to.encode()) if kind == tarfile.REGTYPE else None)
        self._data = buffer.getvalue()
        self.containers = self

    def archive_get(self, _: str, *, path: str) -> tuple[PathStat, Any]:
        return PathStat(name="x", size=0, mode=FOLDER | 0o755, mtime="", link_target=""), Body(self._data)


def copied(place: Path, *members: tuple[str, bytes, str]) -> None:
    copy_out(cast(Client, Hostile(*members)), "c", "/x", str(place), follow=False)


LINK, HARD, FILE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.REGTYPE


@pytest.mark.parametrize(
    "members",
    [
        [("x/way", LINK, "../../outside"), ("x/way/file", FILE, "evil")],
        [("x/way", LINK, "/"), ("x//./way/file", FILE, "evil")],
        [("x/file", LINK, "../../outside/file"), ("x/file", FILE, "evil")],
        [("x/file", LINK, "../../outside/file"), ("x/same", HARD, "x/file"), ("x/same", FILE, "evil")],
        [("x/../../outside/file", FILE, "evil")],
        [("x/taken", HARD, "x/../../outside/secret")],
        [("x/way", LINK, "../../outside"), ("x/taken", HARD, "x/way/secret")],
    ],
)
def test_an_archive_that_leads_out_is_refused(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    outside, place = tmp_path / "outside", tmp_path / "in/to"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    place.mkdir(parents=True)
    with pytest.raises(Failure, match="the archive is refused"):
        copied(place, *members)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert not (place / "x/taken").exists()


def test_links_are_copied_as_they_are(tmp_path: Path) -> None:
    copied(
        tmp_path,
        ("x/file", FILE, "1"),
        ("x/link", LINK, "/etc/passwd"),
        ("x/same", HARD, "x/link"),
        ("x/hard", HARD, "x/file"),
    )
    assert (tmp_path / "x/link").readlink() == (tmp_path / "x/same").readlink() == Path("/etc/passwd")
    assert (tmp_path / "x/hard").read_text() == "1"


@pytest.mark.parametrize(
    "members",
    [
        (("x/out", tarfile.SYMTYPE, ".."), ("x/out/owned", tarfile.REGTYPE, "1")),
        (("x/out", tarfile.SYMTYPE, "/tmp"), ("./x//out/owned", tarfile.REGTYPE, "1")),
        (
            ("x/out", tarfile.SYMTYPE, ".."),
            ("x/again", tarfile.LNKTYPE, "x/out"),
            ("x/again/owned", tarfile.REGTYPE, "1"),
        ),
        (("../owned", tarfile.REGTYPE, "1"),),
    ],
)
def test_what_a_build_gives_stays_in_its_folder_as_well(
    tmp_path: Path, members: tuple[tuple[str, bytes, str], ...]
) -> None:
    _, body = Hostile(*members).archive_get("c", path="/x")
    with pytest.raises(UnpackError):
        unpack(body, tmp_path / "place")
    assert not list(tmp_path.rglob("owned"))
