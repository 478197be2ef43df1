"""The instructions that only change the image's configuration: each takes the draft further and makes no layer.

A table from the instruction's type to its function. Values and lines of history are as Docker's builder writes them.
"""

import re
import signal
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dockless.build.draft import Draft
from dockless.build.goformat import duration, quoted, quoted_list
from dockless.dockerfile.model import (
    Arg,
    Cmd,
    CommandLine,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Shell,
    Stopsignal,
    User,
    Volume,
)
from dockless.dockerfile.words import expand, expand_words
from dockless.images.config import Healthcheck as ImageHealthcheck

_RANGE = r"(\d{1,5})(?:-(\d{1,5}))?"
_PORT = re.compile(rf"(?:(?:.*:)?{_RANGE}:)?{_RANGE}(?:/(tcp|udp|sctp)?)?", re.IGNORECASE)
_REALTIME = re.compile(r"RTM(?:IN(?:\+\d+)?|AX(?:-\d+)?)")


class BadValue(Exception):
    """An instruction whose expanded value means nothing."""


class Scope(msgspec.Struct, frozen=True):
    """What an instruction sees besides the draft: the file's escape character, `--build-arg`s, and the global ARGs."""

    escape: str
    given: Mapping[str, str]
    global_variables: Mapping[str, str]

    def expand(self, word: str, draft: Draft) -> str:
        return expand(word, draft.variables, escape=self.escape)


def is_metadata(instruction: Instruction) -> bool:
    return type(instruction) in _APPLY


def apply(instruction: Instruction, draft: Draft, scope: Scope) -> None:
    """Raises `BadValue`, `WordError`."""
    _APPLY[type(instruction)](instruction, draft, scope)


def _env(instruction: Env, draft: Draft, scope: Scope) -> None:
    # All values see the environment as it was before the instruction (reference: "Environment replacement").
    pairs = [(scope.expand(name, draft), scope.expand(value, draft)) for name, value in instruction.pairs]
    for name, value in pairs:
        draft.set_env(name, value)
    draft.add_history("ENV " + " ".join(f"{name}={value}" for name, value in pairs))


def _label(instruction: Label, draft: Draft, scope: Scope) -> None:
    pairs = [(scope.expand(name, draft), scope.expand(value, draft)) for name, value in instruction.pairs]
    draft.change(labels={**draft.config.labels, **dict(pairs)})
    draft.add_history("LABEL " + " ".join(f"{name}={value}" for name, value in pairs))


def _arg(instruction: Arg, draft: Draft, scope: Scope) -> None:
    """The value is that of the command line, or the default, or that of the global ARG of this name."""
    shown = []
    for name, default in instruction.pairs:
        value: str | None
        if name in scope.given:
            value = scope.given[name]
        elif default is not None:
            value = scope.expand(default, draft)
        else:
            value = scope.global_variables.get(name)
        draft.arguments[name] = value
        if value is not None:
            draft.variables[name] = value
        shown.append(name if value is None else f"{name}={value}")
    draft.add_history("ARG " + " ".join(shown))


def _maintainer(instruction: Maintainer, draft: Draft, _: Scope) -> None:
    draft.author = instruction.name
    draft.add_history(f"MAINTAINER {instruction.name}")


def _expose(instruction: Expose, draft: Draft, scope: Scope) -> None:
    words = [
        word for port in sorted(instruction.ports) for word in expand_words(port, draft.variables, escape=scope.escape)
    ]
    ports: dict[str, Any] = {port: {} for word in words for port in _ports(word)}
    draft.change(exposed_ports={**draft.config.exposed_ports, **ports})
    draft.add_history(f"EXPOSE [{' '.join(ports)}]")


def _volume(instruction: Volume, draft: Draft, scope: Scope) -> None:
    paths = [scope.expand(path, draft) for path in instruction.paths]
    if "" in paths:
        raise BadValue("VOLUME specified can not be an empty string")
    draft.change(volumes={**draft.config.volumes, **{path: {} for path in paths}})
    draft.add_history(f"VOLUME [{' '.join(paths)}]")


def _user(instruction: User, draft: Draft, scope: Scope) -> None:
    user = scope.expand(instruction.user, draft)
    draft.change(user=user)
    draft.add_history(f"USER {user}")


def _cmd(instruction: Cmd, draft: Draft, _: Scope) -> None:
    words = _words(instruction.command, draft)
    draft.change(cmd=words, args_escaped=True)
    draft.cmd_set = True
    draft.add_history(f"CMD {quoted_list(words)}")


def _entrypoint(instruction: Entrypoint, draft: Draft, _: Scope) -> None:
    words = _words(instruction.command, draft)
    draft.change(entrypoint=words or None)
    if not draft.cmd_set:
        # A CMD of the base belongs to the entrypoint of the base.
        draft.change(cmd=None)
    draft.add_history(f"ENTRYPOINT {quoted_list(words)}")


def _stopsignal(instruction: Stopsignal, draft: Draft, scope: Scope) -> None:
    name = scope.expand(instruction.signal, draft)
    if not is_signal(name):
        raise BadValue(f"Invalid signal: {name}")
    draft.change(stop_signal=name)
    draft.add_history(f"STOPSIGNAL {name}")


def _shell(instruction: Shell, draft: Draft, _: Scope) -> None:
    draft.change(shell=instruction.words)
    draft.add_history(f"SHELL [{' '.join(instruction.words)}]")


def _healthcheck(instruction: Healthcheck, draft: Draft, _: Scope) -> None:
    test: tuple[str, ...] = ("NONE",)
    if instruction.command is not None:
        test = ("CMD-SHELL" if instruction.command.shell else "CMD", *instruction.command.words)
    check = ImageHealthcheck(
        test=test,
        interval=instruction.interval,
        timeout=instruction.timeout,
        start_period=instruction.start_period,
        start_interval=instruction.start_interval,
        retries=instruction.retries,
    )
    draft.change(healthcheck=check)
    times = (check.interval, check.timeout, check.start_period, check.start_interval)
    shown = " ".join(quoted(duration(time)) for time in times)
    retries = quoted(chr(min(check.retries, 0x10FFFF)), "'")
    draft.add_history(f"HEALTHCHECK &{{{quoted_list(test)} {shown} {retries}}}")


def _onbuild(instruction: Onbuild, draft: Draft, _: Scope) -> None:
    draft.change(on_build=(*draft.config.on_build, instruction.trigger))


_APPLY: Mapping[type[Instruction], Callable[[Any, Draft, Scope], None]] = {
    Arg: _arg,
    Cmd: _cmd,
    Entrypoint: _entrypoint,
    Env: _env,
    Expose: _expose,
    Healthcheck: _healthcheck,
    Label: _label,
    Maintainer: _maintainer,
    Onbuild: _onbuild,
    Shell: _shell,
    Stopsignal: _stopsignal,
    User: _user,
    Volume: _volume,
}


def is_signal(name: str) -> bool:
    """Whether STOPSIGNAL may say so: a number (whether the kernel has it is the container's), or a name, with SIG
    or without."""
    if name.isascii() and name.isdigit():
        return int(name) > 0
    bare = name.upper().removeprefix("SIG")
    return f"SIG{bare}" in signal.Signals.__members__ or _REALTIME.fullmatch(bare) is not None


def _words(command: CommandLine, draft: Draft) -> tuple[str, ...]:
    return (*draft.shell, *command.words) if command.shell else command.words


def _ports(word: str) -> list[str]:
    """`80`, `80/udp`, `8000-8010`: each with its protocol. A port of the host is of no meaning, but must fit."""
    found = _PORT.fullmatch(word)
    if found is None:
        raise BadValue(f"Invalid containerPort: {word}")
    first, last = int(found[3]), int(found[4] or found[3])
    if not first <= last < 65536:
        raise BadValue(f"Invalid containerPort: {word}")
    if found[1] and last > first and int(found[2] or found[1]) - int(found[1]) != last - first:
        raise BadValue(f"Invalid containerPort: {word}: the ranges are not of the same length")
    return [f"{port}/{(found[5] or 'tcp').lower()}" for port in range(first, last + 1)]
