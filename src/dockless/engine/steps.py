"""Runs a build's steps: the builder's `StepRunner`, with the launcher and the fabric.

A step is a container of which nothing is written down but its cgroup, so that the next engine can end what one that
dies leaves of it. `run` is called in build threads and hands over to the event loop; output comes back to the thread
that waits.
"""

import asyncio
import contextlib
import os
import queue
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface

from dockless.build.steps import Bind, Output, Step, StepFailed, Tmpfs
from dockless.engine.files import host_settings, write_files
from dockless.engine.helpers import Helpers
from dockless.engine.networks import Networks
from dockless.engine.processes import end_all
from dockless.engine.records import new_id
from dockless.engine.spec import Files
from dockless.images.scratch import Scratch
from dockless.images.trees import remove_tree
from dockless.launcher import defaults
from dockless.launcher.client import ExitStatus, LauncherLost, LaunchError, OverlayRoot, Started
from dockless.launcher.spec import Mount, NamespaceType, Rlimit, Spec
from dockless.launcher.users import UnknownUser, resolve_user
from dockless.linux import cgroups
from dockless.network.fabric import EndpointSpec, Fabric, FabricError, Sandbox
from dockless.network.ipam import mac_for
from dockless.places import Places
from dockless.state import Database

SCHEMA = ("CREATE TABLE IF NOT EXISTS steps (cgroup TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",)

PREFIX = "step-"
CHUNK = 64 * 1024


@dataclass
class _Running:
    """One step under way."""

    id: str
    cgroup: str
    output: "queue.SimpleQueue[bytes | None]"
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: ExitStatus | None = None
    started: Started | None = None
    silent: asyncio.Event = field(default_factory=asyncio.Event)


class Steps:
    """Made in the event loop's thread."""

    def __init__(self, places: Places, database: Database, helpers: Helpers, networks: Networks) -> None:
        self._places = places
        self._database = database
        self._helpers = helpers
        self._networks = networks
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, _Running] = {}

    def run(self, step: Step, output: Output) -> int:
        """The builder's call, in its thread. Raises StepFailed."""
        chunks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(self._run(step, chunks), self._loop)
        future.add_done_callback(lambda _: chunks.put(None))
        while (data := chunks.get()) is not None:
            output(data)
        return future.result()

    def end_left(self) -> None:
        """Ends the steps of an earlier engine, for which nobody waits. Blocking; before the first `run`."""
        for row in self._database.connection.execute("SELECT cgroup FROM steps").fetchall():
            end_all(row["cgroup"])
            self._forget(row["cgroup"])

    def held(self) -> Iterator[tuple[Started, str]]:
        """The processes of steps under way, each with its cgroup."""
        for item in list(self._running.values()):
            if item.started is not None and item.status is None:
                yield item.started, item.cgroup

    def knows(self, identity: str) -> bool:
        return identity.startswith(PREFIX)

    def exited(self, identity: str, status: ExitStatus) -> None:
        item = self._running.get(identity)
        if item is not None:
            item.status = status
            item.ended.set()

    async def _run(self, step: Step, chunks: "queue.SimpleQueue[bytes | None]") -> int:
        identity = PREFIX + new_id()
        item = _Running(identity, f"/{step.cgroup_parent.strip('/') or 'dockless'}/{identity}", chunks)
        self._running[item.id] = item
        self._database.connection.execute("INSERT INTO steps VALUES (?)", (item.cgroup,))
        folder = Scratch.of(self._places).folder("step")
        sandbox: Sandbox | None = None
        fabric: Fabric | None = None
        forget = step.cancellation.on_cancel(lambda: self._kill_soon(item))
        try:
            if step.network == "default":
                fabric = await self._helpers.fabric()
                sandbox = self._wire(fabric, item.id)
            namespaces = {"network": sandbox.fd} if sandbox else {}
            hosts = [(name, self._address(address, fabric)) for name, address in step.extra_hosts]
            inherited = host_settings()
            files = write_files(
                folder,
                hostname=step.hostname,
                domainname="",
                addresses=[],
                extra_hosts=hosts,
                own_resolver=step.network == "default",
                search=inherited["search"],
                options=(),
            )
            await self._launch(item, step, files, namespaces)
            await item.ended.wait()
            await self._drained(item)
            assert item.status is not None
            return item.status.code
        except FabricError as error:
            raise StepFailed(f"the step's network: {error}") from error
        finally:
            forget()
            del self._running[item.id]
            if sandbox is not None:
                sandbox.close()
            if fabric is not None:
                self._unwire(fabric, item.id)
            await self._close(item)
            if cgroups.folders(item.cgroup):
                # Only where a launcher was killed just before it would have removed it.
                await asyncio.to_thread(end_all, item.cgroup)
            self._forget(item.cgroup)
            await asyncio.to_thread(remove_tree, folder)

    def _forget(self, cgroup: str) -> None:
        self._database.connection.execute("DELETE FROM steps WHERE cgroup = ?", (cgroup,))

    async def _launch(self, item: _Running, step: Step, files: Files, namespaces: dict[str, int]) -> None:
        launcher = await self._helpers.launcher()
        root = OverlayRoot(tuple(map(str, step.lower or (self._places.empty,))), str(step.upper), str(step.work))
        try:
            spec = _spec(step, files, item.cgroup)
            item.started = await launcher.run(
                item.id, spec, root, namespaces=namespaces, stdin=False, split_output=False
            )
        except UnknownUser as error:
            raise StepFailed(str(error)) from error
        except LaunchError as error:
            raise StepFailed(error.message, error.exit_status) from error
        except LauncherLost as error:
            await asyncio.to_thread(end_all, item.cgroup)
            raise StepFailed("the launcher ended while it started the step") from error
        for warning in item.started.warnings:
            item.output.put(f"warning: {warning}\n".encode())
        if item.started.stdout is not None:
            os.set_blocking(item.started.stdout.read, False)
            self._loop.add_reader(item.started.stdout.read, self._read, item)
        if step.cancellation.cancelled:
            self._kill(item)

    def _read(self, item: _Running) -> None:
        assert item.started is not None and item.started.stdout is not None
        try:
            data = os.read(item.started.stdout.read, CHUNK)
        except BlockingIOError:
            return
        if data:
            item.output.put(data)
        else:
            self._loop.remove_reader(item.started.stdout.read)
            item.silent.set()

    async def _drained(self, item: _Running) -> None:
        """A process that the step left behind may hold the pipe: it died with the step's init, so this is short."""
        try:
            await asyncio.wait_for(item.silent.wait(), 2.0)
        except TimeoutError:
            return

    def _kill_soon(self, item: _Running) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._kill, item)

    def _kill(self, item: _Running) -> None:
        if item.started is not None and item.status is None:
            # A process that is gone has ended, and the launcher is about to say so.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(item.started.pidfd, signal.SIGKILL)

    async def _close(self, item: _Running) -> None:
        started = item.started
        if started is None:
            return
        if started.stdout is not None:
            self._loop.remove_reader(started.stdout.read)
            for descriptor in (started.stdout.read, started.stdout.staging_read, started.stdout.staging_write):
                os.close(descriptor)
        self._kill(item)
        os.close(started.pidfd)
        if (launcher := self._helpers.open_launcher) is not None:
            await launcher.forget(item.id)

    def _wire(self, fabric: Fabric, owner: str) -> Sandbox:
        """Onto the network `bridge`, like a container of `docker build`."""
        network = self._networks.find("bridge")
        fabric.ensure_network(self._networks.spec(network))
        address = self._networks.lease(network, owner)
        sandbox = fabric.new_sandbox()
        try:
            interface = ip_interface(address)
            fabric.attach(sandbox, EndpointSpec(network.id, owner, (interface,), mac_for(interface.ip)))
            fabric.open_resolver(owner, sandbox, networks=(network.id,))
        except BaseException:
            sandbox.close()
            self._unwire(fabric, owner)
            raise
        return sandbox

    def _unwire(self, fabric: Fabric, owner: str) -> None:
        network = self._networks.find("bridge")
        fabric.close_resolver(owner)
        fabric.detach(None, network.id, owner)
        self._networks.release(owner)

    def _address(self, address: str, fabric: Fabric | None) -> str:
        if address != "host-gateway":
            return address
        return str(fabric.host_gateway) if fabric else "127.0.0.1"


def _spec(step: Step, files: Files, cgroup: str) -> Spec:
    user = resolve_user(step.lower, step.user)
    shared: Sequence[NamespaceType] = ("network",) if step.network == "host" else ()
    names = {"/etc/resolv.conf": files.resolv_conf, "/etc/hostname": files.hostname, "/etc/hosts": files.hosts}
    mounts = [
        Mount(destination=target, type="bind", source=str(source), options=["rbind", "rprivate", "rro"])
        for target, source in names.items()
    ]
    mounts += [_bind(bind) for bind in step.binds]
    mounts += [_tmpfs(tmpfs) for tmpfs in step.tmpfs]
    return defaults.default_spec(
        args=list(step.argv),
        env=[f"{name}={value}" for name, value in step.env.items()],
        cgroup_path=cgroup,
        cwd=step.cwd,
        user=user,
        hostname=step.hostname,
        privileged=step.privileged,
        network=step.network != "host",
        host_namespaces=shared,
        mounts=mounts,
        resources=step.resources,
        shm_size=step.shm_size or 64 * 1024 * 1024,
        rlimits=[Rlimit(type=f"RLIMIT_{name.upper()}", soft=soft, hard=hard) for name, soft, hard in step.ulimits],
    )


def _bind(bind: Bind) -> Mount:
    access = "rro" if bind.readonly else "rw"
    return Mount(destination=bind.target, type="bind", source=str(bind.source), options=["rbind", "rprivate", access])


def _tmpfs(tmpfs: Tmpfs) -> Mount:
    size = [f"size={tmpfs.size}"] if tmpfs.size else []
    return Mount(destination=tmpfs.target, type="tmpfs", source="tmpfs", options=["nosuid", "nodev", *size])
