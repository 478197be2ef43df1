"""RUN lines: downloads, and commands that do not do in a build what they look like."""

import re
from collections.abc import Iterator

from dockless.dockerfile.model import Env, Shell
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_URL_SECRET = re.compile(r"://[^/\s:@$]+:[^/\s@$]+@")


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
