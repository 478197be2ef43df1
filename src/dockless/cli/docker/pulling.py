"""A pull as `docker` shows it; on standard error, so that what a command prints stays clean."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dockless.cli.output import note
from dockless.cli.session import Session

if TYPE_CHECKING:
    from dockless.wire.progress import Progress


def pull_image(session: Session, reference: str, *, platform: str, stand_ins: bool, quiet: bool) -> None:
    """Raises `ApiError` when the image cannot be had."""
    from dockless.compose.run.images import split_reference

    name, tag = split_reference(reference)
    show(session.client.images.pull(name, tag=tag, platform=platform, stand_ins=stand_ins), quiet=quiet)


def show(messages: "Iterable[Progress]", *, quiet: bool) -> None:
    """Raises `RequestFailed` at an error message."""
    shown: dict[str, str] = {}
    for message in messages:
        if quiet or not (message.status or message.stream):
            continue
        if not message.id:
            note((message.status or message.stream).rstrip())
        elif shown.get(message.id) != message.status and not message.status.startswith(("Downloading", "Extracting")):
            shown[message.id] = message.status
            note(f"{message.id}: {message.status}")
