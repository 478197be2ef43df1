"""How a command ends that did not end well: one message on standard error, and an exit status as `docker`'s.

A fault of ours is a traceback in a log file, whose path is printed.
"""

import errno
import os
import sys
import traceback

import click

from dockless.cli.failure import Exit, Failure
from dockless.cli.output import note

_FAULT = 70  # EX_SOFTWARE


def end_of(error: BaseException) -> int:
    """Prints what there is to say and returns the exit status."""
    match error:
        case Exit():
            return error.status
        case Failure():
            return _say(error.message, error.status)
        case click.exceptions.Exit():
            return error.exit_code
        case click.UsageError():
            return _usage(error)
        case click.ClickException():
            return _say(error.format_message(), error.exit_code)
        case KeyboardInterrupt() | click.Abort():
            note("")
            return 130
        case BrokenPipeError():
            # Whoever read our output has left: what is still buffered has no reader either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG | errno.EIO, filename=None):
            # What is still buffered cannot be written any more than what was.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _say(f"the output cannot be written: {error.strerror}", 1)
        case FileNotFoundError(filename=None) if _is_adrift():
            return _say("the current folder is gone: change to one that is there", 1)
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
    return _expected(error) or _fault(error)


def _expected(error: BaseException) -> int:
    """A user's mistake or an engine's refusal: its exit status, or 0 for what is neither."""
    from dockless.client.config_file import ConfigError
    from dockless.client.errors import EngineLost, EngineUnavailable
    from dockless.wire.errors import ApiError

    if isinstance(error, (EngineUnavailable, ConfigError)):
        return _say(str(error), 1)
    if isinstance(error, EngineLost):
        return _say(f"lost the connection to the engine: {error}", 1)
    if isinstance(error, ApiError):
        return _say(f"Error response from daemon: {error.message.strip()}", 1)
    from dockless.compose.errors import ComposeError, NoConfigurationError

    if isinstance(error, NoConfigurationError):
        return _say(
            f"{error}\n  run this in a folder with a compose.yaml or docker-compose.yml, or name one with -f", 1
        )
    if isinstance(error, ComposeError):
        return _say(str(error), 1)
    from dockless.compose.run.actions import ConditionFailed
    from dockless.compose.run.image_options import ImageError
    from dockless.compose.run.mounts import MountError
    from dockless.compose.run.order import ProjectError

    if isinstance(error, ImageError):
        return _say(str(error), error.status)
    from dockless.client.build_caches import CacheError

    if isinstance(error, (ConditionFailed, ProjectError, MountError, CacheError)):
        return _say(str(error), 1)
    if isinstance(error, UnicodeError) and (odd := next((word for word in sys.argv[1:] if not _is_text(word)), None)):
        return _say(f"{odd.encode(errors='backslashreplace').decode()}: the engine takes names in UTF-8 only", 1)
    return 0


def _is_adrift() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _is_text(word: str) -> bool:
    """Bytes of an argument that are no UTF-8 are surrogates in it."""
    return not any(0xDC80 <= ord(character) <= 0xDCFF for character in word)


def _say(message: str, status: int) -> int:
    note(message)
    return status


def _usage(error: click.UsageError) -> int:
    """As `docker` words it; 125 for its commands, 1 for Compose's."""
    context = error.ctx
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        option = error.option_name
        message = f"unknown flag: {option}" if option.startswith("--") else f"unknown shorthand flag: {option}"
        if error.possibilities:
            message += f". Did you mean {sorted(error.possibilities)[0]!r}?"
    if context is None:
        return _say(message, 1)
    path = context.command_path
    usage = context.get_usage().removeprefix("Usage: ")
    note(f"{message}\n\nUsage:  {usage}\n\nRun '{path} --help' for more information")
    if isinstance(context.command, click.Group) and context.parent:
        return 1
    return 1 if context.command.callback and "dockless.cli.compose" in context.command.callback.__module__ else 125


def _fault(error: BaseException) -> int:
    """A fault of ours: the whole story goes to a file."""
    from dockless.places import Places

    folder = Places.of(os.environ, os.geteuid()).root
    path = folder / "cli.log"
    text = "".join(traceback.format_exception(error))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{' '.join(sys.argv)}\n{text}\n")
    except OSError as denied:
        return _say(f"{text}\ninternal error (and {path} cannot be written: {denied.strerror})", _FAULT)
    if os.environ.get("DOCKLESS_DEBUG"):
        note(text.rstrip())
    return _say(f"internal error: {type(error).__name__}: {error}\n  the traceback is in {path}", _FAULT)
