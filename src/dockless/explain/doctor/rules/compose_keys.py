"""Keys of a compose file that are obsolete, ignored, unused, or do not mean what they seem to."""

import re
from collections.abc import Iterator
from typing import Any

from dockless.compose.load.template import variables
from dockless.compose.load.tree import Map, Mark
from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.composed import Composed, Part, Spot, Written
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.table import Table

rules = Table("compose")


@rules.rule(
    "CF001",
    "info",
    "`version` is obsolete",
    mends="safe",
    costs="A warning with every command; and who raises the number expects something of it.",
    wrong="""
version: '3'
services:
  web:
    image: nginx:1.30
""",
    right="""
services:
  web:
    image: nginx:1.30
""",
)
def version(composed: Composed) -> Iterator[Hit]:
    """The Compose Specification has no versions; the key is ignored."""
    for file in composed.files:
        if "version" in file.raw:
            key = file.raw.marks["version"][0]
            edit = yaml_text.removed(file.text, key)
            yield Hit(
                text=file.text,
                line=key.line + 1,
                column=key.column + 1,
                message="`version` is obsolete and ignored",
                change="remove it",
                edits=(edit,) if edit else (),
            )


@rules.rule(
    "CF002",
    "info",
    "`links` is obsolete",
    mends="safe",
    costs="A reader takes it for what makes the connection; it would go on to say so when the networks say otherwise.",
    wrong="""
services:
  web:
    image: nginx:1.30
    links:
      - api
  api:
    image: nginx:1.30
""",
    right="""
services:
  web:
    image: nginx:1.30
    depends_on:
      - api
  api:
    image: nginx:1.30
""",
)
def links(composed: Composed) -> Iterator[Hit]:
    """Services of one network reach each other by their names. What a link also does, to wait for the other's
    start, is `depends_on`'s job; a link with an alias is a network alias."""
    for part in composed.parts:
        spot = part.find("links")
        if not part.service.links or spot is None:
            continue
        aliased = [link for link in part.service.links if ":" in link and len(set(link.split(":"))) > 1]
        others = [link.split(":")[0] for link in part.service.links]
        removed = yaml_text.removed(spot.text, spot.key)
        named = part.find("depends_on")
        missing = [other for other in others if named is None or other not in part.service.depends_on]
        edits: tuple[Edit | None, ...] = (removed,)
        if missing and named is None and removed is not None:
            margin = " " * spot.key.column
            text = f"{margin}depends_on:\n" + "".join(
                f"{margin}{' ' * yaml_text.step(spot.text)}- {o}\n" for o in missing
            )
            edits = (Edit(removed.path, removed.start, removed.end, text),)
        elif missing:
            edits = (None,)
        yield part.hit(
            "services of one network know each other by name without `links`",
            "remove it" if not aliased else "give the other service that name as a network alias, and remove `links`",
            at=spot,
            edits=(None,) if aliased else edits,
        )


def _strings(value: Any, marks: "Mark | None") -> Iterator[tuple[str, Mark]]:
    if isinstance(value, str) and marks is not None:
        yield value, marks
    elif isinstance(value, Map):
        for name, entry in value.items():
            yield from _strings(entry, value.marks[name][1] if name in value.marks else marks)
    elif isinstance(value, list):
        found = getattr(value, "marks", [])
        for index, entry in enumerate(value):
            yield from _strings(entry, found[index] if index < len(found) else marks)


def _unset(composed: Composed, file: Written) -> Iterator[tuple[str, str, Mark]]:
    """(name, text, place) of variables that have neither a value nor a default."""
    for text, mark in _strings(file.raw, None):
        if "$" in text and mark.name == file.text.path:
            for found in variables(text):
                bare = re.search(rf"(?<!\$)(?:\$\$)*\$(?:{found.name}\b|\{{{found.name}\}})", text)
                if bare and found.name not in composed.project.environment:
                    yield found.name, text, mark


def _own_variables(composed: Composed, part: Part) -> set[str]:
    own = set(part.service.environment)
    for entry in part.service.env_file:
        own |= set(composed.variables.get(entry.path, {}))
    return own | {"HOSTNAME", "PATH"}


_LOGIN = frozenset({"HOME", "LOGNAME", "PWD", "SHELL", "USER"})


@rules.rule(
    "CF003",
    "warning",
    "A variable has no value",
    costs="It is replaced by nothing: a port, a path or a password is empty.",
    wrong="""
services:
  web:
    image: nginx:${NGINX_VERSION_OF_MINE}
""",
    right="""
services:
  web:
    image: nginx:${NGINX_VERSION_OF_MINE:-1.30}
""",
)
def unset(composed: Composed) -> Iterator[Hit]:
    """`${NAME}` is looked up in the environment and in `.env`. Write a default, `${NAME:-value}`, or let it be
    asked for: `${NAME:?what it is}`."""
    seen: set[tuple[str, int]] = set()
    for file in composed.files:
        services = {
            spot.line: part for part in composed.parts if (spot := part.spot) is not None and spot.text is file.text
        }
        for name, _, mark in _unset(composed, file):
            above = max((line for line in services if line <= mark.line + 1), default=None)
            own = _own_variables(composed, services[above]) if above is not None else set()
            if name in own or name in _LOGIN or (name, mark.line) in seen:
                continue  # CF004 speaks of it; or whoever logs in has it
            seen.add((name, mark.line))
            yield Hit(
                text=file.text,
                line=mark.line + 1,
                column=mark.column + 1,
                message=f"{name} is set nowhere, so it is replaced by nothing",
                change=f"set it in .env, or write `${{{name}:-default}}` or `${{{name}:?why}}`",
            )
        for text, mark in _strings(file.raw, None):
            for variable in variables(text) if "$" in text else ():
                if variable.name in composed.required and (variable.name, 0) not in seen:
                    seen.add((variable.name, 0))
                    yield Hit(
                        text=file.text,
                        line=mark.line + 1,
                        column=mark.column + 1,
                        message=f"{variable.name} must be set, and is not yet",
                        change="set it in .env",
                        severity="info",
                    )


@rules.rule(
    "CF004",
    "error",
    "A variable of the container is replaced on the host",
    mends="safe",
    costs="The command gets an empty text where the container's variable was meant.",
    wrong="""
services:
  db:
    image: redis:8.0
    environment:
      PASS_OF_MINE: ${PASS_OF_MINE:-x}
    command: sh -c "redis-server --requirepass $PASS_OF_MINE"
    volumes: ["data:/data"]
volumes:
  data:
""",
    right="""
services:
  db:
    image: redis:8.0
    environment:
      PASS_OF_MINE: ${PASS_OF_MINE:-x}
    command: sh -c "redis-server --requirepass $$PASS_OF_MINE"
    volumes: ["data:/data"]
volumes:
  data:
""",
)
def meant_inside(composed: Composed) -> Iterator[Hit]:
    """Compose replaces `$NAME` everywhere in the file, from the host's environment. A dollar sign that the
    container's shell shall see is written twice: `$$NAME`. The variable here is set for the container, and not on
    the host."""
    for part in composed.parts:
        own = _own_variables(composed, part)
        for key in ("command", "entrypoint", "healthcheck"):
            spot = part.find(key)
            if spot is None:
                continue
            for text, mark in _strings(spot.raw, spot.mark):
                for found in variables(text) if "$" in text else ():
                    bare = re.search(rf"(?<!\$)(?:\$\$)*\$(?:{found.name}\b|\{{{found.name}\}})", text)
                    if not bare or found.name in composed.project.environment or found.name not in own:
                        continue
                    at = Spot(spot.text, text, mark, mark)
                    yield part.hit(
                        f"${found.name} is replaced on the host, where it is not set",
                        f"write `$${found.name}`",
                        at=at,
                        edits=(_doubled(spot.text, mark, found.name),),
                    )


def _doubled(text: Any, mark: Mark, name: str) -> Edit | None:
    """One more dollar sign before a name, wherever it stands in the value that begins at a place."""
    start = text.offset(mark.line + 1, mark.column + 1)
    end = text.offset(yaml_text.last_line(text, mark) + 1)
    found = re.compile(rf"(?<!\$)\$(?=\{{?{name}\b)").search(text.content, start, end)
    return Edit(text.path, found.start(), found.start(), "$") if found else None


@rules.rule(
    "CF005",
    "info",
    "A fixed container name",
    costs="The project can run only once on a machine, and the service cannot be scaled.",
    wrong="""
services:
  web:
    image: nginx:1.30
    container_name: web
""",
    right="""
services:
  web:
    image: nginx:1.30
""",
)
def container_name(composed: Composed) -> Iterator[Hit]:
    """Compose names containers `project-service-1`, which is unique, and other services use the service's name
    anyway."""
    for part in composed.parts:
        spot = part.find("container_name")
        if spot is not None and part.service.replicas <= 1:
            yield part.hit(
                "a container of this name can exist only once on a machine", "leave the name to Compose", at=spot
            )


@rules.rule(
    "CF006",
    "info",
    "Something is declared and not used",
    costs="A reader looks for its use; often it is what is left of a mistyped name.",
    wrong="""
services:
  web:
    image: nginx:1.30
volumes:
  data:
""",
    right="""
services:
  web:
    image: nginx:1.30
    volumes:
      - data:/srv
volumes:
  data:
""",
)
def unused(composed: Composed) -> Iterator[Hit]:
    """No service uses this volume, network, secret or config. Volumes and networks that no service uses are not
    created."""
    used: dict[str, set[str]] = {kind: set() for kind in ("volumes", "networks", "secrets", "configs")}
    for part in composed.parts:
        service = part.service
        used["volumes"] |= {mount.source for mount in service.volumes if mount.type == "volume"}
        used["networks"] |= set(service.networks)
        used["secrets"] |= {grant.source for grant in service.secrets}
        used["secrets"] |= {grant.source for grant in service.build.secrets} if service.build else set()
        used["configs"] |= {grant.source for grant in service.configs}
    for kind, names in used.items():
        for name in getattr(composed.project, kind):
            spot = composed.find((kind, name))
            if name not in names and spot is not None and not (kind == "networks" and name == "default"):
                yield composed.hit(
                    spot, (kind, name), f"no service uses the {kind[:-1]} {name}", "remove it, or correct the name"
                )


@rules.rule(
    "CF007",
    "info",
    "Keys that only a cluster understands",
    costs="What they ask for does not happen.",
    wrong="""
services:
  web:
    image: nginx:1.30
    deploy:
      placement:
        constraints: [node.role == manager]
""",
    right="""
services:
  web:
    image: nginx:1.30
    deploy:
      replicas: 1
""",
)
def cluster_only(composed: Composed) -> Iterator[Hit]:
    """`deploy.placement`, `update_config`, `rollback_config`, `endpoint_mode` and `mode: global` are Swarm's; `up`
    ignores them."""
    for part in composed.parts:
        deploy = part.find("deploy")
        for key in deploy.value if deploy is not None and isinstance(deploy.value, Map) else ():
            ignored = key in ("placement", "update_config", "rollback_config", "endpoint_mode")
            if ignored or (key == "mode" and deploy is not None and deploy.value[key] == "global"):
                yield part.hit(
                    f"`deploy.{key}` has no effect outside a cluster", "remove it", at=part.find("deploy", key)
                )
