"""The content store: `blobs/sha256/<hex>`, the small documents that images are made of (configurations, manifests).

Layers are not kept here: they are unpacked as they arrive (layers.py). What is read is verified, so a blob that a
power cut emptied counts as missing.
"""

import os
from pathlib import Path

from dockless.images.scratch import Scratch
from dockless.places import Places
from dockless.registry.errors import ImageError
from dockless.registry.reference import digest_of, is_digest


class NoSuchBlob(ImageError):
    """The store does not have it, or has it damaged."""


class ContentStore:
    """Safe for many threads and processes at once."""

    def __init__(self, places: Places) -> None:
        self._root = places.blobs
        self._scratch = Scratch.of(places)
        self._root.mkdir(parents=True, exist_ok=True)
        # Configurations hold environments, in which people keep what is nobody else's business.
        self._root.chmod(0o700)

    def path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise NoSuchBlob(f"{digest!r} is no blob's digest")
        return self._root / digest.removeprefix("sha256:")

    def write(self, data: bytes) -> str:
        """Stores `data`; the answer is its digest."""
        digest = digest_of(data)
        place = self.path(digest)
        if self.has(digest):
            return digest
        half_made = self._scratch.name("blob")
        half_made.write_bytes(data)
        half_made.rename(place)
        return digest

    def has(self, digest: str) -> bool:
        try:
            self.read(digest)
        except NoSuchBlob:
            return False
        return True

    def read(self, digest: str) -> bytes:
        """Raises `NoSuchBlob`, also where the content is not what the digest says."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise NoSuchBlob(f"no such blob: {digest}") from None
        if digest_of(data) != digest:
            raise NoSuchBlob(f"{self.path(digest)} is damaged: its content is not what its name says")
        return data

    def names(self) -> list[str]:
        """The digests of all blobs."""
        return [f"sha256:{name}" for name in os.listdir(self._root) if is_digest(f"sha256:{name}")]

    def remove(self, digest: str) -> int:
        """For the collector; the answer is the number of bytes that became free."""
        size = self.path(digest).stat().st_size
        self.path(digest).unlink()
        return size
