"""A command that fails: one message on standard error and an exit status as `docker`'s."""


class Failure(Exception):
    """A user's mistake or an engine's refusal: what, where and what to do, and the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Exit(Exception):
    """Ends the command with a status, and says nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
