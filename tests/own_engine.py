"""An engine of ours, served as a user serves it, and the image that most tests begin with."""

import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from dockless.places import Places

COMMAND = (sys.executable, "-P", "-m", "dockless.cli")
PATIENCE = 60.0  # seconds for an engine that is no longer needed to end by itself
APPLETS = """cat cut date df echo env false grep head hostname httpd id ip kill ls mkdir mknod mount nc ping ps rm sed
sh sleep stat stty tail test touch tr true unshare wc wget"""


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[str]:
    """The engine's address. It is kept up by `dockless serve`, and must go by itself once that has ended."""
    command = subprocess.Popen([*COMMAND, "serve"], env=environ, stdout=subprocess.PIPE, text=True, cwd="/")
    assert command.stdout is not None
    address = command.stdout.readline().strip().removeprefix("export DOCKER_HOST=")
    assert command.stdout.readline() == "export DOCKER_BUILDKIT=0\n"
    try:
        yield address
    finally:
        command.send_signal(signal.SIGINT)
        status = command.wait(PATIENCE)
        command.stdout.close()
    assert status == 0
    ended(environ)


def ended(environ: Mapping[str, str]) -> None:
    """Waits until the engine for that environment is gone; it holds a lock as long as it lives."""
    lock = os.open(Places.of(environ, os.geteuid()).engine_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PATIENCE
    try:
        while not _taken(lock):
            assert time.monotonic() < deadline, "the engine is still there: something was left running"
            time.sleep(0.05)
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def busybox_tree() -> bytes:
    """A tar of a root with nothing in it but a static busybox and its applets; skips where there is no busybox."""
    named = os.environ.get("DOCKLESS_TEST_BUSYBOX")
    busybox = Path(named or shutil.which("busybox", path=f"/bin:/usr/bin:{os.environ['PATH']}") or "/nowhere")
    if not busybox.exists():
        pytest.skip("needs a static busybox")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(os.path.realpath(busybox), arcname="bin/busybox")
        for applet in APPLETS.split():
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for folder in ("tmp", "etc", "root"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
    return buffer.getvalue()
