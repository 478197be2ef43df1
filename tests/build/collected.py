"""The collection of Dockerfiles, the context that they share, and images taken apart into what can be compared."""

import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import IO, Any

COLLECTION = Path(__file__).with_name("collection")
LONG_AGO = 1_500_000_000  # the time of all files of the context; what a step makes is younger
NAMES = sorted(path.stem for path in COLLECTION.glob("*.dockerfile"))
CHECKS = Path(__file__).with_name("checks")
CALLS = Path(__file__).with_name("calls") / "offers.dockerfile"
CALLED = [
    *(("--call=targets", f"--target={target}") for target in ("", "four", "nowhere")),
    *(("--call=outline", f"--target={target}") for target in ("", "one", "three", "four", "nowhere")),
    ("--call=outline,format=json", "--target=four"), ("--call=targets,format=json", "--target="),
    ("--call=outline", "--target=four", "--build-arg=Y=given", "--build-arg=A=9", "--build-arg=TRIG"),
]  # fmt: skip
CHECKED = sorted(path.stem for path in CHECKS.glob("*.dockerfile"))


def options(name: str, served: "Served | None" = None, folder: Path = COLLECTION) -> list[str]:
    found = tomllib.loads((folder / "options.toml").read_text()).get(name, [])
    places = served.places if served else {}
    return [Template(text).safe_substitute(places) for text in found]


@dataclass
class Served:
    """A repository and the context's files on ports of the loopback; in which network, `at` is told."""

    folder: Path
    context: Path
    commit: str
    git_port: int
    http_port: int
    held: list[socket.socket]

    @property
    def places(self) -> dict[str, str]:
        return {
            "GIT": f"git://127.0.0.1:{self.git_port}/repository.git",
            "HTTP": f"http://127.0.0.1:{self.http_port}",
            "COMMIT": self.commit,
        }

    @contextmanager
    def at(self, *prefix: str) -> Iterator[None]:
        """`prefix` is put before each command: `nsenter …`."""
        commands = (
            ["git", "daemon", f"--port={self.git_port}", "--listen=127.0.0.1", "--export-all", "--reuseaddr",
             f"--base-path={self.folder}"],
            [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(self.context),
             str(self.http_port)],
        )  # fmt: skip
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        servers = [subprocess.Popen([*prefix, *command], **quiet) for command in commands]  # type: ignore[call-overload]
        try:
            for port in (self.git_port, self.http_port):
                knock = f"import socket; socket.create_connection(('127.0.0.1', {port})).close()"
                deadline = time.monotonic() + 30
                while subprocess.run([*prefix, sys.executable, "-c", knock], capture_output=True).returncode:
                    assert time.monotonic() < deadline, f"nothing listens on port {port}"
                    time.sleep(0.1)
            yield
        finally:
            assert all(server.poll() is None for server in servers), "a port was taken"
            for server in servers:
                server.terminate()
                server.wait()


def make_served(folder: Path, context: Path) -> Served:
    """Two commits, a tag at the first and a branch at the second; the same ones each time."""
    repository = folder / "repository.git"
    repository.mkdir(parents=True)
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "a"), ("EMAIL", "a@b.example"), ("DATE", f"{LONG_AGO} +0000"))}  # fmt: skip

    def git(*arguments: str) -> str:
        environ = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        said = subprocess.check_output(["git", *arguments], cwd=repository, env=environ, text=True)
        return said.strip()

    git("init", "-q", "-b", "main")
    (repository / "sub/deep").mkdir(parents=True)
    for name, text in {
        "sub/file": "one\n", "sub/deep/x": "deep\n", "run": "#!/bin/sh\n", "README.md": "# r\n",
        ".dockerignore": "run\n", ".gitattributes": "*.md export-ignore\n",
    }.items():  # fmt: skip
        (repository / name).write_text(text)
    (repository / "run").chmod(0o755)
    (repository / "link").symlink_to("sub/file")
    git("add", ".")
    git("commit", "-qm", "one")
    git("tag", "-a", "v1", "-m", "v1")
    git("tag", "light")
    (repository / "sub/file").write_text("two\n")
    git("commit", "-qam", "two")
    git("branch", "feature")
    # Kept bound, so that nobody else on the machine gets the ports; the servers share the addresses with them.
    held = [socket.socket() for _ in range(2)]
    for one in held:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    return Served(folder, context, git("rev-parse", "v1^{commit}"), *ports, held)


def make_context(folder: Path) -> None:
    """Every kind of file that a context can hold, with times, permissions and attributes of its own."""
    folder.mkdir()
    for name, text in {
        "plain.txt": "plain\n", "with space.txt": "space\n", "other.txt": "other\n", "notes.md": "# notes\n",
        "secret.txt": "s3cret\n", "folder/a.conf": "a\n", "folder/b.conf": "b\n", "folder/long.conf": "long\n",
        "folder/nested/n.txt": "n\n", "folder/nested/deep/down.txt": "down\n", "modes/plain": "", "modes/run": "",
        "modes/suid": "", "modes/sgid": "", "modes/secret": "", "links/target": "target\n", "hard/one": "hard\n",
        "xattrs/file": "x", "dirs/closed/f": "f", "dirs/sticky/f": "f", "dirs/open/f": "f",
    }.items():  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    for path in (path for path in folder.rglob("*") if path.is_dir()):
        path.chmod(0o755)
    for name, mode in {"run": 0o755, "suid": 0o4755, "sgid": 0o2755, "secret": 0o400}.items():
        (folder / "modes" / name).chmod(mode)
    for name, mode in {"closed": 0o700, "sticky": 0o1777, "open": 0o775}.items():
        (folder / "dirs" / name).chmod(mode)
    (folder / "links/to-file").symlink_to("target")
    (folder / "links/to-dir").symlink_to("../folder")
    (folder / "links/away").symlink_to("/etc/passwd")
    (folder / "links/dangling").symlink_to("nowhere")
    os.link(folder / "hard/one", folder / "hard/two")
    os.setxattr(folder / "xattrs/file", "user.comment", b"said")
    # cap_net_bind_service=ep, as setcap writes it
    os.setxattr(folder / "xattrs/file", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
    (folder / "empty").mkdir()
    os.mkfifo(folder / "links/pipe")
    _archives(folder)
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    os.utime(folder, (LONG_AGO, LONG_AGO))


def _archives(folder: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, mode, uid, content in (
            ("tree", tarfile.DIRTYPE, 0o750, 7, b""),
            ("tree/file.txt", tarfile.REGTYPE, 0o640, 7, b"archived\n"),
            ("tree/run", tarfile.REGTYPE, 0o4755, 0, b"#!/bin/sh\n"),
            ("tree/hard", tarfile.LNKTYPE, 0o640, 7, b"tree/file.txt"),
            ("tree/link", tarfile.SYMTYPE, 0o777, 7, b"file.txt"),
            ("lone", tarfile.REGTYPE, 0o600, 1000, b"lone\n"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid, member.gid, member.mtime = kind, mode, uid, uid, LONG_AGO
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content.decode()
                archive.addfile(member)
    data = plain.getvalue()
    (folder / "tree.tar").write_bytes(data)
    (folder / "tree.tar.gz").write_bytes(gzip.compress(data, mtime=0))
    for suffix, tool in (("bz2", "bzip2"), ("xz", "xz")):
        if shutil.which(tool):
            done = subprocess.run([tool, "-c"], input=data, capture_output=True, check=True)
            (folder / f"tree.tar.{suffix}").write_bytes(done.stdout)


def make_base(archive: Path, busybox: Path) -> None:
    """The files of the image `tiny`, which all of the collection stands on."""
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(archive, "w") as tar:
        for name, mode in (
            ("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("home", 0o755), ("dev", 0o755),
            ("proc", 0o555), ("sys", 0o555), ("run", 0o755),
        ):  # fmt: skip
            _add(tar, name, tarfile.DIRTYPE, mode)
        _add(tar, "bin/busybox", tarfile.REGTYPE, 0o755, busybox.read_bytes())
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", tarfile.SYMTYPE, 0o777, b"busybox")
        _add(tar, "link", tarfile.SYMTYPE, 0o777, b"/etc")
        passwd = b"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
        _add(tar, "etc/passwd", tarfile.REGTYPE, 0o644, passwd)
        _add(tar, "etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\nweb:x:1001:\nstaff:x:50:web\nnobody:x:65534:\n")


def _add(tar: tarfile.TarFile, name: str, kind: bytes, mode: int, content: bytes = b"") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, LONG_AGO
    if kind == tarfile.SYMTYPE:
        member.linkname = content.decode()
        content = b""
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


@dataclass
class Taken:
    """An image taken apart: `config` as the archive has it, `files` by name, each described as one line."""

    config: dict[str, Any]
    files: dict[str, str]


def take_apart(archive: Path) -> dict[str, Taken]:
    """The images of an archive of `docker save`, by their names without a tag."""
    with tarfile.open(archive) as saved:
        members = {member.name: member for member in saved.getmembers()}

        def blob(name: str) -> IO[bytes]:
            member = members[name]
            while member.issym() or member.islnk():
                member = members[os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))]
            found = saved.extractfile(member)
            assert found is not None
            return found

        cached: dict[str, list[tuple[str, str | None]]] = {}
        found = {}
        for entry in json.load(blob("manifest.json")):
            files: dict[str, str] = {}
            for layer in entry["Layers"]:
                if layer not in cached:
                    cached[layer] = list(_layer(blob(layer)))
                _apply(files, cached[layer])
            for tag in entry["RepoTags"] or ():
                found[tag.removesuffix(":latest")] = Taken(
                    json.load(blob(entry["Config"])), dict(sorted(files.items()))
                )
        return found


def take_index(archive: Path) -> dict[str, Taken]:
    """The images of the one index in an OCI layout, by their platforms, in the index's order."""
    with tarfile.open(archive) as layout:

        def blob(descriptor: dict[str, Any]) -> IO[bytes]:
            found = layout.extractfile(f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}")
            assert found is not None
            return found

        top = layout.extractfile("index.json")
        assert top is not None
        (index,) = json.load(top)["manifests"]
        images = {}
        for entry in json.load(blob(index))["manifests"]:
            manifest = json.load(blob(entry))
            files: dict[str, str] = {}
            for layer in manifest["layers"]:
                _apply(files, list(_layer(blob(layer))))
            platform = "/".join(filter(None, map(entry["platform"].get, ("os", "architecture", "variant"))))
            images[platform] = Taken(json.load(blob(manifest["config"])), dict(sorted(files.items())))
        return images


def comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Without what is a time or a digest, and without what is empty, which some write and some leave out."""
    found = {key: value for key, value in config.items() if key not in ("created", "history", "rootfs", "config")}
    inner = {
        key: value for key, value in (config.get("config") or {}).items() if value not in (None, "", [], {}, False)
    }
    return found | {"config": inner, "layers": len(config["rootfs"]["diff_ids"])}


def history(config: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [
        (line.get("created_by", ""), line.get("comment", ""), line.get("empty_layer", False))
        for line in config["history"]
    ]


def _layer(source: IO[bytes]) -> Iterator[tuple[str, str | None]]:
    """Names with descriptions, None where the name is taken away; opaque folders as `name/`."""
    described: dict[str, str] = {}
    with tarfile.open(fileobj=source) as layer:
        for member in layer:
            name = member.name.strip("/").removeprefix("./")
            folder, _, last = name.rpartition("/")
            if last == ".wh..wh..opq":
                yield folder + "/", None
            elif last.startswith(".wh."):
                yield os.path.join(folder, last.removeprefix(".wh.")), None
            elif name not in ("", "."):
                if member.islnk():
                    described[name] = described[member.linkname.strip("/").removeprefix("./")]
                else:
                    described[name] = _describe(layer, member)
                yield name, described[name]


def _describe(layer: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    kind = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.FIFOTYPE: "p", tarfile.CHRTYPE: "c"}.get(
        member.type, "f"
    )
    parts = [kind, f"{stat.S_IMODE(member.mode):o}", f"{member.uid}:{member.gid}"]
    if kind == "l":
        parts.append(f"-> {member.linkname}")
    if kind == "f":
        content = layer.extractfile(member)
        assert content is not None
        data = content.read()
        parts.append(repr(data) if len(data) < 200 else hashlib.sha256(data).hexdigest())
    if int(member.mtime) == LONG_AGO and kind != "d":
        parts.append("old")
    parts += sorted(
        f"{key.removeprefix('SCHILY.xattr.')}={value!r}"
        for key, value in member.pax_headers.items()
        if key.startswith("SCHILY.xattr.")
    )
    return " ".join(parts)


def _apply(files: dict[str, str], layer: list[tuple[str, str | None]]) -> None:
    for name, described in layer:
        if described is None:
            base = name.rstrip("/")
            for below in [each for each in files if each.startswith(base + "/") or (each == base and base == name)]:
                del files[below]
    for name, described in layer:
        if described is None:
            continue
        if name in files and files[name].startswith("d") and not described.startswith("d"):
            for below in [each for each in files if each.startswith(name + "/")]:
                del files[below]
        files[name] = described
