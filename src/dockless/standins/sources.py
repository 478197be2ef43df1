"""Where the host's own apt gets a distribution from: the mirrors and keyrings that stand-ins are made from.

No mirror is named here: the host's configuration names them. Everything is read as text that others obtained
(`apt-get indextargets`, the files of /etc/apt), so nothing here touches the network or runs a program.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockless.standins.errors import StandInError
from dockless.standins.recipe import Distribution

INDEX_TARGETS = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(SOURCESENTRY)"

ReadText = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A repository's address and what its signature is checked against: files, or (no file) the host's trusted keys."""

    uri: str
    keyrings: tuple[str, ...]
    components: tuple[str, ...] = ("main",)


@dataclass(frozen=True, slots=True)
class Mirrors:
    """The host's mirror of a distribution's main archive, and of the security archive if the host names one."""

    main: Mirror
    security: Mirror | None


@dataclass(frozen=True, slots=True)
class Suite:
    """One line of a sources.list: `mirror` has `name`."""

    mirror: Mirror
    name: str


def host_mirrors(
    targets: str,
    read: ReadText,
    *,
    distribution: Distribution,
    releases: Iterable[str],
    exists: Callable[[str], bool],
) -> Mirrors:
    """The mirrors that the lines of `apt-get indextargets --format INDEX_TARGETS` stand for.

    `releases` are the distribution's names of releases (codenames and aliases): an entry counts when it is of such a
    release, has the component main and is, as far as the host's lists know, of its origin.
    """
    names = set(releases)
    main: Mirror | None = None
    security: Mirror | None = None
    for line in targets.splitlines():
        uri, release, component, origin, entry = line.split("|", 4)
        if component != "main" or origin not in ("", distribution.origin) or uri.startswith("cdrom:"):
            continue
        suite, _, kind = release.partition("/" if release.endswith("/updates") else "-")
        is_security = f"{suite}-security" == release or (kind == "updates" and "/" in release)
        if suite not in names or (kind and not is_security):
            continue
        file = entry.rpartition(":")[0]
        keyrings = signed_by(read(file), uri) or tuple(path for path in distribution.keyrings if exists(path))[:1]
        mirror = Mirror(_resolved(uri, read), keyrings, distribution.components)
        if is_security:
            security = security or mirror
        else:
            main = main or mirror
    if main is None:
        raise StandInError(
            f"no stand-in can be made: the apt of this machine has no {distribution.origin} archive among its sources "
            f"({distribution.instead})"
        )
    return Mirrors(main, security)


def suites(mirrors: Mirrors, release: str) -> tuple[Suite, ...]:
    """What a system of this release has in its sources, the release itself first."""
    found = [Suite(mirrors.main, release), Suite(mirrors.main, f"{release}-updates")]
    if mirrors.security is not None:
        found.append(Suite(mirrors.security, f"{release}-security"))
    return tuple(found)


def deb822(entries: Sequence[Suite], keyrings: Callable[[Mirror], Sequence[str]]) -> str:
    """A `.sources` file (sources.list(5), deb822 style): one stanza for each mirror."""
    stanzas = []
    for mirror in dict.fromkeys(entry.mirror for entry in entries):
        names = " ".join(entry.name for entry in entries if entry.mirror == mirror)
        lines = ["Types: deb", f"URIs: {mirror.uri}", f"Suites: {names}", f"Components: {' '.join(mirror.components)}"]
        if signed := " ".join(keyrings(mirror)):
            lines.append(f"Signed-By: {signed}")
        stanzas.append("\n".join(lines) + "\n")
    return "\n".join(stanzas)


def one_line(entries: Sequence[Suite], keyrings: Callable[[Mirror], Sequence[str]]) -> str:
    """The same as lines of a `sources.list`, as releases before bookworm have it."""
    lines = []
    for entry in entries:
        signed = ",".join(keyrings(entry.mirror))
        options = f"[signed-by={signed}] " if signed else ""
        components = " ".join(entry.mirror.components)
        lines.append(f"deb {options}{entry.mirror.uri} {entry.name} {components}\n")
    return "".join(lines)


def signed_by(text: str, uri: str) -> tuple[str, ...]:
    """The keyring files that a `.list` or `.sources` file names for `uri`; empty where it names none."""
    for stanza in _stanzas(text):
        if _same(uri, stanza.get("uris", "").split()):
            return tuple(word for word in stanza.get("signed-by", "").split() if word.startswith("/"))
    for line in text.splitlines():
        matched = re.match(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)", line)
        if matched and _same(uri, [matched["uri"]]):
            options = dict(word.partition("=")[::2] for word in shlex.split(matched["options"] or ""))
            return tuple(word for word in options.get("signed-by", "").split(",") if word.startswith("/"))
    return ()


def _stanzas(text: str) -> list[Mapping[str, str]]:
    """The stanzas of a deb822 file, field names in lower case, continuation lines joined by spaces."""
    found: list[Mapping[str, str]] = []
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += " " + line.strip()
            elif matched := re.match(r"([A-Za-z0-9-]+):\s*(.*)", line):
                name = matched[1].lower()
                fields[name] = matched[2].strip()
        if fields:
            found.append(fields)
    return found


def _same(uri: str, others: Iterable[str]) -> bool:
    return any(uri.rstrip("/") == other.rstrip("/") for other in others)


def _resolved(uri: str, read: ReadText) -> str:
    """A `mirror+file:` list is a file of the host, which an image has not: its first mirror stands for it."""
    if not uri.startswith("mirror+file:"):
        return uri.rstrip("/")
    path = "/" + uri.removeprefix("mirror+file:").strip("/")
    for line in read(path).splitlines():
        if line.strip() and not line.startswith("#"):
            return line.split()[0].rstrip("/")
    raise StandInError(f"no stand-in can be made: the apt mirror list {path} is empty")


def read_text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
