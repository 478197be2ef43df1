"""Execs: further processes in a running container."""

from dockless.wire.base import Message, always, names


class ExecCreateRequest(Message, rename=names(sdk_detach_keys="detachKeys"), frozen=True, kw_only=True):
    """`console_size` is (height, width). Docker's SDK for Python writes `detachKeys`, and Go reads that, too."""

    user: str = always("")
    privileged: bool = always(False)
    tty: bool = always(False)
    console_size: tuple[int, int] | None = None
    attach_stdin: bool = always(False)
    attach_stderr: bool = always(False)
    attach_stdout: bool = always(False)
    detach: bool = always(False)
    detach_keys: str = always("")
    sdk_detach_keys: str = ""
    env: tuple[str, ...] | None = always(None)
    working_dir: str = always("")
    cmd: tuple[str, ...] | None = always(None)


class IdResponse(Message, frozen=True, kw_only=True):
    """What exec create and commit answer."""

    id: str


class ExecStartRequest(Message, frozen=True, kw_only=True):
    detach: bool = always(False)
    tty: bool = always(False)
    console_size: tuple[int, int] | None = None


class ExecProcess(Message, rename=None, frozen=True, kw_only=True):
    tty: bool = always(False)
    entrypoint: str = always("")
    arguments: tuple[str, ...] = always(())
    privileged: bool = always(False)
    user: str = ""


class ExecInspect(Message, rename=names(id="ID", container_id="ContainerID"), frozen=True, kw_only=True):
    """`exit_code` is `None` as long as the process runs, or was never started."""

    id: str
    running: bool = always(False)
    exit_code: int | None = always(None)
    process_config: ExecProcess = always(ExecProcess())
    open_stdin: bool = always(False)
    open_stderr: bool = always(False)
    open_stdout: bool = always(False)
    can_remove: bool = always(False)
    container_id: str = always("")
    detach_keys: str = always("")
    pid: int = always(0)
