"""Runs a command as a client of the engine under test would."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from own_engine import COMMAND as COMMAND

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def runner(command: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> Run:
    def run(*arguments: str, input: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *arguments], env=environ, cwd=folder, input=input, capture_output=True, text=True, timeout=180
        )

    return run
