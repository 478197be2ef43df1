"""Agents for a build's `RUN --mount=type=ssh`: the user's own, or one that is started here to hold keys of files."""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path


class AgentError(Exception):
    """No agent can be had for `name`; the message says why."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@contextmanager
def agents(wanted: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[dict[str, Path]]:
    """Agents' sockets by id; those that are started here end with the block.

    `wanted`: from an id to an agent's socket, to keys separated by commas, or to nothing (the user's agent). Raises
    `AgentError`.
    """
    with ExitStack() as stack:
        found = {}
        for name, said in wanted.items():
            paths = [path for path in said.split(",") if path] or [environ.get("SSH_AUTH_SOCK", "")]
            if not paths[0]:
                raise AgentError(name, f"no agent is running (SSH_AUTH_SOCK is not set); name a key: {name}=FILE")
            found[name] = _agent(name, [Path(path) for path in paths], stack.callback)
        yield found


def _agent(name: str, paths: list[Path], at_the_end: Callable[..., object]) -> Path:
    try:
        kinds = [(stat.S_ISSOCK(mode := path.stat().st_mode), stat.S_ISREG(mode)) for path in paths]
    except OSError as error:
        raise AgentError(name, f"{error.filename}: {error.strerror}") from error
    if kinds == [(True, False)]:
        return paths[0].absolute()
    if not all(is_file for _, is_file in kinds):
        strange = next(path for path, (_, is_file) in zip(paths, kinds, strict=True) if not is_file)
        raise AgentError(name, f"{strange} is no agent's socket and no key: name one agent's socket, or keys")
    if not shutil.which("ssh-agent") or not shutil.which("ssh-add"):
        raise AgentError(name, "keys need ssh-agent and ssh-add, which are not installed")
    folder = tempfile.mkdtemp(prefix="dockless-agent-")
    at_the_end(shutil.rmtree, folder)
    socket = Path(folder, "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    at_the_end(_end, agent)
    assert agent.stdout is not None
    agent.stdout.readline()  # it has said where it listens, so it does
    added = subprocess.run(
        ["ssh-add", *map(str, paths)],
        env={**os.environ, "SSH_AUTH_SOCK": str(socket)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if added.returncode:
        raise AgentError(name, added.stderr.strip())
    return socket


def _end(agent: "subprocess.Popen[bytes]") -> None:
    agent.terminate()
    agent.wait()
    if agent.stdout is not None:
        agent.stdout.close()
