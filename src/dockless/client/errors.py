"""What goes wrong between client and engine; what the engine itself refuses is `wire.errors.ApiError`."""

from dockless.wire.errors import ApiError


class EngineUnavailable(Exception):
    """No engine answers; the message says where it was sought, and why it did not start."""


class EngineLost(Exception):
    """The connection broke off, or what came was not an answer."""


class RequestFailed(ApiError):
    """A long request (pull, build) that began well and failed on its way; `code` is the failed step's exit status."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message, 500)
        self.code = code
