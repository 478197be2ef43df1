"""The messages of a long request's answer (pull, build, push, load): JSON values, each with `\\r\\n` behind it."""

from typing import Any

from dockless.wire.base import Message


class ProgressDetail(Message, rename="camel", frozen=True, kw_only=True):
    """Bytes; `total` 0: not known."""

    current: int = 0
    total: int = 0


class ErrorDetail(Message, rename="camel", frozen=True, kw_only=True):
    """`code` is the failed step's exit status, where there was one."""

    code: int = 0
    message: str = ""


class Progress(Message, rename="camel", frozen=True, kw_only=True):
    """`status` with `id` and a detail in pulls, `stream` in builds; `error` ends the answer; `aux`: `{"ID": …}`."""

    stream: str = ""
    status: str = ""
    progress_detail: ProgressDetail | None = None
    progress: str = ""
    id: str = ""
    error_detail: ErrorDetail | None = None
    error: str = ""
    aux: dict[str, Any] | None = None

    @staticmethod
    def failure(message: str, code: int = 0) -> "Progress":
        """The last message of an answer that went wrong on the way."""
        return Progress(error_detail=ErrorDetail(code=code, message=message), error=message)
