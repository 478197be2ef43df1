"""`up --menu` in a terminal: the line below the output, and what its keys do."""

import os
import pty
import select
import termios
import time
from collections.abc import Iterator

import pytest
from test_scenarios import Folder
from test_scenarios import folder as folder

STACK = """
    services:
      a:
        image: busybox
        command: sh -c 'mkdir -p /there; echo begun; exec sleep 1000'
        stop_signal: SIGKILL
        {more}
    """
WATCH = "develop: {watch: [{action: sync, path: ./src, target: /there}]}"


class Terminal:
    """A command on a terminal of its own; what it writes is gathered."""

    def __init__(self, command: list[str], folder: Folder) -> None:
        self.said = ""
        self.pid, self.keyboard = pty.fork()
        if self.pid == 0:
            os.chdir(folder.path)
            os.execvpe(command[0], command, folder.environment | {"TERM": "xterm"})

    def until(self, words: str, seconds: float = 60) -> None:
        """Waits for words after those that were waited for last."""
        deadline = time.monotonic() + seconds
        while words not in self.said:
            assert time.monotonic() < deadline, f"no {words!r} in {self.said!r}"
            if select.select([self.keyboard], [], [], 0.1)[0]:
                try:
                    data = os.read(self.keyboard, 65536)
                except OSError:
                    data = b""
                assert data, f"no {words!r}, and it has ended: {self.said!r}"
                self.said += data.decode("utf-8", "replace")
        self.said = self.said.partition(words)[2]

    def press(self, key: str) -> None:
        os.write(self.keyboard, key.encode())

    def end(self) -> int:
        """The exit status, after all has been read."""
        while True:
            try:
                if not (data := os.read(self.keyboard, 65536)):
                    break
            except OSError:
                break
            self.said += data.decode("utf-8", "replace")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.keyboard)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def stacked(folder: Folder) -> Iterator[Folder]:
    (folder.path / "src").mkdir()
    yield folder
    folder.run("down", "-t", "0")


def test_keys_watch_and_detach(stacked: Folder) -> None:
    stacked.write(STACK.format(more=WATCH))
    terminal = Terminal(stacked.command("up", "--menu"), stacked)
    terminal.until("begun")
    terminal.until("Enable Watch")
    assert not termios.tcgetattr(terminal.keyboard)[3] & termios.ECHO
    terminal.press("w")
    terminal.until("Watch enabled")
    terminal.until("Disable Watch")
    (stacked.path / "src" / "file").write_text("new\n")
    terminal.until("Syncing service")
    terminal.press("ww")
    terminal.until("Watch disabled")
    terminal.until("Watch enabled")
    terminal.press("\n")
    terminal.press("d")
    assert terminal.end() == 0
    assert terminal.said.endswith("\r\x1b[2K")
    assert [row["State"] for row in stacked.rows("compose", "ps")] == ["running"]
    assert stacked.ok("exec", "-T", "a", "cat", "/there/file") == "new\n"


def test_ctrl_c_stops_as_ever_and_a_watch_needs_rules(stacked: Folder) -> None:
    stacked.write(STACK.format(more=""))
    stacked.engine = stacked.engine | {"COMPOSE_MENU": "1"}
    terminal = Terminal(stacked.command("up", "-t", "0"), stacked)
    terminal.until("begun")
    terminal.until("Enable Watch")
    terminal.press("w")
    terminal.until("watch is not yet configured")
    terminal.press("\x03")
    assert terminal.end() == 130
    assert "Gracefully Stopping" in terminal.said
    assert stacked.rows("compose", "ps") == []


def test_without_a_terminal_there_is_no_menu(stacked: Folder) -> None:
    stacked.write("services: {a: {image: busybox, command: echo begun}}")
    done = stacked.run("up", "--menu")
    assert (done.returncode, "begun" in done.stdout, "Enable Watch" in done.stdout) == (0, True, False)
