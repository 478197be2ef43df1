"""The two files together: what mounts do to what the image built."""

import posixpath
import re
from collections.abc import Iterator

from dockless.compose.load.tree import Map, Seq
from dockless.dockerfile.model import Copy, Run
from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.composed import Composed, Spot
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.rules.storage import mount_at
from dockless.explain.doctor.shell import Command
from dockless.explain.doctor.table import Table

rules = Table("compose")


@rules.rule(
    "ST001",
    "warning",
    "Edits never reach the running program",
    mends="safe",
    costs="The mount looks like live reload and is none: the program runs the copy in the image, until the next build.",
    wrong={
        "compose.yaml": """
services:
  web:
    build: .
    command: python app.py
    volumes:
      - .:/web/project
""",
        "Dockerfile": """
FROM python:3.13
WORKDIR /web
COPY . .
USER nobody
""",
        ".dockerignore": ".git\n",
        "app.py": "",
    },
    right={
        "compose.yaml": """
services:
  web:
    build: .
    command: python app.py
    volumes:
      - .:/web
""",
        "Dockerfile": """
FROM python:3.13
WORKDIR /web
COPY . .
USER nobody
""",
        ".dockerignore": ".git\n",
        "app.py": "",
    },
)
def edits_lost(composed: Composed) -> Iterator[Hit]:
    """The image has a copy of the folder in one place (COPY), the mount shows the folder in another, and the
    process runs from the first. Mount it where the image has its copy, or let `develop.watch` carry the changes."""
    for part in composed.parts:
        recipe = part.recipe
        if recipe is None:
            continue
        whole = [target for _, source, target in recipe.copies if source == "."]
        mounts = {posixpath.normpath(mount.target): mount for mount in part.service.volumes if mount.type == "bind"}
        for target, mount in mounts.items():
            if mount.source != recipe.folder.path or not whole or target in whole:
                continue
            runs_there = part.folder == target or part.folder.startswith(target + "/") or target in part.line
            if runs_there or part.folder not in whole or part.folder in mounts:
                continue
            spot = mount_at(part, target)
            safe = not hidden_by(recipe, part.folder, set(mounts)) and not _made_there(recipe, part.folder)
            yield part.hit(
                f"the folder is mounted at {target}, but the process runs from {part.folder}, the image's own copy",
                f"mount it at {part.folder}",
                at=spot,
                edits=(_retargeted(spot, target, part.folder),),
                safe=safe,
            )


_HARMLESS = frozenset(
    {"pip", "pip3", "apt-get", "apt", "apk", "useradd", "adduser", "groupadd", "addgroup", "usermod"}
    | {"chown", "chmod", "mkdir", "rm", "set", "echo", "true", "ln"}
)
"""Commands that make nothing in the program's folder that it would miss."""


def _made_there(recipe: Recipe, folder: str) -> bool:
    """Whether something in that folder may come from the build rather than from the context: a mount would hide it."""
    filled = False
    for instruction, where in recipe.walk():
        if isinstance(instruction, Copy) and instruction.from_:
            target = posixpath.normpath(posixpath.join(where, instruction.destination))
            if target == folder or target.startswith(folder + "/"):
                return True
        if any(instruction is copy and source == "." for copy, source, _ in recipe.copies):
            filled = True
        elif filled and isinstance(instruction, Run):
            commands = next(found for _, run, found in recipe.runs if run is instruction)
            if any(command.name not in _HARMLESS for command in commands):
                return True
    return False


def _retargeted(spot: Spot | None, old: str, new: str) -> Edit | None:
    """The mount's target changed where it stands."""
    if spot is None or isinstance(spot.value, Seq):
        return None
    if isinstance(spot.value, Map) and "target" in spot.value.marks:
        return yaml_text.rewritten(spot.text, spot.value.marks["target"][1], new)
    if isinstance(spot.value, dict):
        return None
    span = yaml_text.scalar(spot.text, spot.mark)
    if span is None:
        return None
    written = spot.text.content[span[0] : span[1]]
    found = re.search(rf":{re.escape(old)}/?(?=:|['\"]|$)", written)
    if found is None:
        return None
    return Edit(spot.text.path, span[0] + found.start() + 1, span[0] + found.end(), new)


_MADE: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"^(?:npm (?:install|ci|i)|yarn(?: install)?|pnpm (?:install|i))(?!.* (?:-g|--global))"),
        "node_modules",
    ),
    (re.compile(r"^composer install"), "vendor"),
    (re.compile(r"^bundle install .*--path"), "vendor"),
    (re.compile(r"^poetry config .*in-project|^uv sync|^pipenv install"), ".venv"),
    (re.compile(r"^(?:npm|yarn|pnpm) (?:run )?build"), "dist"),
    (re.compile(r"^mvn |^\./mvnw "), "target"),
    (re.compile(r"^cargo build"), "target"),
)


def _made_by(command: Command) -> str:
    """What a command makes below its working directory: "" if that is not known."""
    line = " ".join((command.name, *(word.text for word in command.arguments)))
    if re.match(r"python[\d.]* -m venv ", line):
        made = line.rsplit(" ", 1)[-1]
        return "" if made.startswith("/") else made
    return next((made for pattern, made in _MADE if pattern.search(line)), "")


def hidden_by(recipe: Recipe, target: str, mounted: set[str]) -> list[tuple[Run, str]]:
    """What RUN steps made below a path where a folder is mounted, by (step, path), unless it has a mount of its own."""
    found: list[tuple[Run, str]] = []
    for instruction, folder in recipe.walk():
        if not isinstance(instruction, Run):
            continue
        for command in next(commands for _, run, commands in recipe.runs if run is instruction):
            made = _made_by(command)
            path = posixpath.normpath(posixpath.join(folder, made)) if made else ""
            inside = path.startswith(target.rstrip("/") + "/")
            kept = any(path == other or path.startswith(other + "/") for other in mounted if other != target)
            if made and inside and not kept and all(path != other for _, other in found):
                found.append((instruction, path))
    return found


@rules.rule(
    "ST002",
    "warning",
    "A mount hides what the image built",
    mends="safe",
    costs="The container starts without its dependencies: “module not found”; or with the host's, for another system.",
    wrong={
        "compose.yaml": """
services:
  web:
    build: .
    volumes:
      - .:/app
""",
        "Dockerfile": """
FROM node:24-slim
WORKDIR /app
COPY package.json ./
RUN npm install
COPY . .
USER node
CMD ["node", "app.js"]
""",
        ".dockerignore": ".git\n",
        "package.json": "{}\n",
    },
    right={
        "compose.yaml": """
services:
  web:
    build: .
    volumes:
      - .:/app
      - /app/node_modules
""",
        "Dockerfile": """
FROM node:24-slim
WORKDIR /app
COPY package.json ./
RUN npm install
COPY . .
USER node
CMD ["node", "app.js"]
""",
        ".dockerignore": ".git\n",
        "package.json": "{}\n",
    },
)
def hides_built(composed: Composed) -> Iterator[Hit]:
    """A bind mount shows the host's folder instead of the image's, with all that a RUN made in there. An anonymous
    volume for the one folder (`- /app/node_modules`) keeps the image's."""
    for part in composed.parts:
        if part.recipe is None:
            continue
        mounted = {posixpath.normpath(mount.target) for mount in part.service.volumes}
        for mount in part.service.volumes:
            target = posixpath.normpath(mount.target)
            if mount.type != "bind":
                continue
            for run, path in hidden_by(part.recipe, target, mounted):
                spot = mount_at(part, target)
                yield part.hit(
                    f"the mount at {target} hides {path}, made in line {run.position.line} of the Dockerfile",
                    f"add `- {path}` to `volumes`",
                    at=spot,
                    edits=(_item_after(spot, f"- {path}"),),
                )


def _item_after(spot: Spot | None, item: str) -> Edit | None:
    """One more item in a list, after the one at that spot."""
    if spot is None or spot.text.line(spot.line)[: spot.mark.column].strip() != "-":
        return None
    margin = spot.text.line(spot.line)[: spot.text.line(spot.line).index("-")]
    last = yaml_text.last_line(spot.text, spot.key)
    at = spot.text.offset(last + 1)
    ending = "" if spot.text.content[:at].endswith("\n") else "\n"
    return Edit(spot.text.path, at, at, f"{ending}{margin}{item}\n")


@rules.rule(
    "ST003",
    "warning",
    "A volume hides the image's content",
    costs="After a build the container still shows the old files: a volume is filled from the image when it is new.",
    wrong={
        "compose.yaml": """
services:
  web:
    build: .
    volumes:
      - code:/app
volumes:
  code:
""",
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY . .
USER nobody
""",
        ".dockerignore": ".git\n",
    },
    right={
        "compose.yaml": """
services:
  web:
    build: .
    volumes:
      - uploads:/app/uploads
volumes:
  uploads:
""",
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY . .
USER nobody
""",
        ".dockerignore": ".git\n",
    },
)
def volume_hides(composed: Composed) -> Iterator[Hit]:
    """A named volume is for data that the program writes. At the folder that COPY fills it freezes the first
    build's content."""
    for part in composed.parts:
        recipe = part.recipe
        if recipe is None:
            continue
        for mount in part.service.volumes:
            target = posixpath.normpath(mount.target)
            if mount.type != "volume" or not mount.source:
                continue
            copied = [(i, place) for i, _, place in recipe.copies if place == target or place.startswith(target + "/")]
            if copied:
                line = copied[0][0].position.line
                yield part.hit(
                    f"the volume {mount.source} at {target} hides what the Dockerfile copies there in line {line}",
                    "mount only the folder that the program writes to",
                    at=mount_at(part, target),
                )
