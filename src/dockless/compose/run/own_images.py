"""Which images `down --rmi` removes: what was made for the project, and with `all` what its services use."""

from collections.abc import Mapping

from dockless.client.api import Client
from dockless.compose.run.images import inspect_images
from dockless.compose.run.names import PROJECT, SERVICE
from dockless.registry.reference import Reference


def images_to_remove(
    client: Client, project: str, named: Mapping[str, str], defaults: Mapping[str, str], *, used: bool, orphans: bool
) -> list[str]:
    """Names of images that are there, with their tags.

    `named` are the services that have an image's name, and it; `defaults` the others, with the names that their images
    get. Made for the project is what its label says, whatever its name: what was built for one of the services or
    committed from its container, or for any service (`orphans`). `used`: what services name goes as well.
    """
    filters = {"label": [f"{PROJECT}={project}"], "dangling": ["false"]}
    found = [
        each.repo_tags[0]
        for each in client.images.list(filters=filters)
        if each.repo_tags and (orphans or _service(each.labels) in {*named, *defaults})
    ]
    asked = (*(named.values() if used else ()), *defaults.values())
    found += [name for name, image in inspect_images(client, asked).items() if image is not None]
    return list(dict.fromkeys(Reference.parse(name).familiar for name in found))


def _service(labels: Mapping[str, str] | None) -> str:
    return (labels or {}).get(SERVICE, "")
