"""Who may see what of the state folder. Real containers; root only."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from enginekit import Rig, with_rig

from dockless.places import Places
from dockless.state import Database
from dockless.wire.volumes import VolumeCreateRequest

EMPTY = {"mount-points", "empty"}  # what every container has below its layers: names without content


def for_others(folder: Path) -> Iterator[Path]:
    """Files that a user who owns nothing here can read or run: those behind no closed folder."""
    for entry in os.scandir(folder):
        path, mode = Path(entry.path), entry.stat(follow_symlinks=False).st_mode
        if entry.is_dir(follow_symlinks=False):
            if mode & 0o001:
                yield from for_others(path)
        elif mode & 0o005:
            yield path


def test_other_users_of_the_machine_can_read_nothing(places: Places) -> None:
    """Environments hold passwords, volumes hold data and set-id programs; Docker closes its whole folder."""

    async def work(rig: Rig) -> None:
        await rig.engine.volumes.create(VolumeCreateRequest(name="data"))
        command = "cp /bin/busybox /data/set-id; chmod 4755 /data/set-id; echo said"
        await rig.run("box", command, env=("PASSWORD=x",), host={"binds": ("data:/data",)})
        assert await rig.finished("box") == 0
        assert (places.volumes / "data/_data/set-id").exists()
        places.root.chmod(0o711)  # as the client makes it; the test's own folder may be closed
        found = [path.relative_to(places.root) for path in for_others(places.root)]
        assert [path for path in found if path.parts[0] not in EMPTY] == []

    with_rig(places, work)


def test_a_database_that_others_could_read_is_closed(places: Places) -> None:
    async def work(rig: Rig) -> None:
        assert places.database.stat().st_mode & 0o777 == 0o600

    for name in ("state.db", "state.db-wal"):
        if (file := places.root / name).exists():
            file.chmod(0o644)
    with_rig(places, work)


def test_threads_that_have_ended_leave_no_connection_behind(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", ("CREATE TABLE IF NOT EXISTS seen (number INTEGER)",))

    def note(number: int) -> None:
        database.connection.execute("INSERT INTO seen VALUES (?)", (number,))

    def in_threads(numbers: range) -> int:
        for number in numbers:
            thread = threading.Thread(target=note, args=(number,))
            thread.start()
            thread.join()
        return len(os.listdir("/proc/self/fd"))

    assert in_threads(range(3)) == in_threads(range(3, 40))
    assert database.connection.execute("SELECT count(*) FROM seen").fetchone()[0] == 40
