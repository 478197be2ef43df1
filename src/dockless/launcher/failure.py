"""Why a process could not be started: the step, the path, the errno, and Docker's words for it."""


class Failure(Exception):
    """Travels from the child through the launcher to the engine, where it becomes `LaunchError`."""

    def __init__(self, step: str, path: str | None, errno: int, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.path = path
        self.errno = errno
        self.message = message

    @classmethod
    def of(cls, step: str, error: OSError, path: str | None, message: str | None = None) -> "Failure":
        """`path` is the container's word for it; the kernel's own is in the message."""
        if message is None:
            named = " ".join(dict.fromkeys(part for part in (path, error.filename) if isinstance(part, str) and part))
            message = f"{step} {named}: {(error.strerror or '').lower()}" if named else f"{step}: {error.strerror}"
        return cls(step, path, error.errno or 0, message)

    def as_dict(self) -> dict[str, object]:
        return {"step": self.step, "path": self.path, "errno": self.errno, "message": self.message}
