"""Instructions that run something, while building or in the container: RUN, CMD, ENTRYPOINT, HEALTHCHECK."""

import posixpath

from dockless.dockerfile import model as language
from dockless.explain.story import shell
from dockless.explain.story.told.at import At, Said
from dockless.explain.story.values import Caution


def run(at: At, run: language.Run) -> Said:
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
            yield f"{number}. `{shell.cut(command.text, 60)}`: {told.text}."
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


def cmd(at: At, cmd: language.Cmd) -> Said:
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


def entrypoint(at: At, entrypoint: language.Entrypoint) -> Said:
    yield (
        f"The program that every container runs: `{_command(entrypoint.command)}`; `CMD` or the "
        "service's `command` is its arguments."
    )
    yield from _tells(entrypoint.command)
    if entrypoint.command.shell:
        yield Caution("It is written without brackets: a shell runs it, and `CMD` is ignored.")


def healthcheck(_: At, check: language.Healthcheck) -> Said:
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
