"""Image references: `postgres:15.1-bullseye` and its kin, with Docker's normal form and Docker's messages.

Pure text. The grammar is that of the distribution project's `reference` package, which the OCI distribution
specification's names (section "Pulling manifests") are a subset of.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Self

from dockless.registry.errors import ImageError

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library/"

_ALNUM = r"[a-z0-9]+"
_COMPONENT = rf"{_ALNUM}(?:(?:\.|_|__|-+){_ALNUM})*"
_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<registry>{_HOST})/(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BARE_ID = re.compile(r"[a-f0-9]{64}")


class InvalidReference(ImageError):
    """The text is no image reference; the message is Docker's."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`registry/repository`, with a tag, a digest or both; a text that names neither means the tag `latest`."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Normalises as Docker does: `docker.io` and `library/` are understood. Raises `InvalidReference`."""
        if _BARE_ID.fullmatch(text):
            raise InvalidReference(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
        registry, rest = _split_registry(text)
        path = rest.partition("@")[0].partition(":")[0]
        if path != path.lower():
            raise InvalidReference(f"invalid reference format: repository name ({path}) must be lowercase")
        match = _REFERENCE.fullmatch(f"{registry}/{rest}")
        if match is None:
            raise InvalidReference("invalid reference format")
        repository, tag, digest = match["repository"], match["tag"], match["digest"]
        if len(registry) + 1 + len(repository) > 255:
            raise InvalidReference("repository name must not be more than 255 characters")
        if digest is not None and not is_digest(digest):
            known = digest.startswith("sha256:")
            raise InvalidReference("invalid checksum digest length" if known else "unsupported digest algorithm")
        if tag is None and digest is None:
            tag = DEFAULT_TAG
        return cls(registry, repository, tag, digest)

    @property
    def canonical(self) -> str:
        """Everything written out: `docker.io/library/postgres:15`."""
        return self.canonical_repository + self._suffix()

    @property
    def familiar(self) -> str:
        """As users write it and as Docker shows it: `postgres:15`."""
        return self.familiar_repository + self._suffix()

    @property
    def canonical_repository(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def familiar_repository(self) -> str:
        if self.registry != DEFAULT_REGISTRY:
            return self.canonical_repository
        rest = self.repository.removeprefix(_OFFICIAL)
        return self.repository if "/" in rest else rest

    def with_tag(self, tag: str) -> "Reference":
        """The same repository under this tag alone. Raises `InvalidReference`."""
        return Reference.parse(f"{self.canonical_repository}:{tag}")

    def with_digest(self, digest: str) -> "Reference":
        """The same repository at this digest alone."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        return self.familiar

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{tag}@{self.digest}" if self.digest is not None else tag


def is_digest(text: str) -> bool:
    """Whether `text` is a digest as this store uses them: `sha256:` and 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def _split_registry(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    registry, rest = (first, rest) if is_host else (DEFAULT_REGISTRY, text)
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in rest:
        rest = _OFFICIAL + rest
    return registry, rest


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
