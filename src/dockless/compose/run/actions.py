"""What each action of a plan asks of the engine, and how it is reported."""

import time
from collections.abc import Callable
from itertools import chain, repeat
from typing import TYPE_CHECKING

from dockless.compose.run.plan import (
    Action,
    AwaitCondition,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Hook,
    InjectedFile,
    InjectFiles,
    KillContainer,
    PauseContainer,
    Recreated,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    Report,
    RestartContainer,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    subject_of,
)
from dockless.compose.run.sharing import with_ids
from dockless.wire.errors import ApiError, Conflict, NotFound

if TYPE_CHECKING:
    from dockless.compose.run.execute import Context

LISTENING_SECONDS = 60.0
"""How long a dependency without a health check may take until it listens; then its dependents are started anyway."""

_SHOWN_LINES = 20
_FIRST_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
_LAST_PAUSE = 0.5


class ConditionFailed(Exception):
    """A dependency did not become what its dependents ask for."""


def carry_out(action: Action, context: "Context") -> None:
    """Does it, and reports its beginning and end.

    Raises `ApiError` as the engine words it and `ConditionFailed`.
    """
    act = _ACTIONS[type(action)]
    try:
        act(action, context)
    except (ApiError, ConditionFailed, OSError) as error:
        if not isinstance(action, PauseContainer | UnpauseContainer):
            first = str(error).partition("\n")[0]
            text = f"Error {first}"
            if isinstance(error, ConditionFailed):
                text = "Error"  # which is told in full at the end
            elif isinstance(action, KillContainer):
                text = "Error while Killing"
            context.reporter.report(subject_of(action), text, done=True, failed=True)
        raise


def _say(action: Action, context: "Context", text: str, *, done: bool) -> None:
    context.reporter.report(subject_of(action), text, done=done)


def _create_network(action: CreateNetwork, context: "Context") -> None:
    _say(action, context, "Creating", done=False)
    context.client.networks.create(action.body)
    _say(action, context, "Created", done=True)


def _create_volume(action: CreateVolume, context: "Context") -> None:
    _say(action, context, "Creating", done=False)
    context.client.volumes.create(action.body)
    _say(action, context, "Created", done=True)


def _create_container(action: CreateContainer, context: "Context") -> None:
    client = context.client
    _say(action, context, "Recreate" if action.recreates else "Creating", done=False)
    body = action.body
    if action.shared:
        ids = {service: client.containers.inspect(name).id for service, name in action.shared.containers}
        body = with_ids(body, action.shared, ids)
    created = client.containers.create(action.name, body, platform=action.platform)
    for warning in created.warnings or ():
        context.reporter.line(f" {subject_of(action)}  {warning}")
    for network, endpoint in action.further_networks:
        client.networks.connect(network, container=created.id, endpoint=endpoint)
    if not action.recreates:
        _say(action, context, "Created", done=True)


def _inject(action: InjectFiles, context: "Context") -> None:
    context.client.containers.archive_put(action.name, path="/", content=archive_of(action.files))


def archive_of(files: tuple[InjectedFile, ...]) -> bytes:
    """A tar with absolute names and no parent folders, as Docker Compose makes it."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            member = tarfile.TarInfo(file.target)
            member.size, member.mode, member.uid, member.gid = len(file.content), file.mode, file.uid, file.gid
            member.mtime = int(time.time())
            archive.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


def _start(action: StartContainer, context: "Context") -> None:
    if context.announces_starts:
        _say(action, context, "Starting", done=False)
    if context.before_start:
        context.before_start(action.name)
    context.client.containers.start(action.name)
    for hook in action.hooks:
        _run_hook(hook, action.name, context)
    if context.announces_starts:
        _say(action, context, "Started", done=True)


def _run_hook(hook: Hook, container: str, context: "Context") -> None:
    """Runs a lifecycle command inside the container; its failure is the container's."""
    from dockless.wire.execs import ExecCreateRequest

    execs = context.client.execs
    request = ExecCreateRequest(
        cmd=hook.command,
        user=hook.user,
        privileged=hook.privileged,
        working_dir=hook.working_dir,
        env=hook.environment or None,
        attach_stdout=True,
        attach_stderr=True,
    )
    exec_id = execs.create(container, request)
    with execs.start(exec_id, tty=False) as stream:
        for _, data in stream:
            context.reporter.line(data.decode(errors="replace").rstrip("\n"))
    status = execs.inspect(exec_id).exit_code
    if status:
        raise ConditionFailed(f"hook {' '.join(hook.command)!r} of container {container} exited with status {status}")


def _unpause(action: UnpauseContainer, context: "Context") -> None:
    context.client.containers.unpause(action.name)
    _say(action, context, "Unpaused", done=True)


def _pause(action: PauseContainer, context: "Context") -> None:
    context.client.containers.pause(action.name)
    _say(action, context, "Paused", done=True)


def _stop(action: StopContainer, context: "Context") -> None:
    if not action.quiet:
        _say(action, context, "Stopping", done=False)
    if not action.ended:
        for hook in action.hooks:
            _run_hook(hook, action.name, context)
        context.client.containers.stop(action.name, timeout=action.timeout)
    if not action.quiet:
        _say(action, context, "Stopped", done=True)


def _restart(action: RestartContainer, context: "Context") -> None:
    _say(action, context, "Restarting", done=False)
    if context.before_start:
        context.before_start(action.name)
    context.client.containers.restart(action.name, timeout=action.timeout)
    _say(action, context, "Started", done=True)


def _kill(action: KillContainer, context: "Context") -> None:
    _say(action, context, "Killing", done=False)
    try:
        context.client.containers.kill(action.name, signal=action.signal)
    except Conflict:  # it ended by itself since it was looked at
        _say(action, context, "Not running", done=True)
    else:
        _say(action, context, "Killed", done=True)


def _remove(action: RemoveContainer, context: "Context") -> None:
    if not action.quiet:
        _say(action, context, "Removing", done=False)
    _unless_gone(lambda: context.client.containers.remove(action.name, volumes=action.volumes, force=action.force))
    if not action.quiet:
        _say(action, context, "Removed", done=True)


def _rename(action: RenameContainer, context: "Context") -> None:
    context.client.containers.rename(action.name, name=action.to)


def _recreated(action: Recreated, context: "Context") -> None:
    _say(action, context, "Recreated", done=True)


def _remove_network(action: RemoveNetwork, context: "Context") -> None:
    _say(action, context, "Removing", done=False)
    try:
        context.client.networks.remove(action.id)
    except NotFound:
        _say(action, context, "Removed", done=True)
    except ApiError as error:
        if "active endpoints" not in str(error):
            raise
        _say(action, context, "Resource is still in use", done=True)
    else:
        _say(action, context, "Removed", done=True)


def _remove_volume(action: RemoveVolume, context: "Context") -> None:
    _say(action, context, "Removing", done=False)
    try:
        context.client.volumes.remove(action.name, force=True)
    except NotFound:
        _say(action, context, "Removed", done=True)
    except Conflict:
        _say(action, context, "Resource is still in use", done=True)
    else:
        _say(action, context, "Removed", done=True)


def _remove_image(action: RemoveImage, context: "Context") -> None:
    _say(action, context, "Removing", done=False)
    try:
        context.client.images.remove(action.name)
    except NotFound:
        _say(action, context, "Not found", done=True)
    except Conflict:
        _say(action, context, "Resource is still in use", done=True)
    else:
        _say(action, context, "Removed", done=True)


def _report(action: Report, context: "Context") -> None:
    _say(action, context, action.text, done=True)


def _await(action: AwaitCondition, context: "Context") -> None:
    if action.condition == "listening":
        _await_listening(action, context)
        return
    _say(action, context, "Waiting", done=False)
    try:
        _say(action, context, _poll(action, context), done=True)
    except ConditionFailed:
        if action.required:
            raise
        _say(action, context, "Skipped: not required", done=True)


def _await_listening(action: AwaitCondition, context: "Context") -> None:
    """Only our engine can say when a port is in LISTEN state; on others the container is taken as it is."""
    if not context.client.is_ours:
        return
    timeout = action.timeout if action.timeout is not None else LISTENING_SECONDS
    _say(action, context, "Waiting for a listening port", done=False)
    answer = context.client.containers.wait(action.name, condition="listening", timeout=timeout)
    if answer.status_code == 0:
        _say(action, context, "Listening", done=True)
        return
    reason = answer.error.message if answer.error else "it is not listening"
    if action.must_live:
        state = context.client.containers.inspect(action.name).state
        if state.status == "exited" and state.exit_code:
            raise ConditionFailed(
                f"container {action.name} exited ({state.exit_code}) before it listened on its published port"
                f"{_last_lines(action.name, context)}"
            )
    _say(action, context, f"Going on, though {reason}", done=True)


def _last_lines(name: str, context: "Context") -> str:
    """The end of what a container printed, for a message about its end."""
    from dockless.wire.queries import LogOptions

    tty = context.client.containers.inspect(name).config.tty
    options = LogOptions(stdout=True, stderr=True, tail=_SHOWN_LINES)
    text = b"".join(data for _, data in context.client.containers.logs(name, options, tty=tty))
    lines = text.decode(errors="replace").splitlines()[-_SHOWN_LINES:]
    return "".join(f"\n    {line}" for line in lines)


def _poll(action: AwaitCondition, context: "Context") -> str:
    """Looks at the container until the condition holds; the word that reports it.

    Raises `ConditionFailed` when it cannot hold any more, or not within the action's time.
    """
    deadline = None if action.timeout is None else time.monotonic() + action.timeout
    prefix = "dependency failed to start: " if action.condition == "healthy" else ""
    for delay in chain(_FIRST_PAUSES, repeat(_LAST_PAUSE)):
        state = context.client.containers.inspect(action.name).state
        health = state.health.status if state.health else ""
        running = state.running or state.restarting
        if action.condition == "completed":
            if not running and state.status != "created":
                if state.exit_code == 0:
                    return "Exited"
                raise ConditionFailed(
                    f'service "{action.service}" didn\'t complete successfully: exit {state.exit_code}'
                )
        elif not running and state.status != "created":
            raise ConditionFailed(f"{prefix}container {action.name} exited ({state.exit_code})")
        elif action.condition == "running" and not health:
            if state.running and not state.restarting:
                return "Healthy"  # Docker Compose's word for a container without a health check, too
        elif action.condition == "healthy" and not health:
            raise ConditionFailed(f"{prefix}container {action.name} has no healthcheck configured")
        elif health == "healthy":
            return "Healthy"
        elif health == "unhealthy":
            raise ConditionFailed(f"{prefix}container {action.name} is unhealthy")
        if deadline is not None and time.monotonic() >= deadline:
            raise ConditionFailed(f"timed out waiting for container {action.name} to be {action.condition}")
        time.sleep(delay)
    raise AssertionError("unreachable")


def _unless_gone(call: Callable[[], object]) -> None:
    try:
        call()
    except NotFound:  # somebody else removed it, which is what was wanted
        return
    except Conflict as error:
        if "already in progress" not in str(error):
            raise


_ACTIONS: dict[type[Action], Callable[..., None]] = {
    CreateNetwork: _create_network,
    CreateVolume: _create_volume,
    CreateContainer: _create_container,
    InjectFiles: _inject,
    StartContainer: _start,
    UnpauseContainer: _unpause,
    PauseContainer: _pause,
    StopContainer: _stop,
    RestartContainer: _restart,
    KillContainer: _kill,
    RemoveContainer: _remove,
    RenameContainer: _rename,
    Recreated: _recreated,
    AwaitCondition: _await,
    RemoveNetwork: _remove_network,
    RemoveVolume: _remove_volume,
    RemoveImage: _remove_image,
    Report: _report,
}

__all__ = ["LISTENING_SECONDS", "ConditionFailed", "archive_of", "carry_out"]
