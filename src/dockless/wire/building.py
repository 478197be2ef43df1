"""What a build is lent beside its context: `X-Dockless-Build`, our own addition to `POST /build`, and the body's start.

The header says what comes; the body begins with the contents of `dockerfile`, `ignore` and `secrets`, in that order and
of the sizes that the header names, and goes on with the context's archive, or ends where `folder` is given. Secrets are
in no header and in no query, which servers like to log. Folders and sockets are named by their paths: they are the
client's own, so the engine has to see the same ones, and is told what it must find there.
"""

from collections.abc import Mapping

from dockless.wire.auth import unwrap, wrap
from dockless.wire.base import Message, decode, encode

HEADER = b"x-dockless-build"
IMAGE_SCHEME = "docker-image://"


class Place(Message, frozen=True, kw_only=True, rename="camel"):
    """A folder or a socket of the client's machine: by its device and inode the engine knows that it is the same."""

    path: str
    device: int
    inode: int


class Document(Message, frozen=True, kw_only=True, rename="camel"):
    """`name` is what the Dockerfile is called in messages, or a secret's id; `size` in bytes."""

    name: str
    size: int


class Lending(Message, frozen=True, kw_only=True, rename="camel"):
    """`folder`: the context, read where it lies. `contexts` are named ones that are folders; `ssh` agents by their id.

    `images` are named contexts that are images, by their references; `remotes` those that the engine fetches: addresses
    of git repositories and archives.
    """

    folder: Place | None = None
    dockerfile: Document | None = None
    ignore: Document | None = None
    secrets: tuple[Document, ...] = ()
    ssh: Mapping[str, Place] = {}
    contexts: Mapping[str, Place] = {}
    images: Mapping[str, str] = {}
    remotes: Mapping[str, str] = {}


def lending_header(lending: Lending) -> str:
    return wrap(encode(lending))


def parse_lending(header: str) -> Lending | None:
    """`None` where the header is empty. Raises `BadParameter`."""
    data = unwrap(header, "X-Dockless-Build")
    return decode(data, Lending) if data else None
