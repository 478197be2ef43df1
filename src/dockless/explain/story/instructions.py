"""What each instruction of a Dockerfile does: a table from instruction to function, with a row for every one.

A function gets the instruction and the state that it meets (`built.State`) and says sentences and cautions.
"""

from collections.abc import Callable, Iterator
from typing import Any

from dockless.dockerfile import Instruction
from dockless.dockerfile import model as language
from dockless.explain.story import shell
from dockless.explain.story.built import State, base_of, earlier_stage, follow
from dockless.explain.story.caching import causes_of
from dockless.explain.story.official import described, parse_reference, pinned
from dockless.explain.story.origins import is_secret
from dockless.explain.story.stack import Image, Stack
from dockless.explain.story.told import files, processes
from dockless.explain.story.told.at import At, Said
from dockless.explain.story.values import Caution, Entry, FileStory, worded


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
        lead=tuple(_lead(stack, image)),
        entries=tuple(entries),
    )


def _entry(image: Image, line: int, last: int, key: str, title: str, says: tuple[str, ...]) -> Entry:
    return Entry(
        file=image.path,
        line=line,
        last=last,
        key=key,
        title=title,
        service=", ".join(image.services),
        says=tuple(map(worded, says)),
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
        says=tuple(dict.fromkeys(map(worded, says))),
        cautions=tuple(dict.fromkeys(map(worded, cautions))),
    )


def _lead(stack: Stack, image: Image) -> Iterator[str]:
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


def _onbuild(_: At, onbuild: language.Onbuild) -> Said:
    yield f"Does nothing now: `{onbuild.trigger}` is run when another Dockerfile says `FROM` this image."


def _say(text: Callable[[Any], str]) -> Callable[[At, Any], Said]:
    def said(_: At, each: Any) -> Said:
        yield text(each)

    return said


INSTRUCTIONS: dict[type[Instruction], tuple[str, Callable[[At, Any], Said]]] = {
    language.From: ("Base image", _from),
    language.Run: ("Run while building", processes.run),
    language.Copy: ("Copy files", files.copy),
    language.Add: ("Add files", files.add),
    language.Env: ("Variables", _env),
    language.Label: ("Labels", _label),
    language.Arg: ("Argument of the build", _arg),
    language.Expose: ("Port", _expose),
    language.Volume: ("Volume", _volume),
    language.User: ("User", _user),
    language.Workdir: ("Working directory", _workdir),
    language.Cmd: ("Default command", processes.cmd),
    language.Entrypoint: ("Entrypoint", processes.entrypoint),
    language.Stopsignal: (
        "Stop signal",
        _say(lambda each: f"`{each.signal}` is the signal that asks the container's process to end."),
    ),
    language.Healthcheck: ("Health check", processes.healthcheck),
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
