"""RUN lines in which a language's package manager installs something: pip, npm, gem and their kind."""

import re
from collections.abc import Iterator

from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.known import reference
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.rules.packages import caches
from dockless.explain.doctor.shell import Command, Word
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_TOOLS = frozenset({"pip", "wheel", "setuptools"})
_PINNED = re.compile(r"[=<>~!@;]|://|^[./$]|^\{|\.whl$|\.tar\.gz$")


_TAKES = re.compile(
    r"-[rceitf]|--(?:requirement|constraint|editable|(?:extra-)?index-url|target|prefix|root|find-links|trusted-host"
    r"|python-version|platform|(?:only|no)-binary|root-user-action|progress-bar|timeout|proxy)"
)
"""pip's options that take the next word."""


def is_pip(command: Command) -> bool:
    """`pip install …`, `pip3.12 install …`, `python -m pip install …`."""
    if re.fullmatch(r"pip[\d.]*", command.name):
        return command.says(command.name, "install")
    words = [word.text for word in command.arguments]
    return re.fullmatch(r"python[\d.]*", command.name) is not None and words[:3] == ["-m", "pip", "install"]


def requirements(command: Command) -> list[Word]:
    """What a pip command names to be installed, without options and their values."""
    found: list[Word] = []
    skip = False
    for word in command.arguments:
        if skip:
            skip = False
        elif _TAKES.fullmatch(word.text):
            skip = True
        elif not word.text.startswith("-"):
            found.append(word)
    return found[2:] if command.name.startswith("python") else found[1:]


def _verb(command: Command) -> Word:
    return next(word for word in command.arguments if word.text == "install")


@rules.rule(
    "DF011",
    "warning",
    "`pip install --upgrade` of no version",
    mends="unsafe",
    costs="The same file builds another image tomorrow; a new pip that breaks a dependency breaks the build.",
    wrong="""
FROM python:3.13
RUN pip install --no-cache-dir --upgrade pip
USER nobody
""",
    right="""
FROM python:3.13
RUN pip install --no-cache-dir pip==25.3
USER nobody
""",
)
def upgrade_unpinned(recipe: Recipe) -> Iterator[Hit]:
    """`--upgrade` takes whatever is newest on the day of the build, and the cache keeps that until something above
    changes. The image's own pip is made for its Python, and pip installs wheels without the package `wheel`. Leave
    the line away, or name a version."""
    for _, run, commands in recipe.runs:
        for command in commands:
            named = requirements(command) if is_pip(command) else []
            loose = [word for word in named if not _PINNED.search(word.text)]
            if not loose or not command.has("U", "--upgrade"):
                continue
            names = ", ".join(word.text for word in loose)
            tools = all(word.text in _TOOLS for word in named)
            edit = (recipe.removed(run) if len(commands) == 1 else recipe.without(run, command)) if tools else None
            yield recipe.hit(
                run,
                f"`pip install --upgrade` takes whatever version of {names} is newest on the day of the build",
                "remove it: the base image brings a version that fits" if tools else "name versions: `name==1.2.3`",
                at=command,
                edits=(edit,) if edit else (),
                safe=False,
            )


@rules.rule(
    "DF012",
    "info",
    "`pip install` of no version",
    costs="The same file builds another image tomorrow.",
    also=("DL3013",),
    wrong="""
FROM python:3.13
RUN pip install --no-cache-dir gunicorn
USER nobody
""",
    right="""
FROM python:3.13
RUN pip install --no-cache-dir gunicorn==23.0.0
USER nobody
""",
)
def pip_unpinned(recipe: Recipe) -> Iterator[Hit]:
    """A name without a version means the newest one at the time of the build. A requirements file that names
    versions is the usual place for them."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if (
                not is_pip(command)
                or command.has("U", "--upgrade")
                or command.has("", "--constraint")
                or command.has("c")
            ):
                continue
            loose = [word for word in requirements(command) if not _PINNED.search(word.text)]
            if loose:
                names = ", ".join(word.text for word in loose)
                yield recipe.hit(run, f"no version is named for {names}", "write `name==1.2.3`", at=command)


@rules.rule(
    "DF013",
    "info",
    "pip keeps its cache in the image",
    mends="safe",
    costs="A second copy of every package that was downloaded.",
    also=("DL3042",),
    wrong="""
FROM python:3.13
COPY requirements.txt .
RUN pip install -r requirements.txt
USER nobody
""",
    right="""
FROM python:3.13
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
USER nobody
""",
)
def pip_cache(recipe: Recipe) -> Iterator[Hit]:
    """pip keeps what it downloads under ~/.cache/pip for a next time, which a layer of an image never has.
    `--no-cache-dir` turns that off; so does `ENV PIP_NO_CACHE_DIR=1`. A cache mount (`RUN
    --mount=type=cache,target=/root/.cache/pip`) keeps it out of the image and makes the next build faster. Stages
    that are thrown away do not matter."""
    kept = set(recipe.chain)
    if "PIP_NO_CACHE_DIR" in recipe.text.content:
        return
    for stage, run, commands in recipe.runs:
        if stage not in kept or caches(run, "/root/.cache/pip") or any("type=cache" in mount for mount in run.mounts):
            continue
        for command in commands:
            if is_pip(command) and not command.has("", "--no-cache-dir") and not _is_only_tools(command):
                verb = _verb(command)
                edits = (recipe.replaced(verb, "install --no-cache-dir"),) if verb.end > verb.start else ()
                yield recipe.hit(
                    run,
                    "`pip install` leaves its download cache in the layer",
                    "add `--no-cache-dir`",
                    at=command,
                    edits=edits,
                )


def _is_only_tools(command: Command) -> bool:
    """DF011 speaks of those."""
    named = requirements(command)
    return bool(named) and all(word.text in _TOOLS for word in named) and command.has("U", "--upgrade")


@rules.rule(
    "DF014",
    "info",
    "`npm install` where there is a lock file",
    mends="unsafe",
    costs="Dependencies may be newer than what was tested, and the lock file is changed in the image alone.",
    wrong={
        "Dockerfile": """
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install
USER node
""",
        "package.json": "{}\n",
        "package-lock.json": "{}\n",
    },
    right={
        "Dockerfile": """
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
USER node
""",
        "package.json": "{}\n",
        "package-lock.json": "{}\n",
    },
)
def npm_install(recipe: Recipe) -> Iterator[Hit]:
    """`npm ci` installs exactly what package-lock.json says and fails where it does not fit package.json; `npm
    install` resolves again."""
    if not any(name.rsplit("/", 1)[-1] == "package-lock.json" for name in recipe.folder.files):
        return
    for _, run, commands in recipe.runs:
        if any(command.says("npm", "ci") for command in commands):
            continue  # a script that decides by itself
        for command in commands:
            if command.name == "npm" and [w.text for w in command.operands] in (["install"], ["i"]):
                if command.has("g", "--global"):
                    continue
                verb = command.operands[0]
                yield recipe.hit(
                    run,
                    "`npm install` does not keep to package-lock.json",
                    "write `npm ci`",
                    at=command,
                    edits=(recipe.replaced(verb, "ci"),) if verb.end > verb.start else (),
                    safe=False,
                )


@rules.rule(
    "DF015",
    "info",
    "A global npm package or a gem of no version",
    costs="The same file builds another image tomorrow.",
    also=("DL3016", "DL3028"),
    wrong="""
FROM node:24-slim
RUN npm install -g serve
USER node
""",
    right="""
FROM node:24-slim
RUN npm install -g serve@14.2.5
USER node
""",
)
def global_unpinned(recipe: Recipe) -> Iterator[Hit]:
    """A tool that is installed by name alone is the newest one at the time of the build."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if command.name == "npm" and command.has("g", "--global") and command.operands[:1]:
                if command.operands[0].text not in ("install", "i", "add"):
                    continue
                loose = [
                    w.text
                    for w in command.operands[1:]
                    if "@" not in w.text[1:] and not re.match(r"[./]|\$|http", w.text)
                ]
            elif command.says("gem", "install") and not command.has("v", "--version"):
                loose = [w.text for w in command.operands[1:] if ":" not in w.text and not w.text.endswith(".gem")]
            else:
                continue
            if loose:
                yield recipe.hit(run, f"no version is named for {', '.join(loose)}", "name a version", at=command)


@rules.rule(
    "DF023",
    "error",
    "Debian's own Python refuses pip",
    costs="The build fails: “externally-managed-environment”.",
    wrong="""
FROM debian:trixie
RUN apt-get update \\
    && apt-get install -y --no-install-recommends python3-pip \\
    && pip install --no-cache-dir flask==3.1.0 \\
    && rm -rf /var/lib/apt/lists/*
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update \\
    && apt-get install -y --no-install-recommends python3-venv \\
    && python3 -m venv /opt/venv \\
    && /opt/venv/bin/pip install --no-cache-dir flask==3.1.0 \\
    && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def externally_managed(recipe: Recipe) -> Iterator[Hit]:
    """Since Debian 12 and Ubuntu 23.04 pip does not install into the distribution's Python (PEP 668). Use a virtual
    environment, or an official `python` image, whose pip may."""
    for stage, run, commands in recipe.runs:
        base = reference(recipe.base(stage))
        debian = re.match(r"(?:1[2-9]|bookworm|trixie|testing|sid|stable)", base.tag) is not None
        ubuntu = base.version >= (23, 4) or base.tag.startswith("noble")
        newer = debian if base.repository == "debian" else ubuntu and base.repository == "ubuntu"
        if not newer or re.search(
            r"venv|conda|pyenv|uv |EXTERNALLY-MANAGED|PIP_BREAK_SYSTEM_PACKAGES", recipe.text.content
        ):
            continue
        for command in commands:
            if (
                is_pip(command)
                and "/" not in command.program.text
                and not command.has("t", "--break-system-packages", "--target", "--user")
            ):
                yield recipe.hit(
                    run,
                    "pip refuses to install into the distribution's Python",
                    "make a virtual environment: `python3 -m venv /opt/venv`",
                    at=command,
                )
