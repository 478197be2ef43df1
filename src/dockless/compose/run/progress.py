"""The messages of a pull or a build, boiled down to what a person wants to see.

Of a pull: how much is here. Of a build: the step at work; its output is kept back and shown when the step fails, unless
the reporter wants all of it.
"""

from collections import deque

from dockless.compose.run.execute import Reporter
from dockless.wire.progress import Progress

_KEPT_LINES = 60
_ENDED = ("Pull complete", "Already exists", "Download complete")


class PullProgress:
    """Feeds a reporter from a pull's messages."""

    def __init__(self, subject: str, reporter: Reporter, *, quiet: bool) -> None:
        self._subject = subject
        self._reporter = reporter
        self._quiet = quiet
        self._layers: dict[str, tuple[int, int]] = {}
        self._shown = ""

    def feed(self, message: Progress) -> None:
        if message.id:
            self._layer(message)
        elif message.status and not message.status.startswith(("Pulling from", "Digest:", "Status:")):
            self._reporter.line(f" {self._subject}  {message.status}")
        elif message.stream.strip():
            self._reporter.line(message.stream.rstrip())

    def _layer(self, message: Progress) -> None:
        if self._quiet or message.status.startswith("Pulling from"):
            return
        detail = message.progress_detail
        if message.status == "Downloading" and detail and detail.total:
            self._layers[message.id] = (detail.current, detail.total)
        elif message.status in _ENDED and message.id in self._layers:
            total = self._layers[message.id][1]
            self._layers[message.id] = (total, total)
        total = sum(size for _, size in self._layers.values())
        if not total:
            return
        percent = sum(got for got, _ in self._layers.values()) * 100 // total
        text = f"Pulling {percent // 10 * 10}% of {total / 1e6:.1f}MB"
        if text != self._shown:
            self._shown = text
            self._reporter.report(self._subject, text, done=False)


class BuildProgress:
    """Feeds a reporter from a build's messages; `image_id` is known when the build has ended."""

    def __init__(self, subject: str, reporter: Reporter, *, quiet: bool, prefix: str = "") -> None:
        self.image_id = ""
        self._prefix = prefix
        self._subject = subject
        self._reporter = reporter
        self._quiet = quiet
        self._verbose = bool(getattr(reporter, "wants_output", False)) and not quiet
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._open = ""

    def feed(self, message: Progress) -> None:
        if message.aux and isinstance(found := message.aux.get("ID"), str):
            self.image_id = found
        if message.status and not message.id and not self._quiet:
            self._reporter.line(f" {self._subject}  {message.status}")
        *lines, self._open = (self._open + message.stream).split("\n")
        for line in lines:
            self._line(line.rstrip("\r"))

    def _line(self, line: str) -> None:
        if not line.strip():
            return
        self._kept.append(line)
        if self._verbose:
            self._reporter.line(self._prefix + line)
        elif line.startswith("Step ") and not self._quiet:
            self._reporter.report(self._subject, line, done=False)
        elif "stand-in" in line:
            self._reporter.line(line)

    def failed(self, reason: str) -> None:
        """Shows what was kept back of the output before the failure, unless it is in the engine's own message."""
        if self._open.strip():
            self._line(self._open)
        if not self._verbose and "last output" not in reason:
            for line in self._kept:
                self._reporter.line(self._prefix + line)
