"""Images by the digest that their registries give for them now: `config --resolve-image-digests`."""

from msgspec.structs import replace

from dockless.client.api import Client
from dockless.compose.model import Project
from dockless.compose.run.observe import together
from dockless.compose.run.order import ProjectError
from dockless.wire.errors import ApiError


def with_digests(client: Client, project: Project) -> Project:
    """Each service's image in its canonical form, `registry/path:tag@digest`.

    One that has a digest keeps it, without its tag. Raises `ProjectError` for an image whose registry does not tell.
    """
    references = list(dict.fromkeys(service.image for service in project.services.values() if service.image))
    if not references:
        return project
    pinned = dict(zip(references, together(*[lambda each=each: pin(client, each) for each in references]), strict=True))
    services = {
        name: replace(service, image=pinned[service.image]) if service.image else service
        for name, service in project.services.items()
    }
    return replace(project, services=services)


def pin(client: Client, reference: str) -> str:
    name, at, digest = canonical(reference).partition("@")
    head, colon, tag = name.rpartition(":")
    tagged = bool(colon) and "/" not in tag
    if at:
        return f"{head if tagged else name}@{digest}"
    full = name if tagged else f"{name}:latest"
    try:
        found = client.images.distribution(full)
    except ApiError as error:
        raise ProjectError(f"failed to resolve digest for {full}: {error.message}") from error
    return f"{full}@{found.descriptor.digest}"


def canonical(reference: str) -> str:
    """With the registry that a short name leaves out: `busybox` is `docker.io/library/busybox`."""
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    if first == "localhost" or "." in first or ":" in first:
        return reference
    return f"docker.io/{reference}"
