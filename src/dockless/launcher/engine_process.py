"""The engine's own process, started again by the launcher while containers live: what to run, and how soon."""

import os
import signal

from dockless.linux import namespaces, prctl

_LONGEST_DELAY = 60.0
_STEADY = 10.0
"""Seconds after which an engine that was lost counts as one that had worked."""


class EngineProcess:
    """Known from the last engine's hello: its command and environment."""

    def __init__(self) -> None:
        self._argv: list[str] = []
        self._env: dict[str, str] = {}
        self._failures = 0

    @property
    def is_known(self) -> bool:
        return bool(self._argv)

    def introduced(self, argv: list[str], env: dict[str, str]) -> None:
        """The engine that is connected now says how it was started."""
        self._argv, self._env = argv, env

    def ran_for(self, seconds: float) -> None:
        """Its connection lasted so long: one that worked is started again at once."""
        if seconds >= _STEADY:
            self._failures = 0

    def delay(self) -> float:
        """Seconds to wait before the next start: none, then doubling from a tenth to a minute."""
        self._failures += 1
        return 0.0 if self._failures == 1 else min(_LONGEST_DELAY, 0.05 * 2 ** (self._failures - 1))

    def start(self) -> int:
        """Its pidfd. Raises OSError where the fork fails; a command that cannot be run ends with 127."""
        pid, pidfd = namespaces.clone()
        if pid == 0:
            try:
                os.setsid()
                os.chdir("/")
                for number in (signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                prctl.close_all_but({0, 1, 2})
                os.execve(self._argv[0], self._argv, self._env)
            except OSError as error:
                os.write(2, f"launcher: the engine cannot be started again: {error}\n".encode())
            finally:
                os._exit(127)
        return pidfd
