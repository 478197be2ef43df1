"""The errors of the API: an HTTP status and the message that Docker's clients print as they find it."""

from msgspec import Struct


class ErrorBody(Struct, frozen=True):
    """The body of every answer that is an error."""

    message: str


class ApiError(Exception):
    """An answer that is an error: raised by the engine, sent by the server, raised again by the client."""

    status: int = 500

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status

    @staticmethod
    def of(status: int, message: str) -> "ApiError":
        """The error of the kind that belongs to `status`."""
        kind = _KINDS.get(status)
        return kind(message) if kind else ApiError(message, status)


class NotModified(ApiError):
    """Already started, or already stopped; the answer has no body."""

    status = 304


class BadParameter(ApiError):
    status = 400


class Unauthorized(ApiError):
    status = 401


class Forbidden(ApiError):
    status = 403


class NotFound(ApiError):
    status = 404


class Conflict(ApiError):
    status = 409


class Internal(ApiError):
    status = 500


class NotOffered(ApiError):
    status = 501


class Unavailable(ApiError):
    status = 503


_KINDS: dict[int, type[ApiError]] = {
    kind.status: kind
    for kind in (
        NotModified,
        BadParameter,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        Internal,
        NotOffered,
        Unavailable,
    )
}
