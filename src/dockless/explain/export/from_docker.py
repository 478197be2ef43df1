"""`docker` commands as a compose file: one `docker run`, or a script with networks, volumes and several containers.

Of a script, `docker run` and `create` become services; `network create` and `connect`, `volume create` and `build`
say more about them; other commands have no place in a compose file. Names that Compose would give by itself
(`project-service-1`, `project_network`) are recognised as such.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from dockless.compose.load.short import is_path
from dockless.explain.export.service import Draft, FlagError, read_flags
from dockless.explain.story import shell

_PLAIN_MODES = ("host", "none", "bridge", "default")
_NAMED = re.compile(r"(?P<project>[a-z0-9][a-z0-9_-]*)-(?P<number>\d+)")
_DOCKERS = frozenset({"docker", "podman", "dockless", "sudo"})


class Made(msgspec.Struct):
    """The compose file as plain values, and what the reader should know about it."""

    tree: dict[str, Any]
    notes: list[str]


class _Container(msgspec.Struct):
    name: str
    draft: Draft
    image: str
    command: tuple[str, ...]
    key: str = ""


def from_text(text: str) -> Made:
    """Of a command or script as one types it. `$PWD` becomes the project's folder. Raises FlagError."""
    commands = [[_plain(word) for word in words] for words in _commands(text)]
    return _made(commands)


def from_words(words: Sequence[str]) -> Made:
    """Of a command that a shell has split already. Raises FlagError."""
    return _made([[word.replace("$", "$$") for word in words]])


def _commands(text: str) -> Iterator[list[str]]:
    lines = re.sub(r"(?m)^\s*#.*$", "", text.replace("\\\n", " "))
    heredoc = re.compile(r"<<-?\s*'?(\w+)'?\n(.*?)\n\s*\1(?=\n|$)", re.DOTALL)
    for command in shell.split(heredoc.sub("", lines)):
        yield list(command.words)


_PIECE = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|(\$\(pwd\)|\$\{?PWD\}?|`pwd`)|([^'"\\$`]+|.)""", re.DOTALL)
_HERE = re.compile(r"\$\(pwd\)|\$\{PWD\}|\$PWD\b|`pwd`")


def _plain(word: str) -> str:
    """A word without its quotes, as a compose file says it: variables stay variables, quoted dollars are doubled."""
    found = []
    for single, double, escaped, here, rest in _PIECE.findall(word):
        if single:
            found.append(single.replace("$", "$$"))
        elif double:
            found.append(_in_double(double))
        elif escaped:
            found.append("$$" if escaped == "$" else escaped)
        elif here:
            found.append(".")
        else:
            found.append(rest)
    return "".join(found)


def _in_double(text: str) -> str:
    text = _HERE.sub(".", text)
    return re.sub(r"\\([\\\"`$\n])", lambda match: {"$": "$$", "\n": ""}.get(match[1], match[1]), text)


def _made(commands: Sequence[Sequence[str]]) -> Made:
    containers: list[_Container] = []
    resources: dict[str, dict[str, Any]] = {"networks": {}, "volumes": {}}
    builds: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    for words in commands:
        at = 0
        while at < len(words) and words[at].rpartition("/")[2] in _DOCKERS:
            at += 1
        if not at:
            continue
        verb, rest = _verb(words[at:])
        if verb in ("run", "create"):
            read = read_flags(rest)
            name = read.draft.service.pop("container_name", "")
            containers.append(_Container(name, read.draft, read.image, read.command))
        elif verb in ("network create", "volume create"):
            kind = verb.split()[0] + "s"
            name, held = (_network if kind == "networks" else _volume)(rest)
            resources[kind][name] = held
        elif verb == "network connect":
            _connect(containers, rest)
        elif verb == "build":
            tags, held = _build(rest)
            builds |= dict.fromkeys(tags, held)
        elif verb not in ("start", "pull", "wait", "inspect", "exec", "cp"):
            notes.append(f"`docker {verb}` has no place in a compose file")
    if not containers:
        raise FlagError("no `docker run` here: write it as you would type it, in quotes or after `from`")
    return _project(containers, resources, builds, notes)


def _verb(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The command after docker's own options; `container run` is `run`, `buildx build` is `build`."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in ("-H", "--host", "--context", "-c", "--config", "-l", "--log-level") else 1
    words = words[at:]
    if words[:1] in (["container"], ["image"], ["buildx"]):
        words = words[1:]
    if words[:1] in (["network"], ["volume"]) and len(words) > 1:
        return f"{words[0]} {words[1]}", words[2:]
    return (words[0] if words else ""), words[1:]


_CREATE: dict[str, tuple[str, ...]] = {
    "--driver": ("driver",),
    "-d": ("driver",),
    "--internal": ("internal",),
    "--attachable": ("attachable",),
    "--ipv4": ("enable_ipv4",),
    "--ipv6": ("enable_ipv6",),
    "--ipam-driver": ("ipam", "driver"),
}
_SWITCHES = frozenset({"--internal", "--attachable", "--ipv4", "--ipv6"})
_PAIRS = {"--opt": "driver_opts", "-o": "driver_opts", "--label": "labels"}
_POOL = {"--subnet": "subnet", "--ip-range": "ip_range", "--gateway": "gateway"}


def _network(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    held: dict[str, Any] = {}
    name = ""
    for flag, value in _pairs(words, _SWITCHES):
        if not flag:
            name = value
        elif flag in _POOL:
            pools = held.setdefault("ipam", {}).setdefault("config", [])
            if flag == "--subnet" or not pools:
                pools.append({})
            pools[-1][_POOL[flag]] = value
        elif flag == "--aux-address":
            pools = held.setdefault("ipam", {}).setdefault("config", [{}])
            key, _, address = value.partition("=")
            pools[-1].setdefault("aux_addresses", {})[key] = address
        elif flag == "--ipam-opt":
            key, _, text = value.partition("=")
            held.setdefault("ipam", {}).setdefault("options", {})[key] = text
        else:
            _create(held, flag, value)
    return name, held


def _volume(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    held: dict[str, Any] = {}
    name = ""
    for flag, value in _pairs(words, frozenset()):
        if not flag or flag == "--name":
            name = value
        else:
            _create(held, flag, value)
    return name, held


def _create(held: dict[str, Any], flag: str, value: str) -> None:
    if flag in _PAIRS:
        key, _, text = value.partition("=")
        held.setdefault(_PAIRS[flag], {})[key] = text
        return
    if flag not in _CREATE:
        raise FlagError(f"{flag} of a `docker … create` is not known")
    *path, last = _CREATE[flag]
    for part in path:
        held = held.setdefault(part, {})
    held[last] = value != "false" if flag in _SWITCHES else value


def _pairs(words: Sequence[str], switches: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Flags with their values, and what is no flag with an empty flag."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-") or word == "-":
            yield "", word
            continue
        flag, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        if flag in switches:
            yield flag, value or "true"
            continue
        if not equals:
            if at >= len(words):
                raise FlagError(f"flag needs an argument: {flag}")
            value = words[at]
            at += 1
        yield flag, value


def _connect(containers: list[_Container], words: Sequence[str]) -> None:
    wish: dict[str, Any] = {}
    names = []
    for flag, value in _pairs(words, frozenset()):
        if not flag:
            names.append(value)
        elif flag == "--alias":
            wish.setdefault("aliases", []).append(value)
        elif flag == "--link-local-ip":
            wish.setdefault("link_local_ips", []).append(value)
        elif flag == "--driver-opt":
            key, _, text = value.partition("=")
            wish.setdefault("driver_opts", {})[key] = text
        elif flag in ("--ip", "--ip6"):
            wish["ipv4_address" if flag == "--ip" else "ipv6_address"] = value
        elif flag == "--gw-priority":
            wish["gw_priority"] = int(value)
    if len(names) != 2:
        raise FlagError("`docker network connect` needs a network and a container")
    for container in containers:
        if container.name == names[1]:
            container.draft.networks[names[0]] = wish


_BUILD_SWITCHES = frozenset({"--no-cache", "--pull", "-q", "--quiet", "--rm", "--force-rm", "--load"})
_BUILD = {
    "-f": "dockerfile",
    "--file": "dockerfile",
    "--target": "target",
    "--network": "network",
    "--shm-size": "shm_size",
}
_BUILD_LISTS = {
    "--cache-from": "cache_from",
    "--cache-to": "cache_to",
    "--ssh": "ssh",
    "--add-host": "extra_hosts",
    "--platform": "platforms",
}


def _build(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    held: dict[str, Any] = {"context": "."}
    tags: list[str] = []
    for flag, value in _pairs(words, _BUILD_SWITCHES):
        if not flag:
            held["context"] = value
        elif flag in ("-t", "--tag"):
            tags.append(value)
        elif flag in ("--build-arg", "--label", "--build-context"):
            key = {"--build-arg": "args", "--label": "labels", "--build-context": "additional_contexts"}[flag]
            name, equals, text = value.partition("=")
            held.setdefault(key, {})[name] = text if equals else None
        elif flag in ("--no-cache", "--pull"):
            held[flag[2:].replace("-", "_")] = True
        elif flag in _BUILD_LISTS:
            held.setdefault(_BUILD_LISTS[flag], []).append(value)
        elif flag in _BUILD:
            held[_BUILD[flag]] = value
    if (file := held.get("dockerfile")) and held["context"] not in (".", "./"):
        held["dockerfile"] = str(file).removeprefix(f"{str(held['context']).removeprefix('./').rstrip('/')}/")
    return tags, held


def _project(
    containers: list[_Container],
    resources: dict[str, dict[str, Any]],
    builds: dict[str, dict[str, Any]],
    notes: list[str],
) -> Made:
    project = _project_name(containers)
    services: dict[str, Any] = {}
    for container in containers:
        container.key = _key(container, project)
    keys = {container.name: container.key for container in containers if container.name}
    for container in containers:
        if container.key in services and _is_replica(container, project):
            services[container.key]["scale"] = services[container.key].get("scale", 1) + 1
            continue
        service = _service(container, keys, resources, project)
        own = _compose_name(container, project)
        if container.name and not own:
            service = {"container_name": container.name, **service}
        build = builds.get(container.image)
        if build is not None:
            service = {"build": build, **service}
            if container.image == f"{project}-{container.key}":
                del service["image"]
        services[container.key] = service
        notes += [f"{container.key}: {note}" for note in container.draft.notes]
    tree: dict[str, Any] = {"name": project} if project else {}
    tree["services"] = services
    for kind in ("networks", "volumes"):
        if found := resources[kind]:
            tree[kind] = {_short(name, project): _named(name, held, project) for name, held in found.items()}
    return Made(tree, list(dict.fromkeys(notes)))


def _project_name(containers: list[_Container]) -> str:
    """`p`, where every container is called as Compose calls those of a project `p`."""
    found = set()
    for container in containers:
        match = _NAMED.fullmatch(container.name)
        alias = next(iter(container.draft.aliases), "")
        if match is None or (alias and not match["project"].endswith(f"-{alias}")):
            continue
        found.add(match["project"].removesuffix(f"-{alias}") if alias else "")
    found.discard("")
    return found.pop() if len(found) == 1 else ""


def _compose_name(container: _Container, project: str) -> bool:
    return bool(project) and bool(re.fullmatch(rf"{re.escape(project)}-{re.escape(container.key)}-\d+", container.name))


def _is_replica(container: _Container, project: str) -> bool:
    return _compose_name(container, project)


def _key(container: _Container, project: str) -> str:
    """The service's name: its first alias, else the container's name, else the image's."""
    if container.draft.aliases:
        return container.draft.aliases[0]
    if project and (match := re.fullmatch(rf"{re.escape(project)}-(.+)-\d+", container.name)):
        return match[1]
    name = container.name or re.split(r"[:@]", container.image.rpartition("/")[2])[0]
    return re.sub(r"[^a-zA-Z0-9._-]", "-", name) or "app"


def _short(name: str, project: str) -> str:
    return name.removeprefix(f"{project}_") if project else name


def _named(name: str, held: dict[str, Any], project: str) -> dict[str, Any] | None:
    if project and name.startswith(f"{project}_"):
        return held or None
    return {"name": name, **held}


def _service(
    container: _Container, keys: dict[str, str], resources: dict[str, dict[str, Any]], project: str
) -> dict[str, Any]:
    draft = container.draft
    service: dict[str, Any] = {"image": container.image, **draft.service}
    if draft.entrypoint is not None:
        service["entrypoint"] = [draft.entrypoint] if draft.entrypoint else []
    if container.command:
        service["command"] = list(container.command)
    _volumes(service, draft, resources, project)
    for field in ("ipc", "pid"):
        if field in service:
            service[field] = _reference(service[field], keys)
    if "volumes_from" in service:
        service["volumes_from"] = [_from(entry, keys) for entry in service["volumes_from"]]
    for link in draft.links:
        target, colon, alias = link.partition(":")
        if target in keys:
            service.setdefault("links", []).append(
                keys[target] if alias in ("", keys[target]) else f"{keys[target]}:{alias}"
            )
        else:
            service.setdefault("external_links", []).append(f"{target}{colon}{alias}")
    _joined(service, container, keys, resources, project)
    return service


def _joined(
    service: dict[str, Any],
    container: _Container,
    keys: dict[str, str],
    resources: dict[str, dict[str, Any]],
    project: str,
) -> None:
    """The networks; without any the container is on docker's own, as `docker run` has it."""
    draft = container.draft
    names = list(draft.networks)
    if not names:
        return
    first = names[0]
    if first in _PLAIN_MODES or first.startswith("container:"):
        if first != "default":
            service["network_mode"] = _reference(first, keys)
        return
    aliases = [alias for alias in draft.aliases if alias != container.key]
    wishes: dict[str, Any] = {}
    for at, name in enumerate(names):
        wish = dict(draft.networks[name])
        if at == 0:
            wish |= draft.address
            wish |= {"aliases": [*wish.get("aliases", ()), *aliases]} if aliases else {}
        if at == 0 and len(names) > 1:
            wish["priority"] = len(names)
        if wish.get("aliases"):
            wish["aliases"] = [alias for alias in wish["aliases"] if alias != container.key]
            if not wish["aliases"]:
                del wish["aliases"]
        resources["networks"].setdefault(name, {"external": True})
        wishes[_short(name, project)] = wish or None
    if wishes != {"default": None}:
        service["networks"] = wishes if any(wishes.values()) else list(wishes)


def _reference(mode: str, keys: dict[str, str]) -> str:
    name = mode.removeprefix("container:")
    return f"service:{keys[name]}" if name != mode and name in keys else mode


def _from(entry: str, keys: dict[str, str]) -> str:
    name, colon, mode = entry.removeprefix("container:").partition(":")
    return f"{keys[name]}{colon}{mode}" if name in keys else entry


def _volumes(service: dict[str, Any], draft: Draft, resources: dict[str, dict[str, Any]], project: str) -> None:
    """Named volumes are declared; a name is one when it does not begin like a path."""
    mounts = service.get("volumes", [])
    for at, mount in enumerate(mounts):
        if isinstance(mount, dict):
            source = mount.get("source", "")
            if mount["type"] == "volume" and source:
                mount["source"] = _declared(source, draft, resources, project)
            continue
        source, colon, rest = mount.partition(":")
        if colon and not is_path(source):
            mounts[at] = f"{_declared(source, draft, resources, project)}:{rest}"


def _declared(name: str, draft: Draft, resources: dict[str, dict[str, Any]], project: str) -> str:
    held = resources["volumes"].setdefault(name, {})
    if draft.volume_driver and draft.volume_driver != "local":
        held["driver"] = draft.volume_driver
    return _short(name, project)
