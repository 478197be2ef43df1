"""RUN lines: language package managers, downloads, and commands that do not do in a build what they look like."""

import re
from collections.abc import Iterator

from dockless.dockerfile.model import Env, Shell
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.known import reference
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.rules.packages import caches
from dockless.explain.doctor.shell import Command, Word
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_TOOLS = frozenset({"pip", "wheel", "setuptools"})
_PINNED = re.compile(r"[=<>~!@;]|://|^[./$]|^\{|\.whl$|\.tar\.gz$")
_URL_SECRET = re.compile(r"://[^/\s:@$]+:[^/\s@$]+@")


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
    "DF016",
    "warning",
    "A RUN whose effect ends with it",
    costs="The instructions after it work in another folder or environment than they seem to.",
    also=("DL3003",),
    wrong="""
FROM alpine:3.22
RUN cd /srv
RUN touch here
USER nobody
""",
    right="""
FROM alpine:3.22
WORKDIR /srv
RUN touch here
USER nobody
""",
)
def ends_with_it(recipe: Recipe) -> Iterator[Hit]:
    """Every RUN is a shell of its own: `cd`, `export`, `alias`, `source` and `umask` are forgotten when it ends.
    WORKDIR and ENV are what lasts."""
    instead = {"cd": "write `WORKDIR …`", "export": "write `ENV NAME=value`"}
    for _, run, commands in recipe.runs:
        if commands and all(
            c.name in ("cd", "export", "alias", "source", ".", "umask", "ulimit", "set") for c in commands
        ):
            name = commands[-1].name
            if commands[0].name == "set":
                continue
            yield recipe.hit(
                run,
                f"what `{name}` sets is gone when this RUN ends",
                instead.get(name, "join it with the command that needs it: `RUN … && …`"),
                at=commands[-1],
            )


@rules.rule(
    "DF017",
    "info",
    "`sudo` in a build",
    costs="A program that nothing needs, and an own way to become root in the running container.",
    also=("DL3004",),
    wrong="""
FROM debian:trixie
RUN sudo install -d /data
USER nobody
""",
    right="""
FROM debian:trixie
RUN install -d /data
USER nobody
""",
)
def sudo(recipe: Recipe) -> Iterator[Hit]:
    """A RUN is root until USER says otherwise; put what needs root before USER."""
    for _, run, commands in recipe.runs:
        for command in commands:
            first = command.words[0]
            if first.text == "sudo" and len(command.words) > 1:
                yield recipe.hit(
                    run,
                    "`sudo` is not needed: a RUN is root until USER says otherwise",
                    "move it before USER",
                    at=command,
                )


@rules.rule(
    "DF018",
    "info",
    "A failed download is not noticed",
    costs="An incomplete or empty file enters the image, and the build goes on.",
    also=("DL4006",),
    wrong="""
FROM debian:trixie
RUN curl -fsSL https://example.com/x.tar.gz | tar -xz -C /opt
USER nobody
""",
    right="""
FROM debian:trixie
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl -fsSL https://example.com/x.tar.gz | tar -xz -C /opt
USER nobody
""",
)
def pipefail(recipe: Recipe) -> Iterator[Hit]:
    """The shell looks only at the last command of a pipe. `set -o pipefail` (of bash, or of busybox's sh in Alpine)
    makes the first failure count; or download into a file first."""
    if "pipefail" in recipe.text.content or any(True for _ in recipe.all(Shell)):
        return
    for _, run, commands in recipe.runs:
        for command in commands:
            if command.name in ("curl", "wget") and command.after == "|" and not run.heredocs:
                yield recipe.hit(
                    run,
                    f"if `{command.name}` fails, the pipe's last command decides and the build goes on",
                    'put `SHELL ["/bin/bash", "-o", "pipefail", "-c"]` before it, or download into a file first',
                    at=command,
                )


@rules.rule(
    "DF019",
    "info",
    "`curl` takes an error page for the file",
    mends="safe",
    costs="A 404 page is saved as if it were the download; what reads it fails later, with another message.",
    wrong="""
FROM python:3.13
RUN curl -sSLo /opt/x.tar.gz https://example.com/x.tar.gz
USER nobody
""",
    right="""
FROM python:3.13
RUN curl -fsSLo /opt/x.tar.gz https://example.com/x.tar.gz
USER nobody
""",
)
def curl_fail(recipe: Recipe) -> Iterator[Hit]:
    """Without `-f`, curl's exit status is 0 whatever the server answered."""
    for _, run, commands in recipe.runs:
        for command in commands:
            fetches = (
                command.has("oO", "--output", "--remote-name")
                or command.has("O")
                or command.has("o")
                or command.after == "|"
            )
            if command.name == "curl" and fetches and not command.has("f", "--fail", "--fail-with-body"):
                word = command.program
                edits = (recipe.replaced(word, f"{word.raw} -f"),) if word.end > word.start else ()
                yield recipe.hit(
                    run, "`curl` without `-f` succeeds even for a 404", "add `-f`", at=command, edits=edits
                )


@rules.rule(
    "DF020",
    "warning",
    "A service is started in the build",
    costs="It ends with the RUN: the container starts without it.",
    also=("DL3001",),
    wrong="""
FROM debian:trixie
RUN service ssh start
USER nobody
""",
    right="""
FROM debian:trixie
USER nobody
CMD ["/usr/sbin/sshd", "-D"]
""",
)
def service_started(recipe: Recipe) -> Iterator[Hit]:
    """A layer keeps files, not processes. What the container shall run is its CMD or ENTRYPOINT; a second program
    is a second service of the project."""
    for _, run, commands in recipe.runs:
        for command in commands:
            words = [word.text for word in command.arguments]
            script = command.program.text.startswith("/etc/init.d/") and words[:1] == ["start"]
            starts = script or (command.name == "service" and "start" in words) or command.says("systemctl", "start")
            if starts and len(commands) == 1:
                yield recipe.hit(
                    run, "what this starts ends with the RUN", "make it the CMD, or a service of its own", at=command
                )


@rules.rule(
    "DF021",
    "warning",
    "Everybody may write",
    costs="Any process in the container, and whatever breaks into one, can replace the program.",
    wrong="""
FROM alpine:3.22
RUN chmod -R 777 /srv
USER nobody
""",
    right="""
FROM alpine:3.22
RUN chown -R nobody /srv
USER nobody
""",
)
def world_writable(recipe: Recipe) -> Iterator[Hit]:
    """`chmod 777` is the answer to a wrong owner. Give the files to the user that needs them: `COPY --chown=…` or
    `chown`."""
    for _, run, commands in recipe.runs:
        for command in commands:
            modes = [word for word in command.operands if re.fullmatch(r"0?777|a\+rwx|ugo\+rwx", word.text)]
            if command.name == "chmod" and modes and not all(w.text.startswith("/tmp") for w in command.operands[1:]):
                yield recipe.hit(
                    run,
                    f"`chmod {modes[0].text}` lets every user change the files",
                    "chown them to the user that needs them",
                    at=command,
                )


@rules.rule(
    "DF022",
    "info",
    "Files are copied, then given another owner",
    costs="Each file is in the image twice.",
    wrong="""
FROM alpine:3.22
WORKDIR /app
COPY src src
RUN chown -R nobody /app
USER nobody
""",
    right="""
FROM alpine:3.22
WORKDIR /app
COPY --chown=nobody src src
USER nobody
""",
)
def chown_after_copy(recipe: Recipe) -> Iterator[Hit]:
    """A change of owner in a later layer copies the file into that layer. `COPY --chown` sets the owner at once."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if command.name != "chown" or not command.has("R", "--recursive"):
                continue
            paths = [word.text.rstrip("/") for word in command.operands[1:]]
            copied = [
                c
                for c, _, target in recipe.copies
                if c.position < run.position and any(target == p or target.startswith(p + "/") for p in paths)
            ]
            if copied and not all(getattr(copy, "chown", "") for copy in copied):
                yield recipe.hit(
                    run,
                    "`chown -R` stores every copied file a second time",
                    "write `COPY --chown=…` instead",
                    at=command,
                )


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


@rules.rule(
    "DF024",
    "error",
    "A password in a URL",
    costs="Whoever has the image, or its history, has the password.",
    wrong="""
FROM python:3.13
RUN pip install --no-cache-dir git+https://ci:s3cret@git.example.com/lib.git
USER nobody
""",
    right="""
FROM python:3.13
RUN --mount=type=secret,id=netrc,target=/root/.netrc pip install --no-cache-dir git+https://git.example.com/lib.git
USER nobody
""",
)
def secret_in_url(recipe: Recipe) -> Iterator[Hit]:
    """Every instruction's text is stored in the image (`docker history` shows it). Hand the secret to the build:
    `RUN --mount=type=secret`."""
    for stage in recipe.parsed.stages:
        for instruction in (stage.from_, *stage.instructions):
            if _URL_SECRET.search(instruction.original):
                yield recipe.hit(
                    instruction,
                    "the image's history shows the password in this URL",
                    "use `RUN --mount=type=secret`, and change the password",
                )


@rules.rule(
    "DF025",
    "info",
    "`DEBIAN_FRONTEND` stays set in the container",
    mends="safe",
    costs="Who installs something in a container by hand gets no questions and wonders why.",
    wrong="""
FROM debian:trixie
ENV DEBIAN_FRONTEND=noninteractive
USER nobody
""",
    right="""
FROM debian:trixie
ARG DEBIAN_FRONTEND=noninteractive
USER nobody
""",
)
def frontend(recipe: Recipe) -> Iterator[Hit]:
    """The variable is for the build only. As an ARG it is set for every RUN and not in the image."""
    for _, env in recipe.all(Env):
        if [name for name, _ in env.pairs] == ["DEBIAN_FRONTEND"] and "=" in env.original:
            start = recipe.span(env)[0]
            yield recipe.hit(
                env,
                "DEBIAN_FRONTEND is set in the running container, too",
                "write ARG instead of ENV",
                edits=(recipe.edit(start, start + 3, "ARG"),),
            )


@rules.rule(
    "DF026",
    "info",
    "A high user id makes a huge log file",
    mends="safe",
    costs="`useradd` writes a sparse file of gigabytes to /var/log, which some tools then store in full.",
    also=("DL3046",),
    wrong="""
FROM debian:trixie
RUN useradd -u 1234567 app
USER app
""",
    right="""
FROM debian:trixie
RUN useradd -l -u 1234567 app
USER app
""",
)
def useradd_high(recipe: Recipe) -> Iterator[Hit]:
    """/var/log/faillog and lastlog are indexed by user id. `useradd -l` leaves them alone."""
    for _, run, commands in recipe.runs:
        for command in commands:
            ids = re.search(r"(?:-u|--uid)[ =]?(\d{6,})", " ".join(word.text for word in command.arguments))
            if command.name == "useradd" and ids and not command.has("l", "--no-log-init"):
                word = command.program
                edits = (recipe.replaced(word, f"{word.raw} -l"),) if word.end > word.start else ()
                yield recipe.hit(
                    run, f"`useradd` with the id {ids[1]} writes a huge sparse log", "add `-l`", at=command, edits=edits
                )
