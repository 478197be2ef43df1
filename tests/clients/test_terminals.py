"""Terminals as a person uses them, through a pseudo-terminal: Docker's own command and ours, on our engine."""

import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping

import docker
import pytest
from client_commands import COMMAND

Client = docker.DockerClient


class Terminal:
    """A program at work on a terminal of its own."""

    def __init__(self, command: tuple[str, ...], environ: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        self.resize(24, 80)
        self.process = subprocess.Popen(
            command,
            env=environ,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.text = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, text: str) -> None:
        """Reads until `text` has come; what came up to it is done with."""
        wanted, deadline = text.encode(), time.monotonic() + 60
        while wanted not in self.text:
            assert time.monotonic() < deadline, f"waited for {text!r} in vain; there was {self.text!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                self.text += self._read()
        self.text = self.text.partition(wanted)[2]

    def status(self) -> int:
        """Of the program that ends; what it still writes is read."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end; there was {self.text!r}"
            if select.select([self._master], [], [], 0.05)[0]:
                self.text += self._read()
        return self.process.returncode

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 65536)
        except OSError:
            time.sleep(0.05)  # EIO: nobody has the other end any more
            return b""

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


Open = Callable[..., Terminal]


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.peer), "dockless"])
def terminal(request: pytest.FixtureRequest, environ: Mapping[str, str], host: str) -> Iterator[Open]:
    if request.param == "docker":
        found = shutil.which("docker")
        if found is None:
            pytest.skip("needs the docker command")
        program: tuple[str, ...] = (found,)
    else:
        program = COMMAND
    opened: list[Terminal] = []

    def open_(*arguments: str) -> Terminal:
        settings = {"DOCKER_HOST": host, "DOCKER_CLI_HINTS": "false", "TERM": "xterm"}
        opened.append(Terminal((*program, *arguments), {**environ, **settings}))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def test_a_shell_with_sizes_and_ctrl_c(terminal: Open, sdk: Client) -> None:
    shell = terminal("run", "-it", "--name", "shell", "busybox", "sh")
    shell.until("# ")
    shell.type("stty size; echo $TERM\r")
    shell.until("24 80\r\nxterm\r\n")
    shell.resize(31, 101)
    shell.until("# ")
    shell.type("until stty size | grep 31; do :; done\r")
    shell.until("31 101\r\n")
    shell.until("# ")
    shell.type("echo beg''un; sleep 1000; echo status $?\r")
    shell.until("begun\r\n")
    # Not before it sleeps: the shell itself takes no notice of Ctrl-C.
    while not any("sleep" in row[-1] for row in sdk.containers.get("shell").top()["Processes"]):
        pass
    shell.type("\x03")
    shell.until("# ")
    shell.type("echo still here; exit 7\r")
    shell.until("still here\r\n")
    assert shell.status() == 7
    assert sdk.containers.get("shell").attrs["State"]["ExitCode"] == 7


def test_detach_and_attach_again(terminal: Open, sdk: Client) -> None:
    first = terminal("run", "-it", "--name", "kept", "busybox", "sh")
    first.until("# ")
    first.type("\x10\x11")
    assert first.status() == 0
    assert sdk.containers.get("kept").status == "running"
    second = terminal("attach", "--detach-keys", "ctrl-a,x", "kept")
    second.type("echo on''ce more\r")
    second.until("once more\r\n")
    second.until("# ")
    second.type("\x10\x11echo these are not the ke''ys\r")
    second.until("the keys\r\n")
    second.type("\x01x")
    assert second.status() in (0, 1)  # Docker's own `attach` says "read escape sequence" and 1
    assert sdk.containers.get("kept").status == "running"
    third = terminal("attach", "kept")
    third.type("exit 3\r")
    assert third.status() == 3


def test_exec_on_a_terminal(terminal: Open, sdk: Client) -> None:
    container = sdk.containers.run("busybox", "sleep 1000", name="execs", detach=True, init=True)
    shell = terminal("exec", "-it", "execs", "sh")
    shell.until("# ")
    shell.type("stty size; tty\r")
    shell.until("24 80\r\n/dev/pts/")
    shell.resize(40, 132)
    shell.type("until stty size | grep 40; do :; done\r")
    shell.until("40 132\r\n")
    shell.type("exit 5\r")
    assert shell.status() == 5
    left = terminal("exec", "-it", "execs", "cat")
    left.type("typed\r")
    left.until("typed\r\ntyped\r\n")
    left.type("\x10\x11")
    assert left.status() in (0, 1)
    assert any("cat" in row[-1] for row in container.top()["Processes"])


def test_a_client_that_is_killed_leaves_the_container_as_it_is(terminal: Open, sdk: Client) -> None:
    first = terminal("run", "-it", "--name", "left", "busybox", "sh")
    first.until("# ")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    container = sdk.containers.get("left")
    assert container.status == "running"
    second = terminal("attach", "left")
    second.type("echo al''ive\r")
    second.until("alive\r\n")
    second.process.send_signal(signal.SIGKILL)
    second.process.wait()
    assert container.exec_run("echo fine").output == b"fine\n"
    container.stop(timeout=0)


def test_ctrl_c_without_a_terminal_inside_stops_the_program(terminal: Open, sdk: Client) -> None:
    run = terminal("run", "--name", "looping", "--init", "busybox", "sh", "-c", "echo begun; sleep 1000")
    run.until("begun")
    run.type("\x03")
    assert run.status() == 130
    assert sdk.containers.get("looping").attrs["State"]["Running"] is False


def test_end_of_input_ends_what_reads_it(terminal: Open) -> None:
    run = terminal("run", "-i", "--rm", "busybox", "cat")
    run.type("one line\r")
    run.until("one line\r\none line\r\n")
    run.type("\x04")
    assert run.status() == 0
