"""From what a tag asks for to what will be made: which source of the recipe, which Debian release, which variables.

Pure but for reading the host's own software, which is handed in: so every choice can be tested without a network.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dockless.standins import recipe
from dockless.standins.errors import StandInError
from dockless.standins.host import HostSoftware
from dockless.standins.recipe import Part, Source, Wanted

Version = tuple[int, ...]
OfHost = Callable[[str], Sequence[HostSoftware]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made for `wanted`. `version` is the software's as far as it is known before packages are looked up.

    `releases` are the Debian releases that may carry it, the best first; `release` is the chosen one.
    """

    wanted: Wanted
    source: Source
    releases: tuple[str, ...]
    version: str
    interpreter: HostSoftware | None = None

    @property
    def release(self) -> str:
        return self.releases[0]

    @property
    def variables(self) -> Mapping[str, str]:
        """What recipes may refer to: `major` is `15`, `minor` of 3.10.13 is `3.10`, `asked` the version asked for."""
        numbers = self.version.split(".")
        return {
            **self.wanted.said,
            "asked": self.wanted.version,
            "release": self.release,
            "slim": self.wanted.slim,
            "version": self.version,
            "major": numbers[0],
            "minor": ".".join(numbers[:2]),
        }

    @property
    def parts(self) -> tuple[Part, ...]:
        """The layers that this plan has, bottom first."""
        return tuple(part for part in self.source.parts if self._holds(part.when))

    @property
    def differs(self) -> tuple[str, ...]:
        """The recipe's own sentences on what differs."""
        return tuple(one.text for one in self.source.differs if self._holds(one.when))

    def on_next_release(self) -> "Plan | None":
        """The same on the next release that may carry it."""
        return replace(self, releases=self.releases[1:]) if self.releases[1:] else None

    def _holds(self, when: Mapping[str, str]) -> bool:
        return all(re.fullmatch(pattern, self.variables[name]) for name, pattern in when.items())


def plan(wanted: Wanted, of_host: OfHost) -> Plan:
    """Chooses the first source that fits. Raises `StandInError` where none does, and says what there would be."""
    if wanted.recipe.refused:
        raise StandInError(f"no stand-in can be made for {wanted.name}: {wanted.recipe.refused}")
    for source in wanted.recipe.sources:
        found = _of_host(wanted, source, of_host(source.host)) if source.host else _of_debian(wanted, source)
        if found is not None:
            return found
    offered = [text for source in wanted.recipe.sources for text in _offered(source, of_host)]
    raise StandInError(
        f"no stand-in can be made for {wanted.name}: it would need {wanted.recipe.title} {_asked(wanted)}, "
        f"and there is {', '.join(offered)} "
        "(load the image, or let DOCKLESS_REGISTRY_MIRROR name a registry that has it)"
    )


def differences(plan: Plan, version: str) -> list[str]:
    """What a person should know who asked for the official image; `version` is the software's, as it was found."""
    wanted, said = plan.wanted, []
    title = plan.source.title or wanted.recipe.title
    if plan.source.title:
        said.append(f"{title} {version} instead of {wanted.recipe.title} {wanted.version}".rstrip())
    elif wanted.version and not _begins(numbers(version), numbers(wanted.version)):
        said.append(f"{title} {version} instead of {wanted.version}")
    elif plan.source.match != "release":
        said.append(f"{title} {version}")
    if wanted.release and wanted.release != plan.release:
        said.append(f"Debian {plan.release} instead of {wanted.release}")
    if wanted.said.get("alpine"):
        said.append(f"Debian {plan.release} underneath instead of Alpine")
    return [*said, *plan.differs]


def numbers(version: str) -> Version:
    """`3.10.13` → (3, 10, 13)."""
    return tuple(int(number) for number in version.split(".") if number)


def _of_host(wanted: Wanted, source: Source, there: Sequence[HostSoftware]) -> Plan | None:
    asked = numbers(wanted.version)
    fitting = [one for one in there if _begins(one.version, asked[: source.precision])]
    if not fitting:
        return None
    best = max(fitting, key=lambda one: (one.version == asked, one.version))
    needed = best.needs().glibc
    carrying = [name for name, release in recipe.releases().items() if numbers(release.glibc) >= needed]
    if not carrying:
        return None
    # The release asked for, if it can carry it; else the oldest, which is the nearest to what old tags mean.
    carrying.sort(key=lambda name: (name != wanted.release, name != source.preferred))
    return Plan(wanted, source, tuple(carrying), best.text, best)


def _of_debian(wanted: Wanted, source: Source) -> Plan | None:
    asked = numbers(wanted.version)
    offers = {name: numbers(version) for name, version in source.releases.items()}
    if source.match == "release":
        names = [name for name in offers if name == wanted.release]
    elif not asked:
        names = [wanted.release] if wanted.release in offers else [list(offers)[-1]]
    elif fitting := [name for name, version in offers.items() if _agree(version, asked)]:
        newest_last = list(offers)
        names = [max(fitting, key=lambda name: (name == wanted.release, offers[name], newest_last.index(name)))]
    elif source.match == "same":
        names = []
    else:
        newer = sorted((version, name) for name, version in offers.items() if version >= asked[: len(version)])
        names = [name for version, name in newer if version[0] == asked[0] or source.match == "any"]
        if not names and source.match == "any":
            names = [list(offers)[-1]]
    if not names:
        return None
    return Plan(wanted, source, (names[0],), source.releases[names[0]])


def _offered(source: Source, of_host: OfHost) -> list[str]:
    if source.host:
        return [f"{one.text} (this machine)" for one in of_host(source.host)]
    if source.match == "release":
        return list(source.releases)
    return [f"{version} (Debian {name})" for name, version in source.releases.items()]


def _begins(version: Version, asked: Version) -> bool:
    return version[: len(asked)] == asked


def _agree(version: Version, asked: Version) -> bool:
    """Whether the numbers that both have are the same."""
    return all(one == other for one, other in zip(version, asked, strict=False))


def _asked(wanted: Wanted) -> str:
    return wanted.version or wanted.release or wanted.tag
