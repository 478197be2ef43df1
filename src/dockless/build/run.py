"""RUN: the command, its environment and its mounts as a `Step`, carried out by the runner.

What the step reads besides its root goes into its key; what it is only lent (caches, secrets, agents, the host's way
out) does not, and never reaches the layer.
"""

import hashlib
import os
import posixpath
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from dockless.build import handover
from dockless.build.copying import Destination, copy_selected
from dockless.build.draft import Draft
from dockless.build.emulation import runs_here
from dockless.build.entitlements import refusal
from dockless.build.events import Output, Vertex
from dockless.build.owners import Owner
from dockless.build.plan import PlannedStage
from dockless.build.session import Read, Session
from dockless.build.sources import Selected, digest, select
from dockless.build.steps import HOSTNAME, Bind, Step, StepFailed, Tmpfs
from dockless.build.stubs import Stubs
from dockless.build.target import Target
from dockless.build.tree import clean
from dockless.dockerfile.model import Mount, Run
from dockless.dockerfile.mounts import parse_mount
from dockless.dockerfile.source import heredoc_of
from dockless.dockerfile.words import expand
from dockless.launcher.users import resolve_user
from dockless.registry.platform import Platform

_SCRIPTS = "/run/dockless-script"
_SCRIPTS_SHOWN = "/dev/pipes"  # where BuildKit has them, which is what its history says
# Build arguments of BuildKit's own (reference: "BuildKit built-in build args").
_CACHE_SPACE = "BUILDKIT_CACHE_MOUNT_NS"
_HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"
_TAIL = 8 * 1024  # bytes of a failed step's output that its error shows


class PreparedRun(msgspec.Struct, frozen=True):
    """A RUN with everything expanded; `key` is what of it can change the result."""

    instruction: Run
    argv: tuple[str, ...]
    script: tuple[str, bytes] | None
    mounts: tuple["PreparedMount", ...]
    cwd: str
    environ: Mapping[str, str]
    user: str
    network: str
    key: dict[str, object]

    @property
    def shown(self) -> str:
        return " ".join(self.argv)


class PreparedMount(msgspec.Struct, frozen=True):
    mount: Mount
    target: str
    read: Read | None = None
    selected: tuple[Selected, ...] = ()
    content: str = ""


def prepare(session: Session, planned: PlannedStage, draft: Draft, instruction: Run, vertex: Vertex) -> PreparedRun:
    """Expands and checks. Waits for the stages that are mounted. Raises `BuildError`, `MountError`, `WordError` …"""
    if refused := refusal(instruction, session.options):  # of a trigger: the file's own steps are checked before
        raise session.error(refused, instruction)
    host = Platform.host()
    if not runs_here(draft.platform, host):
        message = f"a step for {draft.platform} cannot run on {host}: the kernel has no emulator for it"
        raise session.error(f"{message} (binfmt_misc; Debian's package is qemu-user-static)", instruction)
    argv, script = _argv(draft, instruction)
    mounts = tuple(_mounts(session, planned, draft, instruction, vertex))
    network = instruction.network if instruction.network != "default" else session.options.network
    key: dict[str, object] = {
        "argv": list(argv),
        "script": hashlib.sha256(script[1]).hexdigest() if script else "",
        "environ": dict(draft.variables),
        "cwd": draft.config.working_dir or "/",
        "user": draft.config.user,
        "network": network,
        "hosts": [list(pair) for pair in session.options.extra_hosts],
        "mounts": [_mount_key(mount) for mount in mounts],
    }
    if instruction.security == "insecure":
        key["security"] = instruction.security
    if hostname := session.options.args.get(_HOSTNAME):
        key["hostname"] = hostname
    return PreparedRun(
        instruction=instruction,
        argv=argv,
        script=script,
        mounts=mounts,
        cwd=draft.config.working_dir or "/",
        environ=dict(draft.variables),
        user=draft.config.user,
        network=network,
        key=key,
    )


def history_line(prepared: PreparedRun, draft: Draft) -> str:
    """As Docker's: `RUN |1 VERSION=3 /bin/sh -c … # buildkit`, the declared arguments first."""
    arguments = [f"{name}={draft.variables.get(name, value or '')}" for name, value in draft.arguments.items()]
    words = [f"|{len(arguments)}", *arguments] if arguments else []
    argv = [word.replace(_SCRIPTS, _SCRIPTS_SHOWN) for word in prepared.argv] if prepared.script else prepared.argv
    return "RUN " + " ".join([*words, *argv]) + " # buildkit"


def carry_out(session: Session, prepared: PreparedRun, draft: Draft, vertex: Vertex, folder: Path) -> Path:
    """Runs the step over the draft's layers in `folder` (empty, on the state's file system); the upper directory.

    Raises `BuildError` with the exit status and the last output, `BuildCancelled`.
    """
    upper, work = folder / "upper", folder / "work"
    upper.mkdir(mode=0o755)
    upper.chmod(0o755)
    work.mkdir(mode=0o700)
    lower = session.lower(draft.diff_ids)
    stubs = Stubs(upper, lower)
    stubs.standard()
    with ExitStack() as stack:
        lent = _Lent(session, prepared, stubs, folder, stack)
        lent.working_folder(upper, lower)
        environ = dict(prepared.environ)
        for name, value in {**session.handover.environ, **lent.environ}.items():
            environ.setdefault(name, value)
        environ.setdefault("HOME", resolve_user(lower, prepared.user).home)
        step = Step(
            name=vertex.title,
            argv=prepared.argv,
            env=environ,
            cwd=prepared.cwd,
            user=prepared.user,
            lower=lower,
            upper=upper,
            work=work,
            network=prepared.network,  # type: ignore[arg-type]
            privileged=prepared.instruction.security == "insecure",
            binds=tuple(lent.binds),
            tmpfs=tuple(lent.tmpfs),
            extra_hosts=session.options.extra_hosts,
            hostname=session.options.args.get(_HOSTNAME) or HOSTNAME,
            shm_size=session.options.shm_size,
            ulimits=session.options.ulimits,
            resources=session.options.resources,
            cgroup_parent=session.options.cgroup_parent,
            cancellation=session.cancellation,
        )
        _run(session, step, prepared, vertex)
    stubs.remove()
    return upper


def _run(session: Session, step: Step, prepared: PreparedRun, vertex: Vertex) -> None:
    tail = bytearray()

    def output(data: bytes) -> None:
        tail.extend(data)
        del tail[:-_TAIL]
        session.emit(Output(vertex, data))

    with session.tools.width:
        session.check()
        try:
            status = session.tools.runner.run(step, output)
        except StepFailed as error:
            session.check()
            message = f'process "{prepared.shown}" could not be started: {error.message}'
            raise session.error(message, prepared.instruction, status=error.status, output=_text(tail)) from error
    session.check()
    if status != 0:
        message = f'process "{prepared.shown}" did not complete successfully: exit code: {status}'
        raise session.error(message, prepared.instruction, status=status, output=_text(tail))


def _text(tail: bytearray) -> str:
    text = bytes(tail).decode("utf-8", "replace")
    if len(tail) == _TAIL:
        text = text.partition("\n")[2]
    return text.rstrip("\n")


def _argv(draft: Draft, instruction: Run) -> tuple[tuple[str, ...], tuple[str, bytes] | None]:
    """The command, and, of a here-document that begins with `#!`, the script (reference: "Here-Documents")."""
    command = instruction.command
    if not command.shell:
        return command.words, None
    line = command.words[0]
    documents = instruction.heredocs
    if documents and line.strip().startswith("<<") and len(line.split("<<")) == 2 and _only_a_document(line):
        body = documents[0].body
        if documents[0].content.startswith("#!"):
            name = posixpath.basename(documents[0].name) or "script"
            return (*draft.shell, f"{_SCRIPTS}/{name}"), (name, body.encode("utf-8", "surrogateescape"))
        return (*draft.shell, body), None
    if documents:
        line = "\n".join((line, *(f"{document.content}{document.name}" for document in documents)))
    return (*draft.shell, line), None


def _only_a_document(line: str) -> bool:
    return heredoc_of(line.strip()) is not None


def _mounts(
    session: Session, planned: PlannedStage, draft: Draft, instruction: Run, vertex: Vertex
) -> Iterator[PreparedMount]:
    escape = session.dockerfile.escape
    for text in instruction.mounts:
        mount = parse_mount(text, lambda value: expand(value, draft.variables, escape=escape))
        target = _target(mount, draft)
        if target == "/":
            raise session.error(f'invalid mount target "{mount.target}"', instruction)
        if mount.type == "bind" or (mount.type == "cache" and mount.from_):
            read = session.read(mount.from_, planned, instruction, lambda line: session.say(vertex, line))
            selected = tuple(select(read.source, mount.source or "/")) if mount.type == "bind" else ()
            known = session.tools.digests.of
            content = digest(selected, owners=False, xattrs=read.source.xattrs, content=known)
            yield PreparedMount(mount, target, read, selected, content)
        else:
            yield PreparedMount(mount, target)


def _target(mount: Mount, draft: Draft) -> str:
    if mount.type == "secret" and not mount.target:
        return "" if mount.env else f"/run/secrets/{posixpath.basename(_secret_id(mount))}"
    if mount.type == "ssh" and not mount.target:
        return ""
    return clean(posixpath.join("/", draft.config.working_dir, mount.target))


def _secret_id(mount: Mount) -> str:
    return mount.source or mount.id or posixpath.basename(mount.target)


def _mount_key(prepared: PreparedMount) -> dict[str, object]:
    mount = prepared.mount
    key: dict[str, object] = {"type": mount.type, "target": prepared.target, "readonly": mount.readonly}
    if mount.type == "bind" and prepared.read is not None:
        key["source"] = clean(mount.source)
        key["content"] = list(prepared.read.diff_ids) if prepared.read.diff_ids is not None else prepared.content
    elif mount.type == "cache":
        key["id"] = mount.id or prepared.target
    elif mount.type == "secret":
        key["id"], key["env"] = _secret_id(mount), mount.env
    return key


class _Lent(msgspec.Struct):
    """The binds of one step, made when it runs; what they need is undone by `stack`."""

    session: Session
    prepared: PreparedRun
    stubs: Stubs
    folder: Path
    stack: ExitStack
    binds: list[Bind] = msgspec.field(default_factory=list)
    tmpfs: list[Tmpfs] = msgspec.field(default_factory=list)
    environ: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        makers = {
            "bind": self._bind,
            "cache": self._cache,
            "tmpfs": self._tmpfs,
            "secret": self._secret,
            "ssh": self._ssh,
        }
        if self.session.handover.folder is not None:
            self._lend_folder(self.session.handover.folder, handover.FOLDER)
        if self.prepared.script is not None:
            name, body = self.prepared.script
            scripts = self.folder / "scripts"
            scripts.mkdir(mode=0o755)
            (scripts / name).write_bytes(body)
            (scripts / name).chmod(0o755)
            self._lend_folder(scripts, _SCRIPTS)
        for mount in self.prepared.mounts:
            makers[mount.mount.type](mount)

    def working_folder(self, upper: Path, lower: tuple[Path, ...]) -> None:
        """The working directory of a base image need not exist; as with Docker it is made, and stays."""
        target = Target(upper, lower)
        path, found = target.tree.resolve(self.prepared.cwd)
        if found is None:
            target.make_folder(path, Owner())

    def _lend_folder(self, source: Path, target: str, readonly: bool = True) -> None:
        self.stubs.folder(target)
        self.binds.append(Bind(source, target, readonly))

    def _lend_file(self, source: Path, target: str, readonly: bool = True) -> None:
        self.stubs.file(target)
        self.binds.append(Bind(source, target, readonly))

    def _tmpfs(self, prepared: PreparedMount) -> None:
        self.stubs.folder(prepared.target)
        self.tmpfs.append(Tmpfs(prepared.target, prepared.mount.size))

    def _bind(self, prepared: PreparedMount) -> None:
        """A copy of what is mounted, so that whiteouts, ignored files and writes are as they should be."""
        assert prepared.read is not None
        for chosen in prepared.selected:
            copy = self.folder / f"bind-{len(self.binds)}"
            copy.mkdir(mode=0o755)
            target = Target(copy, ())
            owner = prepared.read.source.owner
            if chosen.entry.is_dir:
                copy_selected(chosen, Destination("/", owner), target)
                target.finish()
                self._lend_folder(copy, prepared.target, prepared.mount.readonly)
            else:
                copy_selected(chosen, Destination("/file", owner), target)
                self._lend_file(copy / "file", prepared.target, prepared.mount.readonly)

    def _cache(self, prepared: PreparedMount) -> None:
        mount = prepared.mount

        def fill(folder: Path) -> None:
            if prepared.read is None:
                folder.chmod(0o755 if mount.mode is None else mount.mode)
                os.chown(folder, mount.uid or 0, mount.gid or 0)
                return
            # With `from` it is that folder, permissions and owner included; `mode`, `uid` and `gid` do not count.
            target = Target(folder, ())
            destination = Destination("/", prepared.read.source.owner)
            for chosen in select(prepared.read.source, mount.source or "/"):
                copy_selected(chosen, destination, target)
                owner = destination.owner_of(chosen.entry)
                target.dress(target.real("/"), owner, destination.mode_of(chosen.entry), None)
            target.finish()

        caches = self.session.tools.cache_mounts
        space = self.session.options.args.get(_CACHE_SPACE)
        name = f"{space}/{mount.id or prepared.target}" if space else mount.id or prepared.target
        lent = caches.lend(name, mount.sharing, fill, self.session.check)
        self._lend_folder(self.stack.enter_context(lent), prepared.target, mount.readonly)

    def _secret(self, prepared: PreparedMount) -> None:
        mount = prepared.mount
        name = _secret_id(mount)
        content = self.session.options.secrets.get(name)
        if content is None:
            if mount.required:
                raise self.session.error(f"secret {name}: not found", self.prepared.instruction)
            return
        if mount.env:
            self.environ[mount.env] = content.decode("utf-8", "surrogateescape")
        if not prepared.target:
            return
        folder = self.session.tools.secrets / secrets.token_hex(8)
        folder.mkdir(mode=0o700, parents=True)
        self.stack.callback(shutil.rmtree, folder)
        file = folder / "secret"
        file.touch(mode=0o600)
        file.write_bytes(content)
        os.chown(file, mount.uid or 0, mount.gid or 0)
        file.chmod(0o400 if mount.mode is None else mount.mode)
        self._lend_file(file, prepared.target)

    def _ssh(self, prepared: PreparedMount) -> None:
        mount = prepared.mount
        name = mount.id or "default"
        socket = self.session.options.ssh.get(name)
        if socket is None:
            if mount.required:
                raise self.session.error(f"ssh agent {name}: not found (--ssh {name})", self.prepared.instruction)
            return
        target = prepared.target or f"/run/buildkit/ssh_agent.{len(self.binds)}"
        self._lend_file(socket, target, readonly=False)
        self.environ.setdefault("SSH_AUTH_SOCK", target)
