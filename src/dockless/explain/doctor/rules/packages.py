"""RUN lines that install packages of the distribution: apt, apk, dnf."""

from collections.abc import Iterator

from dockless.dockerfile.model import Run
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.known import reference
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.shell import Command
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_APT = ("apt-get", "apt")
_LISTS = "rm -rf /var/lib/apt/lists/*"
_VALUES = frozenset({"-t", "-c", "-o", "--target-release", "--config-file", "--option"})
"""apt's options that take the next word."""


def is_apt(command: Command, *verbs: str) -> bool:
    return command.name in _APT and any(word.text in verbs for word in command.operands[:1])


def packages_of(command: Command) -> list[str]:
    """What `apt-get install` is asked to install."""
    found: list[str] = []
    skip = False
    for word in command.arguments:
        if skip or word.text.startswith("-"):
            skip = word.text in _VALUES
            continue
        found.append(word.text)
    return found[1:]


def caches(run: Run, folder: str) -> bool:
    """Whether a cache or tmpfs mount of the RUN covers a folder: what is left there does not enter the image."""
    return any(
        ("type=cache" in mount or "type=tmpfs" in mount)
        and any(folder.startswith(part.partition("=")[2]) for part in mount.split(",") if "=/" in part)
        for mount in run.mounts
    )


@rules.rule(
    "DF001",
    "warning",
    "`apt-get install` names no package",
    mends="safe",
    costs="Each build without a cache downloads the package lists, and a layer of some 20 MB keeps them, for nothing.",
    wrong="""
FROM debian:trixie
RUN apt-get update \\
    && apt-get install -y
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update \\
    && apt-get install -y --no-install-recommends git \\
    && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def install_of_nothing(recipe: Recipe) -> Iterator[Hit]:
    """An `apt-get install` without a package succeeds and installs nothing: a placeholder that was never filled in,
    or names that were lost when lines were joined. If nothing is needed, the instruction can go; if something is,
    name it."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if not is_apt(command, "install") or packages_of(command) or not run.command.shell:
                continue
            rest = [other for other in commands if other is not command]
            needless = all(is_apt(other, "update", "clean", "autoremove") or _clears(other) for other in rest)
            edit = recipe.removed(run) if needless else recipe.without(run, command)
            yield recipe.hit(
                run,
                "`apt-get install` is given no package, so it installs nothing",
                "remove the instruction, or name the packages" if needless else "remove the command",
                at=command,
                edits=(edit,) if edit else (),
            )


@rules.rule(
    "DF002",
    "warning",
    "`apt-get update` stands alone in its RUN",
    costs="A later build takes the old lists from the cache and installs old packages, or fails with 404.",
    wrong="""
FROM debian:trixie
RUN apt-get update
RUN apt-get install -y --no-install-recommends git
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def update_alone(recipe: Recipe) -> Iterator[Hit]:
    """Each RUN is cached by its text. When only the install line changes, `apt-get update` is not run again, and
    its lists are as old as the cache. Both belong into one RUN."""
    for _, run, commands in recipe.runs:
        updates = [command for command in commands if is_apt(command, "update")]
        others = [c for c in commands if c.name in _APT and not is_apt(c, "update", "clean", "autoclean", "autoremove")]
        others += [c for c in commands if c.name in ("aptitude", "dpkg", "apt-fast", "mk-build-deps") or _is_script(c)]
        if updates and not others and not caches(run, "/var/lib/apt"):
            yield recipe.hit(
                run,
                "`apt-get update` is in another RUN than the `apt-get install` that needs its lists",
                "join it with the install: `RUN apt-get update && apt-get install -y …`",
                at=updates[0],
            )


@rules.rule(
    "DF003",
    "error",
    "A package manager waits for an answer",
    mends="safe",
    costs="The build stops: there is nobody to answer “Do you want to continue? [Y/n]”.",
    also=("DL3014", "DL3030", "DL3038", "DL3034"),
    wrong="""
FROM debian:trixie
RUN apt-get update && apt-get install --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def asks(recipe: Recipe) -> Iterator[Hit]:
    """Without `-y`, apt, dnf and yum ask before they install, and a build has no terminal to answer from."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if not _installs(command) or command.has(
                "y", "--yes", "--assume-yes", "--assumeyes", "--force-yes", "--allow-yes"
            ):
                continue
            if command.name in _APT and (command.has("q") and "-qq" in command.options):
                continue
            if (
                command.before == "|"
                or "APT::Get::Assume-Yes" in recipe.text.content
                or "assumeyes" in recipe.text.content
            ):
                continue
            verb = command.operands[0]
            edits = (recipe.replaced(verb, f"{verb.raw} -y"),) if verb.end > verb.start else ()
            yield recipe.hit(
                run, f"`{command.name} {verb.text}` asks for confirmation", "add `-y`", at=command, edits=edits
            )


def _installs(command: Command) -> bool:
    """Whether it is a command that apt, dnf and yum ask before."""
    if is_apt(command, "install", "upgrade", "dist-upgrade", "full-upgrade"):
        return bool(packages_of(command)) or not is_apt(command, "install")
    return command.name in ("dnf", "yum", "microdnf") and any(
        command.says(command.name, verb) for verb in ("install", "update")
    )


@rules.rule(
    "DF004",
    "info",
    "Recommended packages are installed too",
    mends="unsafe",
    costs="Often twice the packages that were asked for: a larger image and more to keep up to date.",
    also=("DL3015",),
    wrong="""
FROM debian:trixie
RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def recommends(recipe: Recipe) -> Iterator[Hit]:
    """apt installs what a package recommends unless it is told not to. Some of it may be needed, so try the image
    after the change: what was missing is then named on its own."""
    if "APT::Install-Recommends" in recipe.text.content:
        return
    for _, run, commands in recipe.runs:
        for command in commands:
            if is_apt(command, "install") and packages_of(command) and not command.has("", "--no-install-recommends"):
                verb = command.operands[0]
                edits = (recipe.replaced(verb, f"{verb.raw} --no-install-recommends"),) if verb.end > verb.start else ()
                yield recipe.hit(
                    run,
                    "`apt-get install` also installs what the packages recommend",
                    "add `--no-install-recommends`, and name what is then missing",
                    at=command,
                    edits=edits,
                    safe=False,
                )


@rules.rule(
    "DF005",
    "info",
    "Package lists stay in the image",
    mends="safe",
    costs="20 to 50 MB in a layer that every pull carries, out of date the next day.",
    also=("DL3009",),
    wrong="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def lists_stay(recipe: Recipe) -> Iterator[Hit]:
    """What a RUN leaves behind is in its layer for good, so the lists must be removed in the RUN that fetched them;
    a later RUN only hides them. A cache mount at /var/lib/apt does as well. Stages that are thrown away do not
    matter."""
    kept = set(recipe.chain)
    for stage, run, commands in recipe.runs:
        installs = [command for command in commands if is_apt(command, "install") and packages_of(command)]
        updates = any(is_apt(command, "update") for command in commands)
        if stage not in kept or not installs or not updates or caches(run, "/var/lib/apt"):
            continue
        if any(_clears(command) for command in commands) or "apt/lists" in recipe.written(run):
            continue
        edits: tuple[Edit, ...] = ()
        last = commands[-1]
        if run.command.shell and not run.heredocs and all(c.before in ("", "&&") for c in commands) and not last.after:
            edits = (recipe.edit(last.end, last.end, f" \\\n    && {_LISTS}"),)
        yield recipe.hit(
            run,
            "the package lists of `apt-get update` stay in this layer",
            f"end the RUN with `&& {_LISTS}`",
            at=installs[0],
            edits=edits,
        )


@rules.rule(
    "DF006",
    "info",
    "`apt` in a script",
    mends="safe",
    costs="Warnings in every build, and options that may change from one release to the next.",
    also=("DL3027",),
    wrong="""
FROM debian:trixie
RUN apt update && apt install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def apt_in_script(recipe: Recipe) -> Iterator[Hit]:
    """`apt` is made for people at a terminal and says itself that it has no stable command line. `apt-get` and
    `apt-cache` are its counterparts for scripts."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if command.program.text == "apt" and is_apt(
                command, "install", "update", "upgrade", "remove", "purge", "clean", "autoremove", "full-upgrade"
            ):
                new = "dist-upgrade" if command.operands[0].text == "full-upgrade" else command.operands[0].raw
                word, verb = command.program, command.operands[0]
                edits = (recipe.replaced(word, "apt-get"), recipe.replaced(verb, new)) if word.end > word.start else ()
                yield recipe.hit(
                    run, "`apt` has no stable command line for scripts", "write `apt-get`", at=command, edits=edits
                )


@rules.rule(
    "DF007",
    "info",
    "Everything is upgraded in the build",
    costs="Builds of the same file differ, and each upgraded file is in the image twice.",
    also=("DL3005",),
    wrong="""
FROM debian:trixie
RUN apt-get update && apt-get dist-upgrade -y && rm -rf /var/lib/apt/lists/*
USER nobody
""",
    right="""
FROM debian:trixie-20260501
USER nobody
""",
)
def upgrades(recipe: Recipe) -> Iterator[Hit]:
    """Fixes of the distribution come with a newer base image, which is rebuilt for them: pull it (`build --pull`)
    and name it precisely. An upgrade in the build is cached and therefore not repeated when there are new fixes."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if is_apt(command, "dist-upgrade", "full-upgrade") or (
                command.name == "apk" and command.says("apk", "upgrade")
            ):
                yield recipe.hit(
                    run,
                    f"`{command.name} {command.operands[0].text}` upgrades the whole base image, once",
                    "take a newer base image and remove this",
                    at=command,
                )


@rules.rule(
    "DF008",
    "error",
    "Packages are installed before there are package lists",
    mends="safe",
    costs="The build fails: “Unable to locate package”.",
    wrong="""
FROM debian:trixie
RUN apt-get install -y --no-install-recommends git
USER nobody
""",
    right="""
FROM debian:trixie
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
USER nobody
""",
)
def install_without_update(recipe: Recipe) -> Iterator[Hit]:
    """Official images come without package lists, to be small. `apt-get install` finds nothing until `apt-get
    update` has fetched them."""
    known = ("debian", "ubuntu", "python", "node", "golang", "ruby", "rust", "php", "postgres", "nginx", "openjdk")
    for stage, run, commands in recipe.runs:
        if reference(recipe.base(stage)).repository not in known:
            continue
        before = [
            command
            for other in recipe.chain_of(stage)
            for at, earlier, found in recipe.runs
            if at is other and earlier.position <= run.position
            for command in found
        ]
        installs = [
            c for c in commands if is_apt(c, "install") and packages_of(c) and "./" not in " ".join(packages_of(c))
        ]
        if not installs or any(is_apt(c, "update") or _is_script(c) for c in before) or caches(run, "/var/lib/apt"):
            continue
        verb = installs[0]
        edits = (recipe.edit(verb.start, verb.start, "apt-get update && "),) if run.command.shell else ()
        yield recipe.hit(
            run,
            "`apt-get install` has no package lists to look into",
            "run `apt-get update` before it, in the same RUN",
            at=verb,
            edits=edits,
        )


@rules.rule(
    "DF009",
    "info",
    "apk keeps its index in the image",
    mends="safe",
    costs="A few megabytes in a layer that every pull carries.",
    also=("DL3019",),
    wrong="""
FROM alpine:3.22
RUN apk add git
USER nobody
""",
    right="""
FROM alpine:3.22
RUN apk add --no-cache git
USER nobody
""",
)
def apk_cache(recipe: Recipe) -> Iterator[Hit]:
    """`apk add --no-cache` fetches the index, uses it and keeps nothing of it, without `apk update` and without an
    `rm`."""
    for _, run, commands in recipe.runs:
        for command in commands:
            if (
                command.says("apk", "add")
                and not command.has("", "--no-cache", "--virtual-cache")
                and not (
                    caches(run, "/var/cache/apk")
                    or caches(run, "/etc/apk/cache")
                    or "/var/cache/apk" in recipe.written(run)
                )
            ):
                verb = command.operands[0]
                edits = (recipe.replaced(verb, "add --no-cache"),) if verb.end > verb.start else ()
                yield recipe.hit(
                    run, "`apk add` leaves its index in the layer", "add `--no-cache`", at=command, edits=edits
                )


@rules.rule(
    "DF010",
    "info",
    "dnf keeps its caches in the image",
    mends="safe",
    costs="Often more than 100 MB in a layer that every pull carries.",
    also=("DL3032", "DL3040"),
    wrong="""
FROM fedora:43
RUN dnf install -y git
USER nobody
""",
    right="""
FROM fedora:43
RUN dnf install -y git && dnf clean all
USER nobody
""",
)
def dnf_cache(recipe: Recipe) -> Iterator[Hit]:
    """dnf, yum and microdnf keep metadata and packages under /var/cache; they must be removed in the RUN that made
    them."""
    for _, run, commands in recipe.runs:
        installs = [c for c in commands if c.name in ("dnf", "yum", "microdnf") and c.says(c.name, "install")]
        cleans = any(c.says(c.name, "clean") for c in commands) or "/var/cache" in recipe.written(run)
        if installs and not cleans and not caches(run, "/var/cache"):
            last = commands[-1]
            plain = run.command.shell and not run.heredocs and all(c.before in ("", "&&") for c in commands)
            name = installs[0].name
            yield recipe.hit(
                run,
                f"`{name} install` leaves its caches in the layer",
                f"end the RUN with `&& {name} clean all`",
                at=installs[0],
                edits=(recipe.edit(last.end, last.end, f" \\\n    && {name} clean all"),) if plain else (),
            )


def _clears(command: Command) -> bool:
    return command.name == "rm" and any("apt/lists" in word.text for word in command.arguments)


def _is_script(command: Command) -> bool:
    """Something that may do anything, such as a vendor's script that adds a source and updates."""
    text = command.program.text
    return text.endswith(".sh") or (command.name in ("bash", "sh") and bool(command.arguments)) or command.before == "|"
