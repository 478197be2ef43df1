"""Text of a Dockerfile → `Dockerfile`: each logical line becomes one typed instruction of a stage.

A table maps each keyword to the function that reads its arguments. Words stay unexpanded. The language is that of the
Dockerfile reference for syntax 1.x stable.
"""

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dockless.dockerfile import flags
from dockless.dockerfile.durations import parse_duration
from dockless.dockerfile.errors import DockerfileError, Position
from dockless.dockerfile.flags import FlagError, Flags
from dockless.dockerfile.model import (
    Add,
    Arg,
    Cmd,
    CommandLine,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Heredoc,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stage,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from dockless.dockerfile.mounts import MountError, parse_mount
from dockless.dockerfile.source import LogicalLine, heredoc_of, read_source
from dockless.dockerfile.words import WordError, first_blank, split_blanks, split_words

_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
_SHORTEST = 1_000_000  # nanoseconds; Docker's least interval of a health check
_HEALTH_FLAGS = dict.fromkeys(("interval", "timeout", "start-period", "start-interval", "retries"), "text")
_TAKES_HEREDOCS = ("ADD", "COPY", "RUN")


class _Wrong(Exception):
    """A mistake in one instruction, before its place is known."""


def parse(text: str, *, name: str = "Dockerfile") -> Dockerfile:
    """Reads a whole Dockerfile; `name` is how messages call it. Raises `DockerfileError` for the first mistake."""
    source = read_source(text, name, _takes_heredocs)
    arguments: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for line in source.lines:
        instruction = _located(line, source.escape, name, text)
        if isinstance(instruction, From):
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            arguments.append(instruction)
        else:
            message = f"no build stage in current context: {instruction.keyword} stands before the first FROM"
            raise DockerfileError(message, name=name, position=instruction.position, text=text)
    if not source.lines:
        raise DockerfileError("the Dockerfile holds no instructions", name=name)
    if not stages:
        raise DockerfileError("no FROM instruction", name=name)
    return Dockerfile(
        name=name,
        text=text,
        stages=tuple(Stage(index, first, tuple(rest)) for index, (first, rest) in enumerate(stages)),
        arguments=tuple(arguments),
        escape=source.escape,
        directives=MappingProxyType(source.directives),
        empty_continuations=source.empty_continuations,
    )


def parse_trigger(trigger: str) -> Instruction:
    """One instruction by itself, as an image's `OnBuild` keeps it. Raises `DockerfileError`."""
    name = "ONBUILD trigger"
    source = read_source(trigger, name, _takes_heredocs)
    if len(source.lines) != 1:
        raise DockerfileError("an ONBUILD trigger must be a single instruction", name=name, text=trigger)
    return _located(source.lines[0], source.escape, name, trigger)


def _located(line: LogicalLine, escape: str, name: str, text: str) -> Instruction:
    try:
        return _instruction(line, escape)
    except (_Wrong, FlagError, MountError, WordError, ValueError) as error:
        raise DockerfileError(str(error), name=name, position=line.position, text=text) from error


class _Line:
    """One instruction while it is read."""

    def __init__(self, line: LogicalLine, escape: str) -> None:
        self.keyword, rest = _keyword(line.text)
        self.escape = escape
        self.heredocs = line.heredocs
        self.found, self.rest = flags.split_flags(rest)
        self.common: dict[str, Any] = {
            "keyword": self.keyword,
            "original": line.text.strip(),
            "position": line.position,
            "heredocs": line.heredocs,
            "comments": line.comments,
        }

    def flags(self, **kinds: str) -> Flags:
        return flags.read_flags(self.found, kinds, self.keyword)

    def words(self) -> list[str]:
        """JSON array or words between blanks."""
        found = _json_words(self.rest)
        return split_blanks(self.rest) if found is None else found

    def command(self) -> CommandLine:
        found = _json_words(self.rest)
        if found is None:
            return CommandLine((self.rest,), shell=True)
        return CommandLine(tuple(found), shell=False)

    def one(self) -> str:
        if not self.rest:
            raise _Wrong(f"{self.keyword} requires exactly one argument")
        self.flags()
        return self.rest

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The `name=value …` form, or the old `name value` form, which takes the rest of the line."""
        self.flags()
        words = split_words(self.rest, self.escape)
        if not words:
            raise _Wrong(f"{self.keyword} requires at least one argument")
        if "=" not in words[0]:
            old = first_blank(self.rest)
            if old is None:
                raise _Wrong(f"{self.keyword} must have two arguments")
            return (old,)
        pairs = []
        for word in words:
            key, equals, value = word.partition("=")
            if not equals:
                raise _Wrong(f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value')
            if not key:
                raise _Wrong(f"{self.keyword} names can not be blank")
            pairs.append((key, value))
        return tuple(pairs)

    def sources(self) -> tuple[tuple[str, ...], tuple[Heredoc, ...], str]:
        """Paths, here-documents and destination of COPY and ADD."""
        words = self.words()
        if len(words) < 2:
            count = "only one was" if words else "none was"
            raise _Wrong(
                f"{self.keyword} requires at least two arguments, but {count} provided."
                " Destination could not be determined"
            )
        *sources, destination = words
        by_name = {document.name: document for document in self.heredocs}
        if _opens(destination, by_name):
            raise _Wrong(f"{self.keyword} cannot accept a heredoc as a destination")
        documents = [_opens(word, by_name) for word in sources]
        paths = tuple(word for word, document in zip(sources, documents, strict=True) if document is None)
        return paths, tuple(document for document in documents if document is not None), destination


def _instruction(line: LogicalLine, escape: str) -> Instruction:
    read = _Line(line, escape)
    reader = _READERS.get(read.keyword)
    if reader is None:
        import difflib

        near = difflib.get_close_matches(read.keyword, _READERS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise _Wrong(f"unknown instruction: {read.keyword}{hint}")
    return reader(read)


def _from(line: _Line) -> From:
    found = line.flags(platform="text")
    words = split_blanks(line.rest)
    if len(words) == 1:
        return From(base=words[0], platform=found.text("platform"), **line.common)
    if len(words) != 3 or words[1].lower() != "as":
        raise _Wrong("FROM requires either one or three arguments")
    name = words[2].lower()
    if not _STAGE_NAME.fullmatch(name):
        raise _Wrong(f'invalid name for build stage: "{words[2]}", name can\'t start with a number or contain symbols')
    return From(base=words[0], stage_name=name, platform=found.text("platform"), **line.common)


def _run(line: _Line) -> Run:
    found = line.flags(mount="many", network="text", security="text", device="many")
    network = _choice("network", found.text("network"), ("default", "none", "host"))
    security = _choice("security", found.text("security"), ("sandbox", "insecure"))
    mounts = found.many("mount")
    for mount in mounts:
        if "$" not in mount:
            parse_mount(mount, str)
    command = line.command()
    if not command.words:
        raise _Wrong("RUN requires at least one argument")
    return Run(
        command=command,
        mounts=mounts,
        network=network,
        security=security,
        devices=found.many("device"),
        **line.common,
    )


def _copy(line: _Line) -> Copy:
    found = line.flags(
        **{"from": "text", "chown": "text", "chmod": "text", "link": "yes", "parents": "yes", "exclude": "many"}
    )
    if re.search(r"\$.", found.text("from")):
        raise _Wrong(
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope"
            " as a workaround"
        )
    sources, documents, destination = line.sources()
    return Copy(
        sources=sources,
        documents=documents,
        destination=destination,
        from_=found.text("from"),
        chown=found.text("chown"),
        chmod=found.text("chmod"),
        link=bool(found.yes("link")),
        parents=bool(found.yes("parents")),
        exclude=found.many("exclude"),
        **line.common,
    )


def _add(line: _Line) -> Add:
    found = line.flags(
        **{
            "chown": "text",
            "chmod": "text",
            "link": "yes",
            "checksum": "text",
            "keep-git-dir": "yes",
            "unpack": "yes",
            "exclude": "many",
        }
    )
    sources, documents, destination = line.sources()
    return Add(
        sources=sources,
        documents=documents,
        destination=destination,
        chown=found.text("chown"),
        chmod=found.text("chmod"),
        link=bool(found.yes("link")),
        checksum=found.text("checksum"),
        keep_git_dir=bool(found.yes("keep-git-dir")),
        unpack=found.yes("unpack"),
        exclude=found.many("exclude"),
        **line.common,
    )


def _env(line: _Line) -> Env:
    return Env(pairs=line.pairs(), **line.common)


def _label(line: _Line) -> Label:
    return Label(pairs=line.pairs(), **line.common)


def _arg(line: _Line) -> Arg:
    line.flags()
    words = split_words(line.rest, line.escape)
    if not words:
        raise _Wrong("ARG requires at least one argument")
    pairs: list[tuple[str, str | None]] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not key:
            raise _Wrong("ARG names can not be blank")
        pairs.append((key, value if equals else None))
    return Arg(pairs=tuple(pairs), **line.common)


def _expose(line: _Line) -> Expose:
    line.flags()
    ports = split_blanks(line.rest)
    if not ports:
        raise _Wrong("EXPOSE requires at least one argument")
    return Expose(ports=tuple(ports), **line.common)


def _volume(line: _Line) -> Volume:
    line.flags()
    paths = [word.strip() for word in line.words()]
    if not paths:
        raise _Wrong("VOLUME requires at least one argument")
    if "" in paths:
        raise _Wrong("VOLUME specified can not be an empty string")
    return Volume(paths=tuple(paths), **line.common)


def _user(line: _Line) -> User:
    return User(user=line.one(), **line.common)


def _workdir(line: _Line) -> Workdir:
    return Workdir(path=line.one(), **line.common)


def _cmd(line: _Line) -> Cmd:
    line.flags()
    return Cmd(command=line.command(), **line.common)


def _entrypoint(line: _Line) -> Entrypoint:
    line.flags()
    command = line.command()
    return Entrypoint(command=command if any(command.words) else CommandLine((), shell=False), **line.common)


def _stopsignal(line: _Line) -> Stopsignal:
    return Stopsignal(signal=line.one(), **line.common)


def _healthcheck(line: _Line) -> Healthcheck:
    kind, _, rest = line.rest.replace("\t", " ").partition(" ") if line.rest else ("", "", "")
    if not kind:
        raise _Wrong("HEALTHCHECK requires at least one argument")
    rest = line.rest[len(kind) :].strip()
    if kind.upper() == "NONE":
        if rest:
            raise _Wrong("HEALTHCHECK NONE takes no arguments")
        line.flags(**_HEALTH_FLAGS)
        return Healthcheck(command=None, **line.common)
    if kind.upper() != "CMD":
        raise _Wrong(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
    found = line.flags(**_HEALTH_FLAGS)
    words = _json_words(rest)
    if not (rest if words is None else words):
        raise _Wrong("Missing command after HEALTHCHECK CMD")
    return Healthcheck(
        command=CommandLine((rest,), shell=True) if words is None else CommandLine(tuple(words), shell=False),
        interval=_interval(found, "interval"),
        timeout=_interval(found, "timeout"),
        start_period=_interval(found, "start-period"),
        start_interval=_interval(found, "start-interval"),
        retries=_retries(found.text("retries")),
        **line.common,
    )


def _interval(found: Flags, flag: str) -> int:
    said = found.text(flag)
    duration = parse_duration(said) if said else 0
    if duration < 0 or 0 < duration < _SHORTEST:
        raise _Wrong(f'Interval "{flag}" cannot be less than 1ms')
    return duration


def _retries(said: str) -> int:
    if not said:
        return 0
    if not re.fullmatch(r"[+-]?[0-9]+", said) or not -(2**31) <= int(said) < 2**31:
        raise _Wrong(f'--retries: "{said}" is not a number')
    if int(said) < 0:
        raise _Wrong(f"--retries cannot be negative ({int(said)})")
    return int(said)


def _shell(line: _Line) -> Shell:
    line.flags()
    words = _json_words(line.rest)
    if words is None:
        raise _Wrong("SHELL requires the arguments to be in JSON form")
    if not words:
        raise _Wrong("SHELL requires at least one argument")
    return Shell(words=tuple(words), **line.common)


def _onbuild(line: _Line) -> Onbuild:
    line.flags()
    if not line.rest:
        raise _Wrong("ONBUILD requires at least one argument")
    keyword, _ = _keyword(line.rest)
    if keyword == "ONBUILD":
        raise _Wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if keyword in ("FROM", "MAINTAINER"):
        raise _Wrong(f"{keyword} isn't allowed as an ONBUILD trigger")
    position: Position = line.common["position"]
    _instruction(LogicalLine(line.rest, position, line.heredocs, ()), line.escape)
    documents = "".join(f"\n{document.content}{document.name}" for document in line.heredocs)
    return Onbuild(trigger=line.rest + documents, **line.common)


def _maintainer(line: _Line) -> Maintainer:
    return Maintainer(name=line.one(), **line.common)


_READERS: Mapping[str, Callable[[_Line], Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


def _keyword(line: str) -> tuple[str, str]:
    line = line.strip()
    parts = first_blank(line)
    return (line.upper(), "") if parts is None else (parts[0].upper(), parts[1])


def _takes_heredocs(line: str) -> bool:
    keyword, rest = _keyword(line)
    if keyword == "ONBUILD":
        keyword, rest = _keyword(rest)
    if keyword not in _TAKES_HEREDOCS:
        return False
    _, rest = flags.split_flags(rest)
    try:
        return _json_words(rest) is None
    except _Wrong:
        return False


def _json_words(rest: str) -> list[str] | None:
    """The strings of a JSON array, None where it is no JSON array at all (then it is in shell form)."""
    if not rest.startswith("["):
        return None
    try:
        values = json.loads(rest)
    except (json.JSONDecodeError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise _Wrong("when using JSON array syntax, arrays must be comprised of strings only")
    return list(values)


def _opens(word: str, documents: Mapping[str, Heredoc]) -> Heredoc | None:
    try:
        opened = heredoc_of(word) if "<<" in word else None
    except WordError:
        return None
    return documents.get(opened.name) if opened else None


def _choice(flag: str, value: str, known: tuple[Any, ...]) -> Any:
    if not value:
        return known[0]
    if value.lower() not in known:
        raise _Wrong(f'--{flag}: unsupported value "{value}" (known: {", ".join(known)})')
    return value.lower()
