"""Artifacts at a registry: small documents that a client reads and writes by itself, whatever the engine.

No engine has a request for content that is no image. How a registry is spoken to (whom to trust, which credentials to
give, patience) is `registry`'s affair.
"""

from collections.abc import Mapping
from io import BytesIO
from threading import Event

from dockless.registry import credentials
from dockless.registry.auth import Authenticator
from dockless.registry.errors import ImageError
from dockless.registry.manifests import OCI_MANIFEST, Descriptor
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
        try:
            self._repository.put_manifest(
                self._reference.tag or self._reference.digest or "latest", manifest, OCI_MANIFEST
            )
        except ImageError as error:
            raise ArtifactError(str(error)) from error
