"""Artifacts at a registry: small documents that a client reads and writes by itself, whatever the engine; and copies of
the images that belong to them.

No engine has a request for content that is no image. How a registry is spoken to (whom to trust, which credentials to
give, patience) is `registry`'s affair.
"""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Event

from dockless.registry import credentials
from dockless.registry.auth import Authenticator
from dockless.registry.errors import ImageError
from dockless.registry.manifests import OCI_INDEX, OCI_MANIFEST, Descriptor, Index, parse
from dockless.registry.reference import InvalidReference, Reference, digest_of
from dockless.registry.repository import Repository
from dockless.registry.transport import ManifestNotFound, Transport

MOST = 16 << 20
"""The most bytes that one document of an artifact may have."""


class ArtifactError(Exception):
    """The registry does not give or take it; the message is whole."""


class NoArtifact(ArtifactError):
    """The registry answers, and has nothing of that name."""


class Artifacts:
    """One repository, under one tag or digest of it. Raises `ArtifactError` at each step."""

    def __init__(self, name: str, environ: Mapping[str, str], *, writes: bool = False) -> None:
        try:
            self._reference = Reference.parse(name)
            transport = Transport(environ)
            endpoint = transport.own_endpoint(self._reference.registry)
            reached = transport.reach(endpoint)
            known = credentials.find(self._reference.registry, environ)
        except InvalidReference as error:
            raise ArtifactError(str(error)) from error
        except ImageError as error:
            raise ArtifactError(f"{name}: {error}") from error
        self._repository = Repository(
            transport,
            reached,
            Authenticator(transport, known, lenient=endpoint.lenient),
            self._reference.repository,
            str(self._reference),
            "pull,push" if writes else "pull",
        )

    def manifest(self) -> tuple[str, bytes]:
        """Its digest and its bytes."""
        try:
            raw, digest, _ = self._repository.manifest(self._reference.digest or self._reference.tag or "latest")
        except ManifestNotFound as error:
            raise NoArtifact(f"{self._reference}: not found") from error
        except ImageError as error:
            raise ArtifactError(str(error)) from error
        return digest, raw

    def blob(self, digest: str, size: int) -> bytes:
        if size > MOST:
            raise ArtifactError(f"{self._reference}: {digest} has {size} bytes, more than {MOST}")
        try:
            return b"".join(self._repository.blob(Descriptor("", size, digest), lambda _: None, Event()))
        except ImageError as error:
            raise ArtifactError(str(error)) from error

    def send(self, content: bytes) -> None:
        """Unless the registry has it."""
        digest = digest_of(content)
        try:
            if not self._repository.has_blob(digest):
                self._repository.upload(digest, len(content), lambda: BytesIO(content))
        except ImageError as error:
            raise ArtifactError(str(error)) from error

    def publish(self, manifest: bytes) -> None:
        """An OCI image manifest, under the tag."""
        self._put(self._reference.tag or self._reference.digest or "latest", manifest, OCI_MANIFEST)

    def publish_index(self, index: bytes) -> None:
        """An OCI image index, under its digest alone."""
        self._put(digest_of(index), index, OCI_INDEX)

    def take(self, source: "Artifacts") -> Descriptor:
        """Copies an image from another repository, with all that it names (of an index all images), by digest."""
        try:
            return self._take(source, source._reference.digest or source._reference.tag or "latest")
        except ImageError as error:
            raise ArtifactError(str(error)) from error

    @property
    def place(self) -> tuple[str, str]:
        """The registry and the repository in it."""
        return self._reference.registry, self._reference.repository

    def _take(self, source: "Artifacts", tag_or_digest: str) -> Descriptor:
        raw, digest, kind = source._repository.manifest(tag_or_digest)
        parsed = parse(raw, kind)
        if isinstance(parsed, Index):
            for each in parsed.manifests:
                self._take(source, each.digest)
        else:
            for blob in (parsed.config, *parsed.layers):
                self._take_blob(source, blob)
        media_type = parsed.media_type or kind
        self._repository.put_manifest(digest, raw, media_type)
        return Descriptor(media_type, len(raw), digest)

    def _take_blob(self, source: "Artifacts", blob: Descriptor) -> None:
        if self._repository.has_blob(blob.digest):
            return
        registry, repository = source.place
        if registry == self._reference.registry and self._repository.mount(blob.digest, repository):
            return
        with NamedTemporaryFile() as file:
            for piece in source._repository.blob(blob, lambda _: None, Event()):
                file.write(piece)
            file.flush()
            path = Path(file.name)
            self._repository.upload(blob.digest, blob.size, lambda: path.open("rb"))

    def _put(self, tag_or_digest: str, raw: bytes, media_type: str) -> None:
        try:
            self._repository.put_manifest(tag_or_digest, raw, media_type)
        except ImageError as error:
            raise ArtifactError(str(error)) from error
