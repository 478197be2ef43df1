"""The `dockless` command's entry: answers `--version` at once and hands everything else to `app`."""

import gc
import io
import os
import sys

from dockless import __version__


def main() -> None:
    """Exits with the command's status."""
    _open_streams()
    arguments = sys.argv[1:]
    # What a command makes, it keeps until its end: the collector would look through all of it several times in vain.
    gc.set_threshold(100_000)
    try:
        status = _run(arguments)
    except BaseException as error:  # noqa: BLE001  (what the quick ways have not seen to)
        from dockless.cli.ending import end_of

        status = end_of(error)
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking the interpreter apart costs more than some commands do, and nothing waits for it: all files are closed,
    # and what threads still wait for is wanted no more.
    os._exit(status)


def _open_streams() -> None:
    """Whatever started us, 0 to 2 are open: else the first file or socket would be our output. What is printed is
    UTF-8 in every locale, as Docker's is; names of files that are no text go out as they came in.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _run(arguments: list[str]) -> int:
    if arguments in (["--version"], ["-v"]):
        sys.stdout.write(f"dockless version {__version__}\n")
        sys.stdout.flush()
        return 0
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
