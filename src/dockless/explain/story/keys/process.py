"""Keys on the image and on what runs in the container: build, command, environment, health, restarts."""

import os
import posixpath
from collections.abc import Mapping
from typing import Any

from dockless.compose import model
from dockless.explain.story import shell
from dockless.explain.story.here import (
    Here,
    Said,
    brief,
    command_line,
    deeper,
    listed,
    meaning_of,
    row,
    small,
    span,
    tell,
    tells,
)
from dockless.explain.story.meanings import MEANINGS
from dockless.explain.story.official import described, parse_reference, pinned
from dockless.explain.story.origins import environment, exists, is_secret, masked, overridden_by
from dockless.explain.story.values import Caution, Value


@tells("services.*.image")
def _image(here: Here) -> Said:
    image = here.service.image
    if not image:
        return
    if here.service.build is not None:
        yield f"The name that the built image gets: `{image}`."
        return
    official = parse_reference(image).official
    yield (
        f"Uses {described(image)}."
        if official
        else f"Uses the image `{image}`; it is pulled when it is not on this machine."
    )
    if official:
        yield f"`{image}` is pulled from Docker Hub when it is not on this machine."
    yield pinned(image)
    if official and official.first_start:
        yield f"On its first start, with an empty data folder, it {official.first_start}."


@tells("services.*.build")
def _build(here: Here) -> Said:
    raw = here.raw if isinstance(here.raw, Mapping) else {"context": here.raw}
    build = here.service.build
    if build is None or not build.context:
        yield "Nothing is built in the end: another file takes this back."
        return
    folder = here.stack.shown(build.context)
    where = "the **current directory**" if folder == "." else f"the folder `{folder}`"
    dockerfile = build.dockerfile or "Dockerfile"
    inline = "the Dockerfile that is written here" if build.dockerfile_inline else f"the `{dockerfile}` found there"
    named = here.service.image or f"{here.stack.project.name}-{here.name}"
    yield f"Builds an image of its own for `{here.name}` from {where}, by {inline}. The image is called `{named}`."
    yield (
        "It is built by the first `up`, and again only by `up --build` or `build`: a changed "
        "file alone changes nothing."
    )
    for key, value in raw.items():
        if key == "context":
            yield f"`context{brief(value, key)}`: {small(MEANINGS['services.*.build.context'])}"
        else:
            below = here.below(key, value)
            yield from tell(below) if row(below.path) else _one(below, key, value)


def _one(here: Here, key: str, value: Any) -> Said:
    yield f"`{key}{brief(value, key)}`: {small(meaning_of(here.path))}"
    if isinstance(value, (Mapping, list)):
        yield from deeper(here)


@tells("services.*.build.args")
def _build_args(here: Here) -> Said:
    yield MEANINGS["services.*.build.args"]
    build = here.service.build
    for name, value in (build.args if build else {}).items():
        yield Value(name, masked(here.stack, name, value), "build.args")
        if is_secret(name):
            yield Caution(
                f"`{name}` looks like a secret, and arguments can be read in the image's history: "
                "`build.secrets` keeps it out."
            )


@tells("services.*.build.target")
def _target(here: Here) -> Said:
    yield f"`target: {here.raw}`: {small(MEANINGS['services.*.build.target'])}"


@tells("services.*.pull_policy")
def _pull_policy(here: Here) -> Said:
    says = {
        "always": "The image is looked for in the registry at each `up`, though it may be here.",
        "never": "The image is never pulled: it must be on this machine.",
        "missing": "The image is pulled only when it is not on this machine.",
        "build": "The image is always built.",
        "daily": "The image is pulled when the last pull is a day old.",
        "weekly": "The image is pulled when the last pull is a week old.",
    }
    yield says.get(here.service.pull_policy, f"The image is pulled: `{here.service.pull_policy}`.")


@tells("services.*.command")
def _command(here: Here) -> Said:
    words = here.service.command
    if not words:
        yield "No command: the image's own `CMD` is taken away."
        return
    if here.style:
        kind = "joins its lines with spaces into one" if here.style == ">" else "keeps its lines as they are"
        yield f"The `{here.style}` begins a text over several lines: YAML {kind}."
    entry = here.service.entrypoint or (here.state.entrypoint.words if here.state and here.state.entrypoint else ())
    if entry:
        yield f"The arguments of the entrypoint, in place of the image's `CMD`: `{command_line(words)}`."
    else:
        yield f"Runs this in place of the image's `CMD`: `{command_line(words)}`."
    if words[0].startswith("-"):
        yield "It begins with a dash: the image's entrypoint takes such words as arguments of its own program."
    else:
        yield from tell_command(words)
    yield "It is run at **every** start of the container; when it ends, the container ends."


def tell_command(words: tuple[str, ...]) -> Said:
    """What a container's command does, step by step."""
    script = shell.inner(words)
    if script is None:
        told = shell.tell(shell.Command(words))
        yield f"It {told.text}."
        yield from map(Caution, told.cautions)
        return
    told_all = list(shell.sentences(script))
    if len(told_all) > 1:
        yield f"`{words[0]}` runs in this order, each after `&&` only if the one before succeeded:"
    for number, (command, told) in enumerate(told_all, 1):
        yield f"{number}. `{command.text}`: {told.text}."
        yield from map(Caution, told.cautions)


@tells("services.*.entrypoint")
def _entrypoint(here: Here) -> Said:
    words = here.service.entrypoint
    if not words:
        yield "Takes the image's `ENTRYPOINT` away: `command` is run by itself."
        return
    yield (
        f"Runs `{command_line(words)}` in place of the image's `ENTRYPOINT`; `command` is its "
        "arguments, and the image's `CMD` does not count."
    )
    yield from tell_command(words)


@tells("services.*.working_dir")
def _working_dir(here: Here) -> Said:
    state, path = here.state, here.service.working_dir
    yield f"**Working directory** in the container: the command starts in `{path}`, and its relative paths begin there."
    if state and state.workdir:
        same = posixpath.normpath(path) == posixpath.normpath(state.workdir)
        if same:
            yield "The Dockerfile's `WORKDIR` says the same: the line changes nothing here."
        else:
            yield f"It goes before the Dockerfile's `WORKDIR` (`{state.workdir}`)."
    yield "It does not touch the build: `RUN` and `COPY` follow the Dockerfile's `WORKDIR`."


@tells("services.*.user")
def _user(here: Here) -> Said:
    yield f"The process runs as `{here.service.user}` in the container, in place of the image's user."


@tells("services.*.restart")
def _restart(here: Here) -> Said:
    policy, _, most = here.service.restart.partition(":")
    says = {
        "no": "The container is not started again when its process ends.",
        "always": (
            "The container is started again whenever its process ends, and also after Docker itself "
            "(or the machine) is started again, even if somebody had stopped it by hand."
        ),
        "unless-stopped": (
            "The container is started again whenever its process fails or ends, and after Docker "
            "itself is started again, **unless** somebody stopped it (`stop`, `down`)."
        ),
        "on-failure": "The container is started again when its process ends with an error"
        + (f", at most {most} times." if most else "."),
    }
    yield says.get(policy, f"Restart policy `{here.service.restart}`.")
    if policy in ("always", "unless-stopped"):
        yield "That is so with Docker's daemon; dockless has none that a boot would start: then `up` starts the stack."


@tells("services.*.scale")
def replicas(here: Here) -> Said:
    count = here.service.replicas
    yield f"{count} containers of this service run side by side; its name leads to each of them in turn."
    if here.service.container_name and count > 1:
        yield Caution("`container_name` allows only one.")
    if any(port.published for port in here.service.ports) and count > 1:
        yield Caution("Docker cannot give one host port to several containers; dockless shares it among them.")


@tells("services.*.container_name")
def _container_name(here: Here) -> Said:
    yield (
        f"The container is called `{here.service.container_name}` in place of "
        f"`{here.stack.project.name}-{here.name}-1`. There can be only one of that name on the "
        "machine, so the service cannot be scaled."
    )


@tells("services.*.healthcheck")
def _healthcheck(here: Here) -> Said:
    check = here.service.healthcheck or model.Healthcheck()
    if check.disable or check.test[:1] == ("NONE",):
        yield "Switches off the health check that the image brings."
        return
    if check.test:
        shell_form = check.test[0] == "CMD-SHELL"
        words = " ".join(check.test[1:])
        yield (
            f"The engine runs `{words}` in the container{' with its shell' if shell_form else ''} "
            "again and again; status 0 means that the service is healthy."
        )
        told = shell.tell(shell.split(words)[0]) if shell.split(words) else None
        if told and not told.text.startswith("runs `"):
            yield f"It {told.text}."
    else:
        yield "Changes how often the image's own health check is made."
    interval, timeout = check.interval or 30_000_000_000, check.timeout or 30_000_000_000
    retries = 3 if check.retries is None else check.retries
    yield (
        f"It is made every {span(interval)}, may take {span(timeout)}, and {retries} failures "
        "in a row make the container **unhealthy**."
    )
    if check.start_period:
        yield f"In the first {span(check.start_period)} failures do not count."
    yield (
        "An unhealthy container is not restarted for it; services that depend on "
        "`service_healthy` wait for health before they start."
    )


@tells("services.*.stop_grace_period")
def _stop_grace(here: Here) -> Said:
    grace = here.service.stop_grace_period
    yield f"A stop waits {span(grace or 0)} for the process to end before it is killed (10 s by default)."


@tells("services.*.stop_signal")
def _stop_signal(here: Here) -> Said:
    yield f"`{here.service.stop_signal}` is the signal that asks the process to end (SIGTERM by default)."


@tells("services.*.init")
def _init(here: Here) -> Said:
    yield (
        "A small init process runs first: it passes signals on and collects ended processes."
        if here.service.init
        else "No init process is added; that is the default."
    )


@tells("services.*.env_file")
def _env_file(here: Here) -> Said:
    files = here.written.env_file
    yield (
        "Loads environment variables for the container's process: settings, credentials and "
        "secrets that are not to stand in this file."
    )
    for each in files:
        shown = here.stack.shown(each.path)
        if not exists(each.path):
            yield Caution(
                f"`{shown}` is not there: "
                + ("`up` fails until it is." if each.required else "that is allowed (`required: false`).")
            )
            continue
        values = environment(here.stack, here.service, only_file=each.path)
        official = parse_reference(here.service.image).official
        known = [value.name for value in values if official and value.name in official.reads]
        yield f"`{shown}` gives {len(values)} variable{'s' if len(values) != 1 else ''}" + (
            f"; the image reads {listed(known)} of them." if known else "."
        )
        yield from values
        if others := overridden_by(here.stack, here.service, each.path):
            yield Caution(f"{listed(others)} of it does not count: a later file or `environment` sets the same.")
    official = parse_reference(here.service.image).official
    if official and official.reads and not any(exists(each.path) for each in files):
        yield f"This image reads variables such as {listed(official.reads)}."
    sharing = [
        name
        for name, other in here.stack.written.services.items()
        if name != here.name and {e.path for e in other.env_file} & {e.path for e in files}
    ]
    if sharing:
        yield (
            f"{listed(sharing)} reads the same file: credentials stand in one place for all."
            if len(sharing) == 1
            else f"{listed(sharing)} read the same file: credentials stand in one place for all."
        )
    if any(os.path.basename(each.path) == ".env" for each in files):
        yield (
            "Compose also reads `.env` beside the compose file by itself, to fill in `${…}` in this "
            "file; into the container it comes only by this line."
        )


@tells("services.*.environment")
def _environment(here: Here) -> Said:
    yield "Sets environment variables for the container's process; they go before those of `env_file`."
    own = here.written.environment
    for value in environment(here.stack, here.service):
        if value.name in own:
            yield value
            if value.text == "(not set)":
                yield Caution(
                    f"`{value.name}` is to be taken from the shell, where it is not set: the container does not get it."
                )
    literal = [
        name
        for name, value in own.items()
        if value and is_secret(name) and isinstance(here.raw, Mapping) and "$" not in str(here.raw.get(name, "$"))
    ]
    if literal:
        yield Caution(f"{listed(literal)} stands in the file as it is: whoever reads the repository reads it.")
