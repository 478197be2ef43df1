"""Packages are unpacked as dpkg would have done it, and never outside of the root."""

import io
import lzma
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from dockless.standins import debian
from dockless.standins.unpack import Tree, extract, unpack

CONTROL = "Package: tool\nArchitecture: amd64\nVersion: 1:2.0-1\nMulti-Arch: same\nDescription: a tool\n and more\n"


def package(
    path: Path, files: Sequence[tuple[str, str | bytes]], control: str = CONTROL, scripts: dict[str, str] | None = None
) -> Path:
    """A .deb. A file's content is bytes; text `->x` is a symbolic link, `=>x` a hard link, `/` a folder."""
    data, meta = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files:
            member = tarfile.TarInfo(f"./{name}")
            member.mtime = 1_600_000_000
            member.mode = 0o755 if content == "/" else 0o644
            if content == "/":
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type = tarfile.SYMTYPE if content.startswith("->") else tarfile.LNKTYPE
                member.linkname = content[2:]
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    with tarfile.open(fileobj=meta, mode="w") as tar:
        for name, text in {"control": control, **(scripts or {})}.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    archive = b"!<arch>\n"
    for name, content in (
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", lzma.compress(meta.getvalue())),
        ("data.tar.xz", lzma.compress(data.getvalue())),
    ):
        archive += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        archive += content + b"\n" * (len(content) % 2)
    path.write_bytes(archive)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root: files get owners")
    (tmp_path / "root/var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "documentation").mkdir()
    return tmp_path / "root"


def test_files_conffiles_and_documentation_go_to_their_places(tmp_path: Path, root: Path) -> None:
    files: list[tuple[str, str | bytes]] = [
        ("", "/"),
        ("etc/", "/"),
        ("etc/tool.conf", b"a = 1\n"),
        ("usr/bin/tool", b"\x7fELF"),
        ("usr/bin/alias", "->tool"),
        ("usr/bin/twin", "=>./usr/bin/tool"),
        ("usr/share/doc/tool/", "/"),
        ("usr/share/doc/tool/copyright", b"free"),
        ("usr/share/doc/tool/README", b"long"),
    ]
    scripts = {
        "conffiles": "/etc/tool.conf\n",
        "preinst": "#!/bin/sh\n",
        "triggers": "interest-noawait /usr/lib/tool\n",
    }
    deb = package(tmp_path / "tool.deb", files, scripts=scripts)
    done = unpack(deb, Tree(str(root)), Tree(str(tmp_path / "documentation")))
    assert (done.name, done.info, done.preinst) == ("tool", "tool:amd64", True)
    assert done.interests == (("/usr/lib/tool", "/noawait"),)
    assert done.status == (
        "Package: tool\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1:2.0-1\nMulti-Arch: same\n"
        "Description: a tool\n and more\nConffiles:\n /etc/tool.conf newconffile\n"
    )
    assert (root / "etc/tool.conf.dpkg-new").read_bytes() == b"a = 1\n"
    assert not (root / "etc/tool.conf").exists()
    assert os.readlink(root / "usr/bin/alias") == "tool"
    assert (root / "usr/bin/twin").stat().st_ino == (root / "usr/bin/tool").stat().st_ino
    assert (root / "usr/bin/tool").stat().st_mtime == 1_600_000_000
    assert (root / "usr/share/doc/tool/copyright").exists()
    assert not (root / "usr/share/doc/tool/README").exists()
    assert (tmp_path / "documentation/usr/share/doc/tool/README").exists()
    info = root / "var/lib/dpkg/info"
    assert (info / "tool:amd64.list").read_text().splitlines()[:3] == ["/.", "/etc", "/etc/tool.conf"]
    assert (info / "tool:amd64.preinst").stat().st_mode & 0o777 == 0o755


def test_links_in_the_root_lead_nowhere_else(tmp_path: Path, root: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "absolute").symlink_to(outside)
    (root / "upwards").symlink_to("../../../../outside")
    files: list[tuple[str, str | bytes]] = [
        ("absolute/file", b"x"),
        ("upwards/file", b"x"),
        ("../../escaped", b"x"),
        ("link", f"->{outside}"),
        ("link/file", b"x"),
    ]
    unpack(package(tmp_path / "bad.deb", files), Tree(str(root)), Tree(str(root)))
    assert not list(outside.iterdir())
    assert not (tmp_path / "escaped").exists()
    assert (root / "escaped").exists()
    assert (root / str(outside).lstrip("/") / "file").exists()


def test_a_merged_usr_stays_merged(tmp_path: Path, root: Path) -> None:
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    unpack(package(tmp_path / "a.deb", [("lib/", "/"), ("lib/x.so", b"x")]), Tree(str(root)), Tree(str(root)))
    assert (root / "lib").is_symlink()
    assert (root / "usr/lib/x.so").exists()


def test_upon_a_lower_layer_its_folders_and_links_count(tmp_path: Path, root: Path) -> None:
    lower = tmp_path / "lower"
    (lower / "usr/lib").mkdir(parents=True)
    (lower / "lib").symlink_to("usr/lib")
    (lower / "var/mail").mkdir(parents=True)
    os.chown(lower / "var/mail", 0, 8)
    (lower / "var/mail").chmod(0o2775)
    files: list[tuple[str, str | bytes]] = [("lib/x.so", b"x"), ("var/mail/", "/"), ("var/mail/box", b"")]
    tree = Tree(str(root), (str(lower),))
    unpack(package(tmp_path / "a.deb", files), tree, tree)
    assert (root / "usr/lib/x.so").exists()
    assert not (root / "lib").exists()
    assert ((root / "var/mail").stat().st_mode & 0o7777, (root / "var/mail").stat().st_gid) == (0o2775, 8)


def test_packages_upon_others_extend_the_database(tmp_path: Path, root: Path) -> None:
    lower = tmp_path / "lower"
    (lower / "var/lib/dpkg/triggers").mkdir(parents=True)
    (lower / "var/lib/dpkg/info").mkdir()
    (lower / "var/lib/dpkg/status").write_text("Package: base\nStatus: install ok installed\n")
    (lower / "var/lib/dpkg/triggers/File").write_text("/usr/share/fonts base/noawait\n/usr/share/icons base\n")
    deb = package(
        tmp_path / "tool.deb",
        [("usr/share/fonts/a.ttf", b"x")],
        scripts={"preinst": "", "triggers": "interest /usr/lib/tool\ninterest tool-changed\n"},
    )
    variables = debian.unpack_upon([deb], root, root, [lower])
    assert variables == {"PREINST": "tool:amd64", "FIRST": "", "TRIGGERS": "/usr/share/fonts"}
    status = (root / "var/lib/dpkg/status").read_text()
    assert status.startswith(
        "Package: base\nStatus: install ok installed\n\nPackage: tool\nStatus: install ok unpacked\n"
    )
    assert (root / "var/lib/dpkg/triggers/File").read_text().endswith("/usr/share/icons base\n/usr/lib/tool tool\n")
    assert (root / "var/lib/dpkg/triggers/tool-changed").read_text() == "tool\n"
    assert debian.installed([root, lower]) == {"base", "tool"}


def test_one_file_can_be_taken_out(tmp_path: Path) -> None:
    deb = package(tmp_path / "a.deb", [("usr/share/python-wheels/wheel-0.38-py3-none-any.whl", b"zip")])
    assert extract(deb, ".whl") == ("./usr/share/python-wheels/wheel-0.38-py3-none-any.whl", b"zip")
    with pytest.raises(FileNotFoundError, match="holds no"):
        extract(deb, ".jar")
    (tmp_path / "no.deb").write_bytes(b"PK")
    with pytest.raises(ValueError, match="not a Debian package"):
        extract(tmp_path / "no.deb", ".whl")
