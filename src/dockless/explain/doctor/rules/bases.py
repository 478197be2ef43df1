"""FROM lines and stages: what an image is built on, and how stages are called."""

import difflib
import re
from collections.abc import Iterator

from dockless.dockerfile.model import Cmd, Copy, Entrypoint, From, Instruction, Run, User
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.known import ROOT, ended, newest_minor, reference
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_NAME = re.compile(r"\$\{?(\w+)")
_STEPS_DOWN = re.compile(r"gosu|su-exec|setpriv|runuser|s6-|\bsu -|chroot --userspec")
_PREDEFINED = frozenset(
    [
        "TARGETPLATFORM",
        "TARGETOS",
        "TARGETARCH",
        "TARGETVARIANT",
        "BUILDPLATFORM",
        "BUILDOS",
        "BUILDARCH",
        "BUILDVARIANT",
        "TARGETSTAGE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "FTP_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "ftp_proxy",
        "no_proxy",
        "all_proxy",
    ]
)


def _outside(recipe: Recipe) -> Iterator[tuple[Instruction, str]]:
    """FROM instructions that name an image, with its name."""
    for stage in recipe.parsed.stages:
        name = recipe.base_name(stage)
        earlier = {other.name for other in recipe.parsed.stages[: stage.index]}
        if name.lower() not in earlier and name != "scratch" and name and "$" not in name:
            yield stage.from_, name


@rules.rule(
    "DF030",
    "warning",
    "The base image has no fixed version",
    costs="The next build may be on another major version, and nobody changed a line.",
    also=("DL3006", "DL3007"),
    wrong="""
FROM python
USER nobody
""",
    right="""
FROM python:3.13-slim-trixie
USER nobody
""",
)
def unpinned_base(recipe: Recipe) -> Iterator[Hit]:
    """Without a tag `latest` is meant, which is whatever was pushed last. Name at least the version that the
    program is made for."""
    for instruction, image in _outside(recipe):
        name = reference(image)
        undecided = (
            name.digest
            or "distroless" in name.repository
            or (isinstance(instruction, From) and "$" in instruction.base)
        )
        if not undecided and name.tag in ("", "latest"):
            yield recipe.hit(
                instruction,
                f"{image} is whatever is newest on the day of the build",
                f"name a version: `{name.repository}:…`",
            )


@rules.rule(
    "DF031",
    "warning",
    "The base image gets no security fixes any more",
    costs="Known holes stay open, and the distribution's package servers go away sooner or later.",
    wrong="""
FROM python:3.8-buster
USER nobody
""",
    right="""
FROM python:3.13-slim-trixie
USER nobody
""",
)
def end_of_life(recipe: Recipe) -> Iterator[Hit]:
    """The release of the language or of the distribution has reached its end of life, by a dated table that comes
    with dockless. The tag can still be pulled, but it is not rebuilt any more. A newer release may need changes in
    the program, so this is not done for you."""
    for instruction, image in _outside(recipe):
        for gone in ended(image, recipe.today):
            yield recipe.hit(
                instruction,
                f"{gone.what} gets no security fixes since {gone.ended}",
                f"move to a supported release, such as {gone.instead} ({gone.source})",
            )
        if (minor := newest_minor(image)) is not None:
            yield recipe.hit(
                instruction,
                f"{image} lacks the fixes up to {minor[0]}",
                f"write {reference(image).repository}:{minor[1]}",
            )


@rules.rule(
    "DF032",
    "warning",
    "The container runs as root",
    mends="unsafe",
    costs="What breaks into the process is root in the container, and over every folder of the host that is mounted.",
    also=("DL3002",),
    wrong="""
FROM python:3.13-slim
WORKDIR /app
COPY app.py .
CMD ["python", "app.py"]
""",
    right="""
FROM python:3.13-slim
WORKDIR /app
COPY app.py .
RUN useradd --create-home app
USER app
CMD ["python", "app.py"]
""",
)
def runs_as_root(recipe: Recipe) -> Iterator[Hit]:
    """The base image runs as root and no USER changes that. Make a user at the end and let it own only what the
    program writes. Images that step down by themselves (databases, nginx, php) are not meant, and neither is a
    Dockerfile whose service sets `user`. The change that is offered gives the new user the working directory;
    whether the program writes elsewhere only you can know."""
    user = recipe.last(User)
    if user is not None:
        if user.user.split(":")[0] in ("root", "0"):
            yield recipe.hit(user, "the container's process is root", "end with a USER that is not root")
        return
    base = reference(recipe.base(recipe.final))
    if base.repository not in ROOT or "nonroot" in base.tag or _STEPS_DOWN.search(recipe.text.content):
        return
    if recipe.users and all(recipe.users):
        return
    entrypoint = recipe.last(Entrypoint)
    script = entrypoint is not None and entrypoint.command.words[:1] and entrypoint.command.words[0].endswith(".sh")
    if script and re.search(r"\b(?:user|group)add\b|\badd(?:user|group)\b", recipe.text.content):
        return  # it makes a user, and its script may well step down to it
    if base.repository == "scratch" and entrypoint is None and recipe.last(Cmd) is None:
        return  # a base image: who builds on it decides
    edit = _user_added(recipe)
    yield recipe.hit(
        recipe.final.from_,
        f"nothing changes the user, so the container's process is root (as in {base.repository})",
        "make a user and end with `USER`" if edit else "end with a USER that is not root",
        edits=(edit,) if edit else (),
        safe=False,
    )


def _user_added(recipe: Recipe) -> Edit | None:
    """A user and USER at the end of the image's instructions, before what it runs; None where it is not known how."""
    base = reference(recipe.base(recipe.final))
    folder = recipe.folder_at_end
    if base.repository in ("scratch", "busybox") or "distroless" in base.repository or "$" in folder:
        return None
    if base.repository == "node":
        name, make = "node", ""
    elif "alpine" in base.tag or base.repository == "alpine":
        name, make = "app", "adduser -D app"
    else:
        name, make = "app", "useradd --create-home app"
    chown = "" if folder == "/" else f"chown {name} {folder}"
    run = " && ".join(filter(None, (make, chown)))
    lines = (f"RUN {run}\n" if run else "") + f"USER {name}\n"
    instructions = recipe.final.instructions
    index = len(instructions)
    while index and isinstance(instructions[index - 1], (Cmd, Entrypoint)):
        index -= 1
    after = instructions[index - 1] if index else recipe.final.from_
    at = recipe.text.offset(after.position.last + 1)
    ending = "" if recipe.text.content[:at].endswith("\n") else "\n"
    return recipe.edit(at, at, f"{ending}\n{lines}")


@rules.rule(
    "DF033",
    "info",
    "The platform is fixed",
    costs="On another processor the image is emulated, slowly, or does not run.",
    also=("FromPlatformFlagConstDisallowed", "DL3029"),
    wrong="""
FROM --platform=linux/amd64 alpine:3.22
USER nobody
""",
    right="""
FROM alpine:3.22
USER nobody
""",
)
def constant_platform(recipe: Recipe) -> Iterator[Hit]:
    """Which platform an image is built for is the caller's to say (`build --platform`). `$BUILDPLATFORM` in a stage
    that cross-compiles is the exception that makes sense."""
    for stage in recipe.parsed.stages:
        if stage.from_.platform and "$" not in stage.from_.platform:
            yield recipe.hit(
                stage.from_,
                f"--platform={stage.from_.platform} is built and run only for that",
                "leave --platform away",
            )


@rules.rule(
    "DF034",
    "info",
    "`--platform=$TARGETPLATFORM` says nothing",
    mends="safe",
    costs="A reader looks for the reason.",
    also=("RedundantTargetPlatform",),
    wrong="""
FROM --platform=$TARGETPLATFORM alpine:3.22
USER nobody
""",
    right="""
FROM alpine:3.22
USER nobody
""",
)
def redundant_platform(recipe: Recipe) -> Iterator[Hit]:
    """The target platform is the default of every FROM."""
    for stage in recipe.parsed.stages:
        if stage.from_.platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            start, end = recipe.span(stage.from_)
            found = re.compile(r"--platform=\S+\s+").search(recipe.text.content, start, end)
            edits = (recipe.edit(found.start(), found.end(), ""),) if found else ()
            yield recipe.hit(stage.from_, "$TARGETPLATFORM is the default", "leave --platform away", edits=edits)


@rules.rule(
    "DF035",
    "error",
    "FROM names an argument that is not declared",
    costs="The build fails: the name of the base image is empty or cut short.",
    also=("UndefinedArgInFrom", "InvalidDefaultArgInFrom"),
    wrong="""
FROM python:3.${VERSION}
USER nobody
""",
    right="""
ARG VERSION=13
FROM python:3.${VERSION}
USER nobody
""",
)
def undefined_in_from(recipe: Recipe) -> Iterator[Hit]:
    """In FROM only arguments that stand before the first FROM are known, and one without a default is empty unless
    the build is given a value."""
    declared = {name for argument in recipe.parsed.arguments for name, _ in argument.pairs}
    for stage in recipe.parsed.stages:
        for name in _NAME.findall(stage.from_.base + stage.from_.platform):
            if name not in declared | _PREDEFINED and not re.search(rf"\$\{{{name}:?[-+]", stage.from_.original):
                yield recipe.hit(
                    stage.from_, f"{name} is not declared before the first FROM", f"write `ARG {name}=…` before it"
                )


@rules.rule(
    "DF036",
    "error",
    "Two stages have one name",
    costs="COPY --from and --target take the later one, whichever was meant.",
    also=("DuplicateStageName", "DL3024"),
    wrong="""
FROM alpine:3.22 AS build
RUN true
FROM alpine:3.22 AS build
USER nobody
""",
    right="""
FROM alpine:3.22 AS build
RUN true
FROM alpine:3.22 AS run
USER nobody
""",
)
def duplicate_stage(recipe: Recipe) -> Iterator[Hit]:
    """A stage's name should say which one it is. Letter case does not count."""
    seen: set[str] = set()
    for stage in recipe.parsed.stages:
        if stage.name and stage.name in seen:
            yield recipe.hit(
                stage.from_, f"a stage before this one is called {stage.name}, too", "give it another name"
            )
        seen.add(stage.name or "")


@rules.rule(
    "DF037",
    "error",
    "A stage has a reserved name",
    costs="FROM and COPY --from of that name mean something else.",
    also=("ReservedStageName",),
    wrong="""
FROM alpine:3.22 AS scratch
USER nobody
""",
    right="""
FROM alpine:3.22 AS base
USER nobody
""",
)
def reserved_stage(recipe: Recipe) -> Iterator[Hit]:
    """`scratch` is the empty image and `context` the build context."""
    for stage in recipe.parsed.stages:
        if stage.name in ("scratch", "context"):
            yield recipe.hit(stage.from_, f"{stage.name} is a reserved name", "give the stage another name")


@rules.rule(
    "DF038",
    "info",
    "`FROM` and `as` in different case",
    mends="safe",
    costs="It reads as if the name were a part of the image.",
    also=("FromAsCasing",),
    wrong="""
FROM alpine:3.22 as base
USER nobody
""",
    right="""
FROM alpine:3.22 AS base
USER nobody
""",
)
def as_casing(recipe: Recipe) -> Iterator[Hit]:
    """Keywords are read more easily if all are written alike."""
    for stage in recipe.parsed.stages:
        start, end = recipe.span(stage.from_)
        keyword = recipe.text.content[start : start + 4]
        found = re.compile(r"\s(as)\s", re.IGNORECASE).search(recipe.text.content, start, end)
        if found and keyword.isupper() != found[1].isupper():
            wanted = "AS" if keyword.isupper() else "as"
            yield recipe.hit(
                stage.from_,
                f"`{found[1]}` beside `{keyword}`",
                f"write `{wanted}`",
                edits=(recipe.edit(found.start(1), found.end(1), wanted),),
            )


@rules.rule(
    "DF039",
    "error",
    "COPY --from names no stage",
    mends="unsafe",
    costs="The name is looked up in a registry: the build fails, or takes files from a stranger's image.",
    also=("DL3022", "DL3023"),
    wrong="""
FROM golang:1.26 AS builder
RUN go build -o /app .
FROM debian:trixie
COPY --from=buidler /app /app
USER nobody
""",
    right="""
FROM golang:1.26 AS builder
RUN go build -o /app .
FROM debian:trixie
COPY --from=builder /app /app
USER nobody
""",
)
def unknown_from(recipe: Recipe) -> Iterator[Hit]:
    """A name that is no earlier stage is an image's. This one is nearly a stage's name, is the stage itself, or
    comes only later."""
    names = [stage.name for stage in recipe.parsed.stages if stage.name]
    for stage, copy in recipe.all(Copy):
        wanted = copy.from_.lower()
        if not wanted or "$" in wanted:
            continue
        earlier = {other.name for other in recipe.parsed.stages[: stage.index]}
        if wanted.isdigit():
            if int(wanted) >= stage.index:
                yield recipe.hit(copy, f"--from={copy.from_} is no earlier stage", "name an earlier stage")
            continue
        if wanted in earlier:
            continue
        if wanted in names:
            yield recipe.hit(copy, f"the stage {copy.from_} is this one or comes later", "name an earlier stage")
        elif "/" not in wanted and ":" not in wanted and (near := difflib.get_close_matches(wanted, names, 1, 0.75)):
            found = re.compile(r"--from=(\S+)").search(recipe.text.content, *recipe.span(copy))
            edits = (recipe.edit(found.start(1), found.end(1), near[0]),) if found else ()
            yield recipe.hit(
                copy, f"no stage is called {copy.from_}", f"{near[0]} may be meant", edits=edits, safe=False
            )


@rules.rule(
    "DF040",
    "warning",
    "An argument from before FROM is used in a stage",
    mends="safe",
    costs="It is empty there: a path or a version is cut short, without an error.",
    also=("UndefinedVar",),
    wrong="""
ARG VERSION=1.2
FROM alpine:3.22
RUN echo ${VERSION} > /version
USER nobody
""",
    right="""
ARG VERSION=1.2
FROM alpine:3.22
ARG VERSION
RUN echo ${VERSION} > /version
USER nobody
""",
)
def argument_not_in_stage(recipe: Recipe) -> Iterator[Hit]:
    """An ARG before the first FROM is known only in FROM lines. A stage that wants its value says `ARG NAME` once
    more, without a default."""
    outer = {name for argument in recipe.parsed.arguments for name, _ in argument.pairs}
    for stage in recipe.parsed.stages:
        inner = {
            name
            for other in recipe.chain_of(stage)
            for instruction in other.instructions
            for name, _ in getattr(instruction, "pairs", ())
        }
        for instruction in stage.instructions:
            text = recipe.written(instruction) if isinstance(instruction, Run) else instruction.original
            missing = [
                n for n in _NAME.findall(text) if n in outer - inner and f"{n}=" not in text and f"read {n}" not in text
            ]
            for name in dict.fromkeys(missing):
                at = recipe.text.offset(stage.from_.position.last + 1)
                inner.add(name)
                yield recipe.hit(
                    instruction,
                    f"{name} is declared before FROM and empty in this stage",
                    f"write `ARG {name}` after FROM",
                    edits=(recipe.edit(at, at, f"ARG {name}\n"),),
                )
