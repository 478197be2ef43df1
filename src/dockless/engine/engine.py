"""The engine: its parts put together, and what it does when it begins and when it ends.

An engine that begins takes over what an earlier one left: containers that still run go on untouched, those that ended
meanwhile are ended properly, and what was half done is finished or undone.
"""

import asyncio
import errno
import itertools
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dockless import __version__
from dockless.build import cache as build_cache
from dockless.build.builder import Builder
from dockless.engine import containers as container_service
from dockless.engine import hostnet, lifecycle, mount_points, records, steps
from dockless.engine.attachments import NetworksWithContainers
from dockless.engine.containers import Containers, ImageChoice
from dockless.engine.events import Events
from dockless.engine.execs import Execs
from dockless.engine.health import CheckResult
from dockless.engine.helpers import Callbacks, Helpers
from dockless.engine.images import Images, checked_name, container_config
from dockless.engine.lifecycle import Lifecycle
from dockless.engine.mounting import Mounting
from dockless.engine.networks import Networks
from dockless.engine.obtaining import Obtaining
from dockless.engine.once import Once
from dockless.engine.preparing import Preparation
from dockless.engine.processes import end_all
from dockless.engine.records import ContainerRecord, NetworkRecord, Table, VolumeRecord
from dockless.engine.steps import Steps
from dockless.engine.system import System
from dockless.engine.tasks import Tasks
from dockless.engine.volumes import Volumes
from dockless.engine.wiring import Wiring, unwired
from dockless.images.scratch import Scratch
from dockless.images.store import ImageStore
from dockless.images.trees import remove_tree
from dockless.launcher.client import ExitStatus, LaunchError, Started
from dockless.network.fabric import FabricError, RelayLost
from dockless.places import Places
from dockless.standins import schema as stand_in_tables
from dockless.standins.renewal import set_outdated_aside
from dockless.state import Database
from dockless.wire.errors import NotFound

if TYPE_CHECKING:
    from dockless.standins.standins import StandIns


class Engine:
    """Lives in one event loop's thread; its public attributes are what the API asks (`server/seam.py`)."""

    @classmethod
    async def open(cls, places: Places, environ: Mapping[str, str] | None = None) -> "Engine":
        """Opens the state, takes over what lives. Raises OSError, sqlite3.Error where the state cannot be used."""
        engine = cls(places, os.environ if environ is None else environ)
        await engine._recover()
        return engine

    def __init__(self, places: Places, environ: Mapping[str, str]) -> None:
        places.empty.mkdir(parents=True, exist_ok=True)
        mount_points.make_layer(places.mount_points)
        # What containers write may be set-id programs: not for other users of the machine to find.
        for folder in (places.containers, places.volumes):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        self._places = places
        self._database = Database(
            places.database,
            (*records.SCHEMA, *steps.SCHEMA, *ImageStore.SCHEMA, *build_cache.SCHEMA, *stand_in_tables.SCHEMA),
        )
        self._table: Table[ContainerRecord] = Table(self._database, "containers", ContainerRecord)
        volume_table: Table[VolumeRecord] = Table(self._database, "volumes", VolumeRecord)
        network_table: Table[NetworkRecord] = Table(self._database, "networks", NetworkRecord)
        self._events = Events()
        self._helpers = Helpers(places, Callbacks(self._exited, self._launcher_lost, self._relay_lost))
        self._store = ImageStore(places, self._database)
        set_outdated_aside(self._database, self._store, __version__)
        self._chains: dict[str, Sequence[Path]] = {}
        self._tasks = Tasks()
        volumes = self.volumes = Volumes(places, volume_table, self._events, self._users)
        networks = Networks(
            network_table, self._events, lambda: self._table, self._network_dropped, hostnet.routes, hostnet.mtu
        )
        self._wiring = Wiring(networks, self._lookup)
        preparation = Preparation(places, volumes, self._wiring, self._chain, self._lookup, lifecycle.cgroup_path)
        self._lifecycle = Lifecycle(
            lifecycle.Parts(
                places=places,
                table=self._table,
                helpers=self._helpers,
                wiring=self._wiring,
                preparation=preparation,
                events=self._events,
                removed=self._remove_ended,
                check=self._check_health,
            )
        )
        self.containers = Containers(
            container_service.Parts(
                places=places,
                table=self._table,
                events=self._events,
                helpers=self._helpers,
                lifecycle=self._lifecycle,
                wiring=self._wiring,
                networks=networks,
                volumes=volumes,
                mounting=Mounting(volumes, self._find, lambda name: self._image(name, "").id),
                image=self._image,
                chain=self._chain,
                descendants=lambda names: self.images.descendants(names),
                image_size=self._image_size,
                store=self._store,
            )
        )
        self.execs = Execs(self._helpers, self._lifecycle, self._events, self._find, self._layers)
        self._steps = Steps(places, self._database, self._helpers, networks)

        def make_stand_ins() -> "StandIns":
            # A tenth of the engine's own start, and most engines never make one. There must be only one, which knows
            # what is being made.
            from dockless.standins.standins import StandIns

            return StandIns(places, self._store, self._store.layers, self._database, self._steps, environ)

        stand_ins = Once(make_stand_ins)
        obtaining = Obtaining(self._store, stand_ins, environ)

        builder = Builder(self._store, self._store.layers, self._database, self._steps, obtaining.base, places)

        def keep() -> set[str]:
            return {record.image_id for record in self._table} | builder.cache.layers() | stand_ins().keep()

        self.images = Images(places, self._store, builder, obtaining, self._events, lambda: self._table, keep, environ)
        self.networks = NetworksWithContainers(
            places, networks, self.containers, self._table, self._wiring, self._helpers, self._events
        )
        self.system = System(places, self._events, self.containers, self.images, volumes)

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing is under way: the process may end."""
        return not (self._lifecycle.busy or self.execs.busy or self.images.busy)

    async def close(self) -> None:
        """Lets go of everything; containers that run go on, and the next engine takes them over."""
        await self._lifecycle.settle()
        self._lifecycle.detach()
        await self._helpers.close(bye=self.idle)
        await asyncio.to_thread(self._store.layers.settle)
        Scratch.of(self._places).close()

    async def _recover(self) -> None:
        self._sweep()
        held = await self._held()
        for record in self._table:
            started = held.pop(record.id, None)
            if started is not None:
                await self._lifecycle.adopt(record, started)
            elif (
                any(endpoint.address or endpoint.address6 for endpoint in record.endpoints.values())
                and not record.running
            ):
                self._table.save(unwired(record))
        await self._end_strangers(held)
        await asyncio.to_thread(self._steps.end_left)
        gone = [record for record in self._table if record.running and not self._alive(record)]
        if any(self._alive(record) for record in self._table) or self._helpers.relay_lives():
            # Also where nobody is left: a relay keeps the ports of the dead until it is told.
            await self._reconcile()
        for record in gone:
            await self._lifecycle.lost(record)
        for record in self._table:
            if record.state.status == "restarting" and self._lifecycle.live(record.id).restart_task is None:
                self._lifecycle.resume_restart(record)

    async def _held(self) -> dict[str, Started]:
        """What a launcher that an earlier engine left holds."""
        if not self._helpers.launcher_lives() and not any(record.running for record in self._table):
            return {}
        launcher = await self._helpers.launcher()
        return {started.id: started for started in await launcher.list()}

    async def _end_strangers(self, held: Mapping[str, Started]) -> None:
        """Execs and build steps of an earlier engine: nobody waits for them. Steps are ended, execs go on unheard."""
        launcher = self._helpers.open_launcher
        for identity, started in held.items():
            if self._steps.knows(identity) and started.exit is None:
                signal.pidfd_send_signal(started.pidfd, signal.SIGKILL)
            _close(started)
            if launcher is not None and started.exit is not None:
                await launcher.forget(identity)

    def _alive(self, record: ContainerRecord) -> bool:
        return self._lifecycle.live(record.id).process is not None

    async def _reconcile(self) -> None:
        fabric = await self._helpers.fabric()
        running = [record for record in self._table if record.running and self._alive(record)]
        for error in self._wiring.reconcile(fabric, running):
            self._events.publish("daemon", "reload", "network", {"error": str(error)})

    def _sweep(self) -> None:
        """Folders of containers that no record knows: what a removal or a create left when it was cut off."""
        if not self._places.containers.exists():
            return
        for folder in self._places.containers.iterdir():
            if self._table.get(folder.name) is None:
                remove_tree(folder)

    def _exited(self, identity: str, status: ExitStatus) -> None:
        if self._table.get(identity) is not None:
            self._lifecycle.exited(identity, status)
        elif self.execs.knows(identity):
            self.execs.exited(identity, status)
        elif self._steps.knows(identity):
            self._steps.exited(identity, status)
        elif (launcher := self._helpers.open_launcher) is not None:
            self._tasks.start(launcher.forget(identity))

    def _launcher_lost(self) -> None:
        """A launcher that was killed: a new one takes over the processes that live on."""
        self._tasks.start(self._readopt())

    async def _readopt(self) -> None:
        launcher = await self._helpers.launcher()
        # One at a time, looked at when its turn has come: what ends meanwhile has closed its descriptors.
        for process, cgroup in itertools.chain(self._lifecycle.held(), self.execs.held(), self._steps.held()):
            try:
                alive = await launcher.adopt(process, cgroup)
            except LaunchError as error:
                if error.errno != errno.EEXIST:  # else it was started by the new one already
                    raise
                continue
            if not alive:
                if cgroup is not None:
                    await asyncio.to_thread(end_all, cgroup)
                self._exited(process.id, ExitStatus(lifecycle.UNKNOWN_STATUS))

    def _relay_lost(self) -> None:
        """A relay that was killed: a new one on the same fabric carries on; connections through the old one are cut."""
        fabric = self._helpers.open_fabric
        if fabric is None:
            return
        try:
            fabric.revive()
        except RelayLost as error:
            self._events.publish("daemon", "reload", "network", {"error": str(error)})
            return
        self._helpers.rewatch()
        running = [record for record in self._table if record.running]
        self._wiring.reconcile(fabric, running)

    def _network_dropped(self, identity: str) -> None:
        if (fabric := self._helpers.open_fabric) is not None:
            try:
                fabric.remove_network(identity)
            except FabricError as error:
                self._events.publish("daemon", "reload", "network", {"error": str(error)})

    async def _remove_ended(self, identity: str) -> None:
        await self.containers.remove_ended(identity)

    async def _check_health(self, identity: str, argv: tuple[str, ...], timeout: float) -> CheckResult:
        return await self.execs.check(identity, argv, timeout)

    def _users(self, volume: str) -> list[str]:
        return [
            record.id
            for record in self._table
            if any(mount.point.type == "volume" and mount.point.name == volume for mount in record.mounts)
        ]

    def _find(self, reference: str) -> ContainerRecord:
        return self.containers.find(reference)

    def _lookup(self, reference: str) -> ContainerRecord | None:
        return self.containers.lookup(reference)

    def _image(self, name: str, platform: str) -> ImageChoice:
        image = self.images.find(checked_name(name), platform)
        return ImageChoice(image.id, container_config(image.config.config))

    def _chain(self, image_id: str) -> Sequence[Path]:
        """An image's layers, topmost first; an image never changes, so they are looked up once."""
        found = self._chains.get(image_id)
        if found is None:
            image = self._store.resolve(image_id)
            if image is None:
                raise NotFound(f"No such image: {image_id}")
            found = self._chains[image_id] = self._store.chain(image)
        return found

    def _image_size(self, image_id: str) -> int:
        image = self._store.resolve(image_id)
        return image.size if image else 0

    def _layers(self, record: ContainerRecord) -> list[Path]:
        return [self._places.containers / record.id / "upper", *self._chain(record.image_id)]


def _close(started: Started) -> None:
    descriptors = [started.pidfd, started.stdin]
    for stream in (started.stdout, started.stderr, started.terminal):
        if stream is not None:
            descriptors += [stream.read, stream.staging_read, stream.staging_write]
    for descriptor in descriptors:
        if descriptor is not None:
            os.close(descriptor)
