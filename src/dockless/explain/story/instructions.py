"""What each instruction of a Dockerfile does: a table from instruction to function, with a row for every one.

A function gets the instruction and the state that it meets (`built.State`) and says sentences and cautions.
"""

import posixpath
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from dockless.dockerfile import Instruction
from dockless.dockerfile import model as language
from dockless.explain.story import shell
from dockless.explain.story.built import Built, State, base_of, earlier_stage, follow
from dockless.explain.story.caching import Cause, causes_of
from dockless.explain.story.official import described, parse_reference, pinned
from dockless.explain.story.origins import is_secret
from dockless.explain.story.stack import Image, Stack
from dockless.explain.story.values import Caution, Entry, FileStory

SECRET_FILES = (".env", ".git", ".ssh", "id_rsa", ".aws", ".npmrc", ".netrc", ".pypirc")


class At(msgspec.Struct, frozen=True):
    """Where an instruction stands: the image, what has been built before it."""

    stack: Stack
    image: Image
    built: Built
    state: State
    stage: language.Stage
    cause: Cause | None = None


Said = Iterator[str | Caution]


def tell_image(stack: Stack, image: Image) -> FileStory:
    """The story of a Dockerfile."""
    file = image.file
    built = follow(file, image.target, image.arguments)
    causes = {cause.line: cause for cause in causes_of(image, built)}
    entries: list[Entry] = []
    for name, value in file.directives.items():
        line = next((n for n, text in enumerate(file.text.split("\n"), 1) if name in text), 1)
        entries.append(
            _entry(
                image,
                line,
                line,
                f"# {name}",
                name,
                (_DIRECTIVES.get(name, "A directive of the parser.").format(value),),
            )
        )
    for argument in file.arguments:
        says = tuple(_global_argument(argument, image))
        entries.append(_entry(image, argument.position.line, argument.position.last, "ARG", "Argument for FROM", says))
    for stage in file.stages:
        at = At(stack, image, built, State(), stage, causes.get(stage.from_.position.line))
        entries.append(_told(at, stage.from_))
        for instruction in stage.instructions:
            line = instruction.position.line
            at = At(stack, image, built, built.before.get(line, State()), stage, causes.get(line))
            entries.append(_told(at, instruction))
    title = "Dockerfile" if not image.inline else image.path
    return FileStory(
        file=image.path,
        kind="dockerfile",
        title=title,
        text=image.text,
        lead=tuple(_lead(stack, image, built)),
        entries=tuple(entries),
    )


def _entry(image: Image, line: int, last: int, key: str, title: str, says: tuple[str, ...]) -> Entry:
    return Entry(
        file=image.path, line=line, last=last, key=key, title=title, service=", ".join(image.services), says=says
    )


def _told(at: At, instruction: Instruction) -> Entry:
    title, function = INSTRUCTIONS[type(instruction)]
    says: list[str] = []
    cautions: list[str] = []
    for each in function(at, instruction):
        if isinstance(each, Caution):
            cautions.append(each.text)
        else:
            says.append(each)
    if at.stage.index not in at.built.needed:
        says.append("This stage is not needed for the image that is built, so this does not run.")
    elif at.cause is not None and at.cause.sentence:
        says.append(at.cause.sentence)
    for document in instruction.heredocs:
        says.append(f"The text up to `{document.name}` belongs to this instruction.")
    return Entry(
        file=at.image.path,
        line=instruction.position.line,
        last=instruction.position.last,
        key=instruction.keyword,
        title=title,
        service=", ".join(at.image.services),
        says=tuple(dict.fromkeys(says)),
        cautions=tuple(dict.fromkeys(cautions)),
    )


def _lead(stack: Stack, image: Image, built: Built) -> Iterator[str]:
    count = len(image.file.stages)
    for_whom = f" for {_and(image.services)}" if image.services else ""
    stages = (
        f" in {count} stages, of which the last{' needed' if image.target else ''} one becomes the image"
        if count > 1
        else ""
    )
    yield (
        f"Builds an image{for_whom}{stages}, from the files below "
        f"`{stack.shown(image.context.folder)}` (the **build context**)."
    )
    if image.context.ignore_file:
        left = f"; it leaves out {shell.listed(image.context.left_out)}" if image.context.left_out else ""
        yield f"`{stack.shown(image.context.ignore_file)}` says which of them the build does not see{left}."
    else:
        yield "There is no `.dockerignore`: every file there is part of the context."


def _and(names: tuple[str, ...]) -> str:
    return shell.listed(names)


def _global_argument(argument: language.Arg, image: Image) -> Iterator[str]:
    for name, default in argument.pairs:
        given = image.arguments.get(name)
        value = (
            f"`{given}`, from `build.args`"
            if given is not None
            else f"`{default}` unless `--build-arg {name}=…` says otherwise"
            if default is not None
            else "empty unless the build gives it"
        )
        yield f"`{name}` can be used in `FROM` lines; its value is {value}."


def _from(at: At, each: language.From) -> Said:
    base = base_of(at.image.file, at.stage, at.image.arguments)
    earlier = earlier_stage(at.image.file, base, at.stage.index)
    if base == "scratch":
        yield "Starts from nothing: an image without any file."
    elif earlier is not None:
        yield f"**Base image**: goes on from the stage `{earlier.title}` above."
    else:
        yield f"**Base image**: starts from `{base}`: {described(base)}."
        known = parse_reference(base).official
        if known is not None and known.what in ("Python", "Node.js", "Ruby", "PHP", "Java"):
            tag = parse_reference(base).tag
            around = (
                "the small Alpine system"
                if "alpine" in tag
                else "a minimal Debian system"
                if "slim" in tag
                else "a Debian system with the usual tools"
            )
            yield f"It brings {known.what} and {around}."
        yield pinned(base)
    if each.stage_name:
        yield (
            f"The stage is called `{each.stage_name}`, by which `COPY --from={each.stage_name}` and "
            "`build.target` can name it."
        )
    if each.platform:
        yield f"`--platform={each.platform}`: the base image is taken for this platform."
    if at.stage.index:
        yield "A new stage begins: of the stages above it has nothing but what `COPY --from` takes."


def _run(at: At, run: language.Run) -> Said:
    words = run.command.words
    line = words[0] if run.command.shell else (shell.inner(words) or "")
    if not run.command.shell and not line:
        told = shell.tell(shell.Command(words))
        yield f"While the image is built, {told.text} (directly, without a shell)."
    if run.heredocs and run.command.shell:
        line = "\n".join(document.content for document in run.heredocs)
    commands = list(shell.sentences(line)) if line else []
    if len(commands) == 1:
        yield f"While the image is built, {commands[0][1].text}."
    elif commands:
        chained = all(command.joined in ("", "&&") for command, _ in commands)
        yield "While the image is built, runs in this order" + (
            ", each only if the one before succeeded:" if chained else ":"
        )
        for number, (command, told) in enumerate(commands[:14], 1):
            yield f"{number}. `{shell._cut(command.text, 60)}`: {told.text}."
        if len(commands) > 14:
            yield f"… and {len(commands) - 14} commands more."
    for _, told in commands:
        yield from (Caution(text) for text in told.cautions)
    yield from _run_cautions(commands)
    for mount in run.mounts:
        yield _mount(mount)
    if run.network != "default":
        yield {
            "none": "`--network=none`: the step has no network.",
            "host": "`--network=host`: the step uses the host's network.",
        }[run.network]
    if run.security == "insecure":
        yield "`--security=insecure`: the step has all privileges."
    for device in run.devices:
        yield f"`--device={device}`: the step can use this device."
    if at.state.workdir and commands:
        yield f"It runs in `{at.state.workdir}`."


def _run_cautions(commands: list[tuple[shell.Command, shell.Told]]) -> Said:
    names = [[shell.unquoted(word) for word in command.words] for command, _ in commands]
    apt = [words for words in names if words and words[0] in ("apt-get", "apt")]
    installs = any("install" in words for words in apt)
    updates = any("update" in words for words in apt)
    if updates and installs:
        yield Caution(
            "The result is cached: as long as this line and those above stay as they are, the "
            "package lists and packages stay those of the day of the build."
        )
    elif updates:
        yield Caution(
            "The package lists are cached with this step: an `apt-get install` in a later step may "
            "meet lists that are out of date."
        )
    elif installs:
        yield Caution(
            "There is no `apt-get update` in this step: the package lists of the base image may be "
            "empty or out of date."
        )


_MOUNTS = {
    "cache": (
        "`--mount=type=cache`: `{target}` keeps its files from one build to the next and does not enter the image."
    ),
    "secret": "`--mount=type=secret`: the secret `{id}` can be read in this step only; it does not enter the image.",
    "ssh": "`--mount=type=ssh`: the step can use the caller's SSH keys; they do not enter the image.",
    "tmpfs": "`--mount=type=tmpfs`: `{target}` is in memory and does not enter the image.",
    "bind": "`--mount=type=bind`: `{target}` shows files of {from_} in this step, without copying them into the image.",
}


def _mount(text: str) -> str:
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    kind = parts.get("type", "bind")
    target = (
        parts.get("target") or parts.get("dst") or parts.get("destination") or "/run/secrets/" + parts.get("id", "")
    )
    from_ = f"`{parts['from']}`" if parts.get("from") else "the build context"
    return _MOUNTS.get(kind, "`--mount`: {target}.").format(
        target=target, id=parts.get("id") or posixpath.basename(target), from_=from_
    )


def _copy(at: At, copy: language.Copy) -> Said:
    state = at.state
    target = state.path(copy.destination)
    sources = [state.expanded(source) for source in copy.sources]
    if copy.documents:
        yield f"Writes the text that follows to `{target}`."
    if sources and copy.from_:
        stage = earlier_stage(at.image.file, copy.from_, at.stage.index)
        where = f"the stage `{stage.title}`" if stage else f"the image or context `{copy.from_}`"
        yield (
            f"Copies {shell.listed(sources)} from {where} to `{target}`: of all that was made there, "
            "only this enters the image."
        )
    elif sources and set(sources) <= {".", "./", "/"}:
        yield (
            "Copies **everything** from the build context "
            f"(`{at.stack.shown(at.image.context.folder)}`, your project folder) into `{target}` in "
            "the image: the application's code, its configuration and whatever else is there."
        )
        yield from _everything(at)
    elif sources:
        into = (
            f"into the folder `{target}`"
            if copy.destination.endswith(("/", ".")) or len(sources) > 1
            else f"to `{target}`"
        )
        yield (
            f"Copies {shell.listed(sources)} from the **build context** "
            f"(`{at.stack.shown(at.image.context.folder)}`) {into} in the image."
        )
        yield from _dependency_file(at, copy, sources)
    yield from _copy_flags(copy)
    if copy.parents:
        yield "`--parents`: the folders above each file are made too."
    yield from _hidden(at, target)


def _copy_flags(each: Any) -> Said:
    if each.chown:
        yield f"`--chown={each.chown}`: the files belong to this user."
    if each.chmod:
        yield f"`--chmod={each.chmod}`: the files get these permissions."
    if each.link:
        yield "`--link`: the files are a layer of their own, which stays cached when layers below change."
    for pattern in each.exclude:
        yield f"`--exclude={pattern}`: files that match are left out."


def _everything(at: At) -> Said:
    secret = [
        name
        for name in at.image.context.kept
        if name in SECRET_FILES or (name.startswith(".env.") and not name.endswith(("example", "sample", "template")))
    ]
    if secret:
        yield Caution(
            f"Also {shell.listed(secret)}: whoever gets the image can read what is in there. A line "
            "in `.dockerignore` keeps it out."
        )
    elif not at.image.context.ignore_file:
        yield Caution(
            "Without a `.dockerignore` this takes a `.env`, `.git` and every other file of the "
            "folder along, whenever there is one."
        )


_DEPENDENCY_FILES = (
    "requirements",
    "package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock",
    "Pipfile",
    "poetry.lock",
    "pyproject.toml",
    "uv.lock",
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "Gemfile",
    "composer.json",
    "composer.lock",
    "pom.xml",
    "build.gradle",
)


def _dependency_file(at: At, copy: language.Copy, sources: list[str]) -> Said:
    names = [source for source in sources if posixpath.basename(source).startswith(_DEPENDENCY_FILES)]
    if not names:
        return
    later = [
        each
        for each in at.stage.instructions
        if isinstance(each, language.Copy) and not each.from_ and each.position.line > copy.position.line
    ]
    if later:
        yield (
            "It comes **before** the rest of the code so that the installation below can use it, and "
            f"stays cached while {shell.listed(names)} does not change, whatever else does."
        )


def _hidden(at: At, target: str) -> Said:
    """Mounts of services over what is copied here."""
    for name in at.image.services:
        service = at.stack.project.services.get(name)
        for volume in service.volumes if service else ():
            if volume.target.rstrip("/") == target.rstrip("/") and volume.type == "bind":
                yield Caution(
                    f"In {name}'s container the mount over `{target}` hides what is copied here "
                    f"(`{at.stack.shown(volume.source)}` of the host is seen instead)."
                )


def _add(at: At, add: language.Add) -> Said:
    target = at.state.path(add.destination)
    for source in (at.state.expanded(source) for source in add.sources):
        if "://" in source and not source.endswith(".git"):
            yield f"Downloads `{source}` to `{target}`."
        elif source.endswith(".git") or source.startswith("git@"):
            yield f"Fetches the Git repository `{source}` to `{target}`."
        elif (
            source.endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")) and add.unpack is not False
        ):
            yield f"Unpacks the archive `{source}` of the build context into `{target}`."
        else:
            yield f"Copies `{source}` from the build context to `{target}`; `COPY` does the same and no more."
    if add.documents:
        yield f"Writes the text that follows to `{target}`."
    if add.checksum:
        yield f"`--checksum`: the build fails unless the content is `{add.checksum}`."
    elif any("://" in source for source in add.sources):
        yield Caution("Nothing checks what is downloaded: `--checksum=sha256:…` would.")
    if add.keep_git_dir:
        yield "`--keep-git-dir`: the repository's history comes along."
    if add.unpack is True:
        yield "`--unpack`: archives are unpacked, downloaded ones too."
    yield from _copy_flags(add)


def _pairs(at: At, each: Any, verb: str, after: str) -> Said:
    for name, value in each.pairs:
        text = at.state.expanded(value)
        shown = "a value that is not shown here" if is_secret(name) and text and not at.stack.reveal else f"`{text}`"
        yield f"{verb} `{name}` to {shown}{after}"
        if is_secret(name) and text:
            yield Caution(f"`{name}` looks like a secret: whoever gets the image can read it.")


def _env(at: At, env: language.Env) -> Said:
    yield from _pairs(at, env, "Sets the variable", ".")
    yield (
        "It holds for the steps below and for every process in the container; `environment` and "
        "`env_file` of a service go before it."
    )


def _label(at: At, label: language.Label) -> Said:
    yield from _pairs(at, label, "Labels the image:", ".")
    yield "Labels are notes for people and tools; the program does not see them."


def _arg(at: At, arg: language.Arg) -> Said:
    for name, default in arg.pairs:
        given = at.image.arguments.get(name)
        if given is not None:
            yield f"`{name}` is `{given}` while the image is built: from `build.args`" + (
                f", in place of `{default}`." if default else "."
            )
        elif default is not None:
            yield (
                f"`{name}` is `{at.state.expanded(default)}` while the image is built, unless "
                f"`--build-arg {name}=…` or `build.args` says otherwise."
            )
        else:
            yield f"`{name}` is given by `--build-arg {name}=…` or `build.args`; nothing gives it here."
        if is_secret(name):
            yield Caution(
                f"`{name}` looks like a secret: arguments can be read in the image's history. `RUN "
                "--mount=type=secret` keeps it out."
            )
    yield "In the running container the argument is gone."


def _workdir(at: At, workdir: language.Workdir) -> Said:
    path = at.state.path(workdir.path)
    yield (
        f"**Working directory**: all steps below (`RUN`, `COPY`, …) start in `{path}`, which is made if it is missing."
    )
    if at.stage.index == at.built.target and at.built.final.workdir == path:
        yield f"A container that is started from the image starts there too: `{path}` is its default directory."


def _user(at: At, user: language.User) -> Said:
    yield f"The steps below and the container's process run as `{at.state.expanded(user.user)}`."
    if user.user.split(":")[0] in ("root", "0"):
        yield Caution(
            "That is the container's administrator: a fault in the program can change everything in the container."
        )


def _command(command: language.CommandLine) -> str:
    return command.words[0] if command.shell else " ".join(command.words)


def _tells(command: language.CommandLine) -> Said:
    line = command.words[0] if command.shell else shell.inner(command.words)
    if line is None:
        told = shell.tell(shell.Command(command.words))
        yield f"It {told.text}."
        yield from map(Caution, told.cautions)
        return
    for number, (_, told) in enumerate(shell.sentences(line), 1):
        yield f"{number}. {told.text}."
        yield from map(Caution, told.cautions)


def _cmd(at: At, cmd: language.Cmd) -> Said:
    if at.state.entrypoint is not None:
        yield (
            f"The arguments for the entrypoint, unless the container is started with others: `{_command(cmd.command)}`."
        )
    else:
        yield f"What a container runs unless it is told otherwise: `{_command(cmd.command)}`."
        yield from _tells(cmd.command)
    for name in at.image.services:
        service = at.stack.project.services.get(name)
        if service is not None and service.command is not None:
            yield f"The service `{name}` does tell otherwise: its `command` goes before this."
    if cmd.command.shell:
        yield Caution(
            "It is written without brackets, so a shell runs it and gets the stop signal in its "
            'place; `CMD ["…"]` would not need one.'
        )


def _entrypoint(at: At, entrypoint: language.Entrypoint) -> Said:
    yield (
        f"The program that every container runs: `{_command(entrypoint.command)}`; `CMD` or the "
        "service's `command` is its arguments."
    )
    yield from _tells(entrypoint.command)
    if entrypoint.command.shell:
        yield Caution("It is written without brackets: a shell runs it, and `CMD` is ignored.")


def _expose(at: At, expose: language.Expose) -> Said:
    ports = [at.state.expanded(port) for port in expose.ports]
    yield (
        f"Says that the program listens on port {shell.listed(ports)}. Nothing is opened by that: "
        "`ports` of a service (or `-p`) does."
    )
    yield "dockless waits for one of these ports before it starts services that depend on this one and say no more."


def _volume(at: At, volume: language.Volume) -> Said:
    paths = [at.state.expanded(path) for path in volume.paths]
    yield (
        f"Each container keeps {shell.listed(paths)} in a volume: an anonymous one, unless the "
        "service mounts something there."
    )
    yield Caution("What later steps of the build write there is lost with some builders.")


def _healthcheck(_: At, check: language.Healthcheck) -> Said:
    if check.command is None:
        yield "Switches off the health check of the base image."
        return
    yield f"The engine runs `{_command(check.command)}` in the container from time to time; status 0 means healthy."
    for name, value in (
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("start-period", check.start_period),
        ("start-interval", check.start_interval),
    ):
        if value:
            yield f"`--{name}={value / 1e9:g}s`: {_HEALTH[name]}."
    if check.retries:
        yield f"`--retries={check.retries}`: so many failures in a row make it unhealthy."
    yield "`depends_on` with `condition: service_healthy` waits for it."


_HEALTH = {
    "interval": "the time between checks",
    "timeout": "a check that takes longer counts as failed",
    "start-period": "failures do not count in this time after the start",
    "start-interval": "the time between checks in the start period",
}


def _onbuild(_: At, onbuild: language.Onbuild) -> Said:
    yield f"Does nothing now: `{onbuild.trigger}` is run when another Dockerfile says `FROM` this image."


def _say(text: Callable[[Any], str]) -> Callable[[At, Any], Said]:
    def said(_: At, each: Any) -> Said:
        yield text(each)

    return said


INSTRUCTIONS: dict[type[Instruction], tuple[str, Callable[[At, Any], Said]]] = {
    language.From: ("Base image", _from),
    language.Run: ("Run while building", _run),
    language.Copy: ("Copy files", _copy),
    language.Add: ("Add files", _add),
    language.Env: ("Variables", _env),
    language.Label: ("Labels", _label),
    language.Arg: ("Argument of the build", _arg),
    language.Expose: ("Port", _expose),
    language.Volume: ("Volume", _volume),
    language.User: ("User", _user),
    language.Workdir: ("Working directory", _workdir),
    language.Cmd: ("Default command", _cmd),
    language.Entrypoint: ("Entrypoint", _entrypoint),
    language.Stopsignal: (
        "Stop signal",
        _say(lambda each: f"`{each.signal}` is the signal that asks the container's process to end."),
    ),
    language.Healthcheck: ("Health check", _healthcheck),
    language.Shell: (
        "Shell",
        _say(
            lambda each: f"Commands that are written without brackets are run by `{' '.join(each.words)}` from here on."
        ),
    ),
    language.Onbuild: ("For images built on this one", _onbuild),
    language.Maintainer: ("Author", _say(lambda each: f"Names {each.name} as the author; a `LABEL` is the way today.")),
}
_DIRECTIVES = {
    "syntax": "Which version of the Dockerfile language the file is written in: `{}`.",
    "escape": "The character that continues a line: `{}`.",
    "check": "Settings of the builder's checks: `{}`.",
}
