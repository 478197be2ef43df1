"""An engine elsewhere: by TLS with certificates of both sides, and behind ssh."""

import contextlib
import os
import select
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from client_commands import COMMAND, Run, runner

DOCKERS = shutil.which("docker")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, cert.pem and key.pem: one certificate for all, which vouches for itself."""
    folder = tmp_path_factory.mktemp("certificates")
    words = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=engine"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"),
    ]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    return folder


def serve_tls(listener: socket.socket, context: ssl.SSLContext, engine: str) -> None:
    """The other end of TLS is openssl's own state machine, as with any server; behind it is the engine's socket."""
    while True:
        try:
            connected, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=one_connection, args=(connected, context, engine), daemon=True).start()


def one_connection(connected: socket.socket, context: ssl.SSLContext, engine: str) -> None:
    try:
        secured = context.wrap_socket(connected, server_side=True)
    except OSError:
        return
    behind = socket.socket(socket.AF_UNIX)
    behind.connect(engine)
    with secured, behind, contextlib.suppress(OSError):
        carry_both_ways(secured, behind)


def carry_both_ways(secured: ssl.SSLSocket, behind: socket.socket) -> None:
    """By turns, in one thread: OpenSSL's connections are not made for two at once."""
    secured.setblocking(False)
    behind.setblocking(False)
    to_engine: bytes | None = b""  # None: the client has said all
    to_client = b""
    answering = True
    while answering or to_client:
        if to_engine == b"" and (got := received(secured)) is not None:
            to_engine = got or None
            if not got:
                behind.shutdown(socket.SHUT_WR)
        if answering and not to_client and (got := received(behind)) is not None:
            to_client, answering = got, bool(got)
        if to_engine:
            to_engine = to_engine[sent(behind, to_engine) :]
        if to_client:
            to_client = to_client[sent(secured, to_client) :]
        waiting_in = [*([secured] if to_engine == b"" else []), *([behind] if answering and not to_client else [])]
        waiting_out = [*([behind] if to_engine else []), *([secured] if to_client else [])]
        if (answering or to_client) and not (to_engine == b"" and secured.pending()):
            select.select(waiting_in, waiting_out, [])
    secured.setblocking(True)
    secured.unwrap()


def received(end: socket.socket) -> bytes | None:
    """None where nothing is there yet; nothing at the end."""
    try:
        return end.recv(1 << 16)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def sent(end: socket.socket, data: bytes) -> int:
    try:
        return end.send(data)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return 0


@pytest.fixture(scope="module")
def address(host: str, certificates: Path) -> Iterator[str]:
    """host:port of the engine, for those who show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_tls, args=(listener, context, host.removeprefix("unix://")), daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def remote(environ: Mapping[str, str], folder: Path, **more: str) -> Run:
    return runner(COMMAND, {**environ, **more}, folder)


def test_an_engine_is_reached_by_tls_as_the_environment_says(
    environ: Mapping[str, str], certificates: Path, address: str, tmp_path: Path
) -> None:
    settings = {"DOCKER_HOST": f"tcp://{address}", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    run = remote(environ, tmp_path, **settings)
    done = run("run", "--rm", "busybox", "echo", "by tls")
    assert (done.returncode, done.stdout) == (0, "by tls\n"), done.stderr
    # Standard input ends while output still goes on, and is larger than any buffer.
    much = "".join(f"{number}\n" for number in range(200_000))
    for _ in range(6):  # whether all of both ways comes through was once a matter of chance
        assert run("run", "--rm", "-i", "busybox", "cat", input=much).stdout == much
    assert (
        run("run", "--rm", "-i", "busybox", "sh", "-c", "cat >/dev/null; sleep 0.3; echo end", input="x").stdout
        == "end\n"
    )


def test_the_options_name_the_files(
    environ: Mapping[str, str], certificates: Path, address: str, tmp_path: Path
) -> None:
    run = remote(environ, tmp_path)
    files = [f"--tls{kind}={certificates / kind}.pem" for kind in ("cert", "key")]
    trusted = [f"--tlscacert={certificates / 'ca'}.pem", *files]
    ask = ("version", "--format", "{{.Server.Os}}")
    assert run("-H", f"tcp://{address}", "--tlsverify", *trusted, *ask).stdout == "linux\n"
    assert run("-H", f"tcp://{address}", "--tls", *files, *ask).stdout == "linux\n"
    unknown = run("-H", f"tcp://{address}", "--tls", *ask)
    assert unknown.returncode == 1 and f"tcp://{address}" in unknown.stderr, unknown.stderr
    other = run("-H", f"tcp://{address.replace('127.0.0.1', 'localhost')}", "--tlsverify", *trusted, *ask)
    assert other.returncode == 1 and "certificate verify failed" in other.stderr, other.stderr
    missing = run("-H", f"tcp://{address}", "--tlsverify", "--tlscacert", "/none", *ask)
    assert missing.returncode == 1 and "/none does not exist" in missing.stderr


@pytest.mark.peer
def test_a_context_of_dockers_brings_its_certificates(
    environ: Mapping[str, str], certificates: Path, address: str, tmp_path: Path
) -> None:
    if DOCKERS is None:
        pytest.skip("needs the docker command")
    files = ",".join(f"{name}={certificates / name}.pem" for name in ("ca", "cert", "key"))
    own = {**environ, "DOCKER_CONFIG": str(tmp_path / "config")}
    create = [DOCKERS, "context", "create", "there", "--docker", f"host=tcp://{address},{files}"]
    subprocess.run(create, env=own, check=True, capture_output=True)
    run = runner(COMMAND, own, tmp_path)
    ask = ("version", "--format", "{{.Server.Os}}")
    assert run("-c", "there", *ask).stdout == "linux\n"
    assert runner(COMMAND, {**own, "DOCKER_CONTEXT": "there"}, tmp_path)(*ask).stdout == "linux\n"
    assert "conflicting options" in run("-c", "there", "-H", "tcp://127.0.0.1:1", *ask).stderr


@pytest.fixture
def behind_ssh(environ: Mapping[str, str], host: str, tmp_path: Path) -> Mapping[str, str]:
    """An `ssh` that goes nowhere: it notes its arguments, and a shell runs the command with only dockless at hand."""
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
    write_program(there / "dockless", f'exec {sys.executable} -P -m dockless.cli "$@"')
    run_there = f'unset DOCKER_HOST; PATH={there} exec /bin/sh -c "$*"'
    take_words = 'while [ "$1" != -- ]; do shift; done; shift 2'
    write_program(here / "ssh", f'echo "$@" >>{tmp_path}/asked; {take_words}; {run_there}')
    return {**environ, "PATH": f"{here}:{os.environ['PATH']}"}


def write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_an_engine_is_reached_by_ssh(behind_ssh: Mapping[str, str], tmp_path: Path) -> None:
    run = runner(COMMAND, {**behind_ssh, "DOCKER_HOST": "ssh://me@box:2222"}, tmp_path)
    done = run("run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo by ssh", input="in ")
    assert (done.returncode, done.stdout) == (0, "in by ssh\n"), done.stderr
    assert "-l me -p 2222 -- box" in (tmp_path / "asked").read_text()


@pytest.mark.peer
def test_dockers_command_reaches_our_engine_by_ssh(behind_ssh: Mapping[str, str], tmp_path: Path) -> None:
    """It asks for `docker system dial-stdio` there, where docker is another name of dockless."""
    if DOCKERS is None:
        pytest.skip("needs the docker command")
    (tmp_path / "there" / "docker").symlink_to("dockless")
    run = runner((DOCKERS,), {**behind_ssh, "DOCKER_HOST": "ssh://box"}, tmp_path)
    done = run("run", "--rm", "-i", "busybox", "cat", input="there and back")
    assert (done.returncode, done.stdout) == (0, "there and back"), done.stderr


def test_an_ssh_that_fails_says_so(environ: Mapping[str, str], tmp_path: Path) -> None:
    write_program(tmp_path / "ssh", "echo 'box: no route to host' >&2; exit 255")
    run = runner(COMMAND, {**environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_HOST": "ssh://box"}, tmp_path)
    done = run("ps")
    assert done.returncode == 1
    assert "no route to host" in done.stderr and "ssh://box" in done.stderr
