"""The stand-ins that can be made here, as a list: versions, and what differs from the official images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dockless.standins.plan import OfHost
from dockless.standins.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Listed:
    """`versions`: what there would be, with where it comes from; none where `refused` says why and what to do."""

    image: str
    software: str
    versions: tuple[str, ...]
    differs: tuple[str, ...]
    refused: str


def listed(recipes: Mapping[str, Recipe], of_host: OfHost, hindrance: Callable[[Recipe], str]) -> list[Listed]:
    """In the order of the images' names. `hindrance` says why nothing can be made of a distribution on this host."""
    hindrances = {image: hindrance(one) for image, one in recipes.items() if one.distribution}
    found = []
    for image, recipe in sorted(recipes.items()):
        one = _listed(recipe, of_host)
        if why := hindrances.get(image, hindrances["debian"]):
            one = Listed(one.image, one.software, (), (), one.refused or why)
        found += [] if recipe.internal else [one]
    return found


def _listed(recipe: Recipe, of_host: OfHost) -> Listed:
    versions: list[str] = []
    differs: list[str] = []
    software = recipe.title
    for source in recipe.sources:
        if source.host:
            there = of_host(source.host)
            versions += [f"{one.text} (this machine)" for one in there]
            if not there:
                continue
        elif source.match == "release":
            versions += source.releases
        elif source.title:
            software = f"{source.title} for {recipe.title}"
            versions += [f"for {version} (Debian {name})" for name, version in source.releases.items()]
        else:
            versions += [f"{version} (Debian {name})" for name, version in source.releases.items()]
        differs += [one.text for one in source.differs]
    if any(source.match == "any" for source in recipe.sources):
        differs.insert(0, "another version may be the nearest one")
    return Listed(recipe.image, software, tuple(versions), tuple(dict.fromkeys(differs)), recipe.refused)
