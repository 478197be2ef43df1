"""Why a build ended without an image, in the form in which a person reads it."""

from dockless.dockerfile.errors import Position, excerpt


class BuildError(Exception):
    """A build that failed. `str()` is the whole message; the parts are attributes.

    `instruction` is the Dockerfile's instruction as written; `status` the exit status of a RUN (None for other
    mistakes); `output` the last lines that the step wrote; `text` the Dockerfile, to show the line from.
    """

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        position: Position | None = None,
        instruction: str = "",
        status: int | None = None,
        output: str = "",
        text: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.position = position
        self.instruction = instruction
        self.status = status
        self.output = output
        self.text = text

    @property
    def where(self) -> str:
        """`Dockerfile:7`, or "" where no line is to blame."""
        if self.position is None:
            return ""
        return f"{self.name}:{self.position.line}"

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.position is not None and self.text:
            parts.append(excerpt(self.text, self.position))
        if self.output:
            parts.append("The step's last output:\n" + "\n".join(f"  {line}" for line in self.output.splitlines()))
        return "\n".join(parts)


class BuildCancelled(BuildError):
    """The build was told to stop; the steps that had finished are in the cache."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled")
