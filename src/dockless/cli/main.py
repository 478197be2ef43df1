"""The `dockless` command's entry: answers `--version` at once and hands everything else to `app`."""

import gc
import os
import sys

from dockless import __version__


def main() -> None:
    """Exits with the command's status."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-v"]):
        sys.stdout.write(f"dockless version {__version__}\n")
        sys.exit(0)
    # What a command makes, it keeps until its end: the collector would look through all of it several times in vain.
    gc.set_threshold(100_000)
    status = _run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking the interpreter apart costs more than some commands do, and nothing waits for it: all files are closed,
    # and what threads still wait for is wanted no more.
    os._exit(status)


def _run(arguments: list[str]) -> int:
    from dockless.cli.light import lightly

    with lightly():
        import pathlib  # noqa: F401

        import msgspec  # noqa: F401
    if "config" in arguments:
        from dockless.cli.compose.quick_config import attempt

        if (status := attempt(arguments)) is not None:
            return status
    if "run" in arguments[:2]:
        from dockless.cli.docker.quick_run import attempt

        if (status := attempt(arguments)) is not None:
            return status
    with lightly():
        import click  # noqa: F401
    from dockless.cli.app import run

    return run(arguments)
