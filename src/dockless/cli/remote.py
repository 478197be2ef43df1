"""Compose files from elsewhere, fetched when a load meets one: what fetches is imported only then."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockless.compose.load.options import Fetched


def fetcher(environ: Mapping[str, str]) -> "Callable[[str], Fetched]":
    """For `LoadOptions.fetch`: each is fetched once. What it returns raises `ComposeError`."""

    @cache
    def files() -> "Callable[[str], Fetched]":
        from dockless.compose.run.remote import RemoteFiles

        return RemoteFiles(environ)

    return lambda name: files()(name)
