"""Questions to a registry besides pulling and pushing: are these credentials good, what is behind this name.

Synchronous; for many threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dockless.images import config as image_config
from dockless.images import credentials as credential_files
from dockless.images import manifests
from dockless.images.auth import Authenticator
from dockless.images.credentials import Credentials
from dockless.images.manifests import Descriptor, Index
from dockless.images.platform import Platform
from dockless.images.reference import Reference
from dockless.images.repository import Repository
from dockless.images.transport import AccessDenied, RegistryError, Transport, explain


@dataclass(frozen=True, slots=True)
class Described:
    """What a name stands for at its registry: the manifest or index, and the platforms that it is for."""

    descriptor: Descriptor
    platforms: tuple[Platform, ...]


def describe(reference: Reference, auth: Credentials | None, environ: Mapping[str, str]) -> Described:
    """Raises `RegistryUnreachable`, `ManifestNotFound`, `AccessDenied`, `BadContent`."""
    transport = Transport(environ)
    endpoint = transport.own_endpoint(reference.registry)
    credentials = auth or credential_files.find(reference.registry, environ)
    authenticator = Authenticator(transport, credentials, lenient=endpoint.lenient)
    reached = transport.reach(endpoint)
    repository = Repository(transport, reached, authenticator, reference.repository, str(reference), "pull")
    raw, digest, content_type = repository.manifest(reference.digest or reference.tag or "latest")
    parsed = manifests.parse(raw, content_type)
    if isinstance(parsed, Index):
        platforms = tuple(
            Platform(entry.platform.os, entry.platform.architecture, entry.platform.variant)
            for entry in parsed.manifests
            if entry.platform is not None and not manifests.is_attestation(entry)
        )
    else:
        config = image_config.decode(repository.small_blob(parsed.config, image_config.MAX_CONFIG_BYTES))
        platforms = (Platform(config.os or "linux", config.architecture, config.variant),)
    return Described(Descriptor(parsed.media_type or content_type, len(raw), digest), platforms)


def log_in(registry: str, credentials: Credentials, environ: Mapping[str, str]) -> None:
    """Returns where the registry takes the credentials. Raises `RegistryUnreachable`, `AccessDenied`."""
    from urllib3.exceptions import HTTPError

    transport = Transport(environ)
    endpoint = transport.own_endpoint(registry)
    reached = transport.reach(endpoint)
    authenticator = Authenticator(transport, credentials, lenient=endpoint.lenient)
    try:
        headers = authenticator.header(reached.challenge, ())
        response = transport.send("GET", f"{reached.url}/v2/", headers=headers, lenient=endpoint.lenient)
        response.drain_conn()
    except HTTPError as error:
        raise RegistryError(f"registry {registry}: {explain(error)}") from error
    if response.status in (401, 403):
        raise AccessDenied("unauthorized: incorrect username or password")
    if response.status != 200:
        raise RegistryError(f"login attempt to {reached.url}/v2/ failed with status {response.status}")
