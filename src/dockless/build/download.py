"""The URLs of ADD and of contexts: which are downloads, what their files are called, and what a download gives."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec


class DownloadError(Exception):
    """A URL that could not be had, or is not what its checksum says."""


class Download(msgspec.Struct, frozen=True):
    """A file fetched to `path`. `name` is the URL's last component; `sha256` in hex; `modified` in ns, None unknown."""

    path: Path
    name: str
    sha256: str
    modified: int | None


SHORT = "github.com/"
_SCP = re.compile(r"[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+:[^/].*|git@[a-zA-Z0-9.-]+:.*")


def is_context(text: str) -> bool:
    """Whether it is the address of a build context (remote.py) rather than an image's name, by its looks."""
    return text.startswith(SHORT) or is_git(text) or is_url(text)


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def is_git(source: str) -> bool:
    """What Docker takes for a git repository rather than a file to download."""
    if source.startswith(("git://", "ssh://")) or _SCP.match(source):
        return True
    return is_url(source) and urlsplit(source).path.endswith(".git")


def file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "__unnamed__"
