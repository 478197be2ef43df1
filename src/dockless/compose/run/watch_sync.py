"""Carries files of this machine into running containers: what exists goes through the engine's archive, what is gone
is removed by `rm` inside."""

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from dockless.client.api import Client
from dockless.compose.run.observe import Existing
from dockless.compose.run.plan import Hook
from dockless.compose.run.watch_rules import Mapped, Rule
from dockless.wire.errors import ApiError
from dockless.wire.execs import ExecCreateRequest
from dockless.wire.times import parse_rfc3339

_CHUNK = 1 << 18
_IN_MEMORY = 8 << 20


class SyncError(Exception):
    """Files could not be put into a container, or a command in it failed."""


def sync(client: Client, containers: Iterable[Existing], paths: Iterable[Mapped]) -> None:
    """Brings each container to what the disk has under these paths. Raises `ApiError` and `SyncError`."""
    present: list[Mapped] = []
    gone: list[Mapped] = []
    for each in paths:
        (present if os.path.lexists(each.host) else gone).append(each)
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        if present:
            pack(file, present)
        for container in containers:
            if gone:
                _remove(client, container, gone)
            if present:
                file.seek(0)
                _put(client, container, file)


def _put(client: Client, container: Existing, file: IO[bytes]) -> None:
    try:
        client.containers.archive_put(container.id, path="/", content=_chunks(file), copy_uid_gid=True)
    except ApiError as error:
        raise SyncError(f"copying files to {container.name}: {error.message}") from error


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def _remove(client: Client, container: Existing, gone: list[Mapped]) -> None:
    # As root, as the archive is unpacked: the service's own user may not be allowed to. "/" is never removed.
    paths = tuple(each.container for each in gone if each.container != "/")
    if not paths or not container.running:
        return
    output: list[str] = []
    status = run_inside(client, container, Hook(("rm", "-rf", "--", *paths), user="0"), output.append)
    if status:
        raise SyncError(
            f"deleting paths in {container.name}: rm exited with status {status} {' '.join(output)}".rstrip()
        )


def run_inside(client: Client, container: Existing, command: Hook, line: Callable[[str], None]) -> int:
    """Runs a command in a container, gives each line of its output to `line`, and returns its exit status."""
    request = ExecCreateRequest(
        cmd=command.command,
        user=command.user,
        privileged=command.privileged,
        working_dir=command.working_dir,
        env=command.environment or None,
        attach_stdout=True,
        attach_stderr=True,
    )
    exec_id = client.execs.create(container.id, request)
    with client.execs.start(exec_id, tty=False) as stream:
        output = b"".join(data for _, data in stream)
    for text in output.decode(errors="replace").splitlines():
        line(text)
    return client.execs.inspect(exec_id).exit_code or 0


def pack(file: IO[bytes], paths: Iterable[Mapped]) -> None:
    """A tar of the paths, by their names in the container; a folder is its own entry, without what is in it."""
    with tarfile.open(fileobj=file, mode="w") as archive:
        for each in sorted(paths, key=lambda each: each.container):
            try:
                _entry(archive, each)
            except FileNotFoundError:
                continue  # gone since it was looked at: its removal is the next change


def _entry(archive: tarfile.TarFile, each: Mapped) -> None:
    found = os.lstat(each.host)
    member = tarfile.TarInfo(each.container.lstrip("/"))
    member.mode, member.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    if not member.name:
        return
    if stat.S_ISDIR(found.st_mode):
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif stat.S_ISLNK(found.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(each.host)
        archive.addfile(member)
    elif stat.S_ISREG(found.st_mode):
        with open(each.host, "rb") as content:  # noqa: PTH123
            data = content.read()  # whole: a file that grows meanwhile would not fit its header
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


def expanded(rules: list[Rule], changed: dict[str, bool]) -> Iterator[str]:
    """The changed paths; of a new folder also all that is in it, which may have been there before it was watched."""
    for path, is_new in changed.items():
        yield path
        if is_new and os.path.isdir(path) and not os.path.islink(path):
            yield from below(rules, path)


def below(rules: list[Rule], folder: str) -> Iterator[str]:
    """Everything under a folder, without what every rule ignores."""
    for path, folders, files in os.walk(folder):
        inner = [f"{path}/{name}" for name in folders]
        folders[:] = [each.rpartition("/")[2] for each in inner if any(rule.covers(each) for rule in rules)]
        yield from (f"{path}/{name}" for name in (*folders, *files))


def changed_since(rule: Rule, image_created: str) -> list[Mapped]:
    """`initial_sync`: the files under a rule that are younger than the image, which has the others already."""
    since = parse_rfc3339(image_created) if image_created else 0
    found = []
    for path in [rule.path, *below([rule], rule.path)]:
        mapped = rule.matches(path)
        if mapped is None:
            continue
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue  # named by the rule and not there yet, or gone since it was listed
        if not stat.S_ISDIR(status.st_mode) and status.st_mtime_ns >= since:
            found.append(mapped)
    return found
