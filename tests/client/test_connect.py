"""Finding the engine, and starting it where none runs: real processes with the fake engine in them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import fake_engine
import pytest

from dockless.client import ssh
from dockless.client.connect import connect
from dockless.client.endpoint import Endpoint, parse_host
from dockless.client.errors import EngineUnavailable
from dockless.client.tls import Tls, TlsOptions
from dockless.places import Places

FAKE = (fake_engine.__file__,)


class Root:
    """A root of its own, and the engine processes that were started for it."""

    def __init__(self, folder: Path) -> None:
        self.environ: Mapping[str, str] = {
            "DOCKLESS_ROOT": str(folder / "root"),
            "DOCKLESS_IDLE_SECONDS": "60",
            "PATH": os.environ["PATH"],
        }
        self.places = Places.of(self.environ, os.geteuid())
        self.places.root.mkdir()

    @property
    def started(self) -> list[int]:
        starts = self.places.root / "starts"
        return [int(line) for line in starts.read_text().split()] if starts.exists() else []

    def end(self, number: int = signal.SIGTERM) -> None:
        for pid in self.started:
            if alive(pid):
                os.kill(pid, number)
        for pid in self.started:
            until_gone(pid)


def alive(pid: int) -> bool:
    """A zombie is not: the machine's first process may be slow to care for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(")") + 2] != "Z"


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while alive(pid):
        assert time.monotonic() < deadline, f"{pid} does not end"
        time.sleep(0.01)


@pytest.fixture
def root() -> Iterator[Root]:
    folder = Path(tempfile.mkdtemp(prefix="dockless-connect-"))
    root = Root(folder)
    yield root
    root.end()
    shutil.rmtree(root.places.runtime, ignore_errors=True)
    shutil.rmtree(folder)


def test_an_engine_is_started_once_and_then_found(root: Root) -> None:
    with connect(root.environ, engine=FAKE) as first, connect(root.environ, engine=FAKE) as second:
        assert first.system.version().version == second.system.version().version == "0.0-fake"
    assert len(root.started) == 1


def test_the_engine_is_nobodys_child_and_its_socket_private(root: Root) -> None:
    with connect(root.environ, engine=FAKE):
        (pid,) = root.started
        stat = Path(f"/proc/{pid}/stat").read_text()
        assert int(stat[stat.rindex(")") + 2 :].split()[1]) != os.getpid()
        assert os.getsid(pid) != os.getsid(0)
        assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")
        assert root.places.engine_socket.stat().st_mode & 0o777 == 0o600
        assert root.places.runtime.stat().st_mode & 0o777 == 0o700
        descriptors = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)}
        assert descriptors == {"/dev/null", str(root.places.engine_log)}


def test_clients_that_come_at_once_share_one_engine(root: Root) -> None:
    code = (
        "import os, sys; from dockless.client.connect import connect\n"
        "print(connect(os.environ, engine=sys.argv[1:]).system.info().id)"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", code, *FAKE], env=root.environ, stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    assert [client.communicate(timeout=60)[0] for client in clients] == ["fake\n"] * 10
    assert len(root.started) == 1


def test_a_killed_engine_is_followed_by_another(root: Root) -> None:
    connect(root.environ, engine=FAKE).close()
    root.end(signal.SIGKILL)
    assert root.places.engine_socket.exists()
    with connect(root.environ, engine=FAKE) as client:
        assert client.system.info().id == "fake"
    assert len(root.started) == 2


def test_an_engine_whose_runtime_folder_was_swept_is_found_again(root: Root) -> None:
    with connect(root.environ, engine=FAKE):
        shutil.rmtree(root.places.runtime)
        with connect(root.environ, engine=FAKE) as client:
            assert client.system.info().id == "fake"
    assert len(root.started) == 1
    root.end()
    assert [path.name for path in root.places.runtime.iterdir()] == ["engine.lock"]


def test_an_engine_that_cannot_start_shows_why(root: Root) -> None:
    (root.places.root / "fail").touch()
    with pytest.raises(EngineUnavailable) as caught:
        connect(root.environ, engine=FAKE)
    assert "the state is on fire" in str(caught.value)
    assert str(root.places.engine_log) in str(caught.value)


def test_no_engine_is_started_where_none_is_wanted(root: Root) -> None:
    with pytest.raises(EngineUnavailable, match="no engine answers at unix://"):
        connect(root.environ, start=False, engine=FAKE)
    assert root.started == []


def test_without_root_no_engine_is_started_and_it_is_said(tmp_path: Path) -> None:
    environ = {"DOCKLESS_ROOT": str(tmp_path / "root"), "XDG_RUNTIME_DIR": str(tmp_path)}
    with pytest.raises(EngineUnavailable, match="need root so far, and this is user 1000: run the command as root"):
        connect(environ, uid=1000)
    assert list(tmp_path.iterdir()) == []


def test_an_idle_engine_ends_and_leaves_nothing(root: Root) -> None:
    environ = {**root.environ, "DOCKLESS_IDLE_SECONDS": "0.2"}
    with connect(environ, engine=FAKE) as client:
        (pid,) = root.started
        time.sleep(0.5)
        assert client.system.info().id == "fake"
    until_gone(pid)
    assert sorted(path.name for path in root.places.runtime.iterdir()) == ["engine.lock"]
    assert root.places.engine_log.read_text() == ""


def test_clients_never_meet_an_engine_that_is_going(root: Root) -> None:
    environ = {**root.environ, "DOCKLESS_IDLE_SECONDS": "0.01"}
    for turn in range(12):
        with connect(environ, engine=FAKE) as client:
            assert client.system.info().id == "fake"
        time.sleep(turn * 0.01)
    for pid in root.started:
        until_gone(pid)


def test_a_busy_engine_stays(root: Root) -> None:
    from dockless.wire.containers import ContainerCreateRequest

    environ = {**root.environ, "DOCKLESS_IDLE_SECONDS": "0.05"}
    with connect(environ, engine=FAKE) as client:
        client.containers.create("cat", ContainerCreateRequest(image="fake"))
        client.containers.start("cat")
    time.sleep(0.5)
    with connect(environ, engine=FAKE) as client:
        assert client.containers.inspect("cat").state.running
    assert len(root.started) == 1


def test_what_stands_in_the_users_folder_does_not_disturb_the_engine(root: Root, tmp_path: Path) -> None:
    (tmp_path / "asyncio.py").write_text("raise SystemExit('taken')")
    code = "import os, sys; from dockless.client.connect import connect; connect(os.environ, engine=sys.argv[1:])"
    run = subprocess.run([sys.executable, "-P", "-c", code, *FAKE], env=root.environ, cwd=tmp_path, timeout=30)
    assert run.returncode == 0


def test_a_second_engine_for_a_root_steps_back(root: Root) -> None:
    with connect(root.environ, engine=FAKE):
        again = subprocess.run(
            [sys.executable, *FAKE], env=root.environ, capture_output=True, text=True, timeout=30, check=False
        )
    assert again.returncode == 0
    assert "an engine runs already" in again.stderr


def test_docker_host_is_taken_at_its_word(served: "object") -> None:
    with connect({"DOCKER_HOST": served.host}) as client:  # type: ignore[attr-defined]
        assert client.system.info().id == "fake"
    with pytest.raises(EngineUnavailable, match="/nowhere/docker"):
        connect({"DOCKER_HOST": "unix:///nowhere/docker.sock"})


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("unix:///run/x.sock", Endpoint(path="/run/x.sock")),
        ("tcp://1.2.3.4:2375", Endpoint(host="1.2.3.4", port=2375)),
        ("tcp://[::1]:99/", Endpoint(host="::1", port=99)),
        ("tcp://box", Endpoint(host="box", port=2375)),
        ("http://box:80", Endpoint(host="box", port=80)),
        ("box:80", Endpoint(host="box", port=80)),
    ],
)
def test_docker_host_in_its_forms(text: str, endpoint: Endpoint) -> None:
    assert parse_host(text, {}) == endpoint


def test_tls_is_used_where_docker_uses_it(tmp_path: Path) -> None:
    ca, cert, key = (str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key"))
    environ = {"DOCKER_CERT_PATH": str(tmp_path)}
    assert parse_host("tcp://box", environ).tls is None
    with pytest.raises(EngineUnavailable, match=r"ca\.pem does not exist"):
        parse_host("tcp://box", environ | {"DOCKER_TLS_VERIFY": "1"})
    Path(ca).touch()
    assert parse_host("tcp://box", environ | {"DOCKER_TLS_VERIFY": "1"}).tls == Tls(ca)
    Path(cert).touch()
    with pytest.raises(EngineUnavailable, match="not the key to it"):
        parse_host("tcp://box", environ | {"DOCKER_TLS": "1"})
    Path(key).touch()
    found = parse_host("tcp://box", environ | {"DOCKER_TLS_VERIFY": "1"})
    assert (found.tls, found.port) == (Tls(ca, cert, key), 2376)
    assert parse_host("tcp://box", environ, options=TlsOptions(tls=True)).tls == Tls(ca, cert, key, verify=False)
    assert parse_host("unix:///x", environ | {"DOCKER_TLS_VERIFY": "1"}).tls is None
    with pytest.raises(EngineUnavailable, match="/none does not exist"):
        parse_host("tcp://box", environ, options=TlsOptions(tlsverify=True, tlskey="/none"))


def test_an_ssh_address_is_the_command_that_docker_runs() -> None:
    options = ("ssh", "-o", "ConnectTimeout=30", "-T")
    assert parse_host("ssh://box", {}) == Endpoint(ssh="ssh://box")
    assert ssh.command("ssh://box")[:-1] == (*options, "--", "box")
    assert ssh.command("ssh://me@box:2222")[:-1] == (*options, "-l", "me", "-p", "2222", "--", "box")
    assert "docker --host unix:///run/x.sock system dial-stdio" in ssh.command("ssh://box/run/x.sock")[-1]


@pytest.mark.parametrize("text", ["ssh://me:word@box", "ssh://-oProxyCommand=x", "ssh://box:port", "ssh:///x"])
def test_an_ssh_address_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(EngineUnavailable, match="cannot use"):
        parse_host(text, {})


@pytest.mark.parametrize("text", ["npipe:////./pipe/docker", "unix://", "tcp://box:port"])
def test_other_forms_of_docker_host_are_named(text: str) -> None:
    with pytest.raises(EngineUnavailable, match="DOCKER_HOST"):
        parse_host(text, {})
