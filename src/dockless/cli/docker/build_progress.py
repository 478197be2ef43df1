"""A build as a person (or a program) sees it while it runs: live, line by line, as BuildKit's JSON, or not at all.

Our engine says what happens in the `trace` that rides along in the classic builder's stream; of another engine there is
only that stream, which is passed on as it comes.
"""

import base64
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from dockless.cli.docker.build_checks import raw_warning, summary
from dockless.cli.output import note
from dockless.cli.progress import Live, is_terminal, wants_colour
from dockless.wire.progress import Progress

_TRACE = "dockless.build.trace"
_TITLE = 60  # letters of a step that a line shows


class BuildView(Protocol):
    def feed(self, message: Progress) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def view_for(stream: TextIO, mode: str, environ: Mapping[str, str]) -> BuildView:
    """`mode` is `--progress`: auto, plain, tty, rawjson or quiet."""
    if mode == "quiet":
        return _View()
    if mode == "rawjson":
        return RawJson(stream)
    if mode == "tty" or (mode == "auto" and is_terminal(stream, environ)):
        return Tty(Live(stream, colour=wants_colour(stream, environ)))
    return Plain(stream)


class _View:
    """Takes the trace apart; what each part is for is the method's name."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, Any]] = {}
        self.findings: list[dict[str, Any]] = []  # of the build checks
        self._traced = False

    def feed(self, message: Progress) -> None:
        if message.id != _TRACE or message.aux is None:
            if not self._traced:
                self.other(message)
            return
        self._traced = True
        event = message.aux
        if "planned" in event:
            self.steps = {step["id"]: step for step in event["planned"]}
            self.planned()
        elif "started" in event:
            self.started(self._step(event["started"]))
        elif "output" in event:
            self.output(self._step(event["output"]), event["data"])
        elif "finished" in event:
            self.finished(self._step(event["finished"]), cached=event["cached"], seconds=event["seconds"])
        elif "failed" in event:
            self.failed(self._step(event["failed"]), event["message"])
        elif event.get("rule"):
            self.findings.append(event)
        elif "warned" in event:
            self.warned(f"{event['where']}: {event['warned']}" if event["where"] else event["warned"])
        elif "examined" in event:
            self.examined(event["examined"], event["text"])
        elif "offered" in event:
            self.offered(event["offered"])
        elif "built" in event:
            self.built(event["built"], event["tags"])

    def _step(self, identity: str) -> dict[str, Any]:
        """A trigger of the base image is in no plan."""
        if identity not in self.steps:
            self.steps[identity] = {"id": identity, "title": identity.partition(".")[2].partition(".")[2] or identity}
        return self.steps[identity]

    def other(self, message: Progress) -> None:
        """A message that is no part of a trace."""

    def planned(self) -> None: ...

    def started(self, step: dict[str, Any]) -> None: ...

    def output(self, step: dict[str, Any], text: str) -> None: ...

    def finished(self, step: dict[str, Any], *, cached: bool, seconds: float) -> None: ...

    def failed(self, step: dict[str, Any], message: str) -> None: ...

    def warned(self, text: str) -> None: ...

    def examined(self, name: str, text: str) -> None: ...

    def offered(self, found: dict[str, Any]) -> None: ...

    def built(self, image: str, tags: list[str]) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Examination(_View):
    """What `build --check` and its like are told: the Dockerfile, the findings, and what it offers."""

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.text = ""
        self.offers: dict[str, Any] = {}

    def examined(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def offered(self, found: dict[str, Any]) -> None:
        self.offers = found


def _classic(message: Progress) -> None:
    if message.stream:
        sys.stdout.write(message.stream)
        sys.stdout.flush()
    elif message.status:
        note(f"{message.id}: {message.status}" if message.id else message.status)


class Plain(_View):
    """`#4 [2/3] RUN make`, `#4 0.213 its output`, `#4 DONE 0.4s`: as BuildKit's plain progress."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._numbers: dict[str, int] = {}
        self._begun: dict[str, float] = {}
        self._open: dict[str, str] = {}
        self._last = 0

    def other(self, message: Progress) -> None:
        if not message.stream.startswith("Step "):
            _classic(message)

    def started(self, step: dict[str, Any]) -> None:
        number = self._numbers[step["id"]] = len(self._numbers) + 1
        self._begun[step["id"]] = time.monotonic()
        self._say(number, step["title"])

    def output(self, step: dict[str, Any], text: str) -> None:
        *lines, self._open[step["id"]] = (self._open.get(step["id"], "") + text).split("\n")
        for line in lines:
            self._line(step, line)

    def finished(self, step: dict[str, Any], *, cached: bool, seconds: float) -> None:
        self._rest(step)
        self._say(self._number(step), "CACHED" if cached else f"DONE {seconds:.1f}s")

    def failed(self, step: dict[str, Any], message: str) -> None:
        self._rest(step)
        self._say(self._number(step), f"ERROR: {message}")

    def warned(self, text: str) -> None:
        self._write(f"WARNING: {text}")

    def built(self, image: str, tags: list[str]) -> None:
        self._write(f"Built {image}" + "".join(f"\nTagged {tag}" for tag in tags))

    def _number(self, step: dict[str, Any]) -> int:
        return self._numbers.setdefault(step["id"], len(self._numbers) + 1)

    def _rest(self, step: dict[str, Any]) -> None:
        if rest := self._open.pop(step["id"], ""):
            self._line(step, rest)

    def _line(self, step: dict[str, Any], line: str) -> None:
        since = time.monotonic() - self._begun.get(step["id"], time.monotonic())
        self._say(self._number(step), f"{since:.3f} {line.rstrip(chr(13))}")

    def _say(self, number: int, text: str) -> None:
        if self._last and self._last != number:
            self._stream.write("\n")
        self._last = number
        self._write(f"#{number} {text}")

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in summary(self.findings):
            self._write(line)


class Tty(_View):
    """A line for each step that makes something, with the last line that it wrote."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live
        self._open: dict[str, str] = {}

    def other(self, message: Progress) -> None:
        if not message.stream.startswith("Step "):
            _classic(message)

    def started(self, step: dict[str, Any]) -> None:
        if step.get("number"):
            self._live.report(_short(step["title"]), "", done=False)

    def output(self, step: dict[str, Any], text: str) -> None:
        *lines, self._open[step["id"]] = (self._open.get(step["id"], "") + text).split("\n")
        said = [line for line in lines if line.strip()]
        if said:
            self._live.report(_short(step["title"]), said[-1].strip().expandtabs(1), done=False)

    def finished(self, step: dict[str, Any], *, cached: bool, seconds: float) -> None:
        if step.get("number"):
            self._live.report(_short(step["title"]), "CACHED" if cached else "", done=True)

    def failed(self, step: dict[str, Any], message: str) -> None:
        self._live.report(_short(step["title"]), "ERROR", done=True, failed=True)

    def warned(self, text: str) -> None:
        self._live.line(f"WARNING: {text}")

    def built(self, image: str, tags: list[str]) -> None:
        named = f" as {', '.join(tags)}" if tags else ""
        self._live.line(f"Built {image}{named}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in summary(self.findings):
            self._live.line(line)
        self._live.__exit__(kind, error, trace)


def _short(title: str) -> str:
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"


class RawJson(_View):
    """BuildKit's `SolveStatus`, one a line: vertexes, logs (base64), warnings."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._begun: dict[str, str] = {}

    def planned(self) -> None:
        self._write({"vertexes": [self._vertex(step) for step in self.steps.values()]})

    def started(self, step: dict[str, Any]) -> None:
        self._begun[step["id"]] = _now()
        self._write({"vertexes": [self._vertex(step)]})

    def output(self, step: dict[str, Any], text: str) -> None:
        data = base64.b64encode(text.encode()).decode()
        self._write({"logs": [{"vertex": _digest(step), "stream": 1, "data": data, "timestamp": _now()}]})

    def finished(self, step: dict[str, Any], *, cached: bool, seconds: float) -> None:
        more = {"cached": True} if cached else {}
        self._write({"vertexes": [self._vertex(step) | {"completed": _now()} | more]})

    def failed(self, step: dict[str, Any], message: str) -> None:
        self._write({"vertexes": [self._vertex(step) | {"completed": _now(), "error": message}]})

    def warned(self, text: str) -> None:
        self._write({"warnings": [{"level": 1, "short": base64.b64encode(text.encode()).decode()}]})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.findings:
            self._write({"warnings": [raw_warning(finding) for finding in self.findings]})

    def _vertex(self, step: dict[str, Any]) -> dict[str, Any]:
        begun = {"started": self._begun[step["id"]]} if step["id"] in self._begun else {}
        return {"digest": _digest(step), "name": step["title"], **begun}

    def _write(self, message: dict[str, Any]) -> None:
        self._stream.write(json.dumps(message, ensure_ascii=False) + "\n")
        self._stream.flush()


def _digest(step: dict[str, Any]) -> str:
    """What a vertex is called; here unique within the build, no digest of its content."""
    return "sha256:" + hashlib.sha256(f"{step['id']} {step['title']}".encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
