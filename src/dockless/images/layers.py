"""The layer store: `layers/<diff id>/` is an overlay lower directory, and `<diff id>.split` beside it its record.

A layer comes from a tar stream (`unpack`) or is a build step's upper directory moved into place (`adopt`); either
way its tar can be made again (`pack`). A layer appears by a rename, whole or not at all. Layers are never changed.

What a power cut leaves of files that were not yet on the disk is another matter: writing everything through before
each rename would cost as much as the unpacking. So a new layer is marked unsettled, `settle` writes through and takes
the marks away, and the first process after a reboot verifies what is still marked.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dockless.images.compression import STEP, decompress
from dockless.images.pipeline import Hasher, read_ahead
from dockless.images.scratch import Scratch
from dockless.images.split import DamagedLayer, Footer, SplitWriter, read_footer, replay
from dockless.images.tarwrite import TarWriter
from dockless.images.trees import remove_tree
from dockless.images.unpack import BadLayer, Limits, Unpacker
from dockless.places import Places
from dockless.registry.errors import ImageError
from dockless.registry.reference import is_digest

_RECORD, _ASIDE, _UNSETTLED = ".split", ".aside", "unsettled"


class NoSuchLayer(ImageError):
    """The store has no layer of that diff id."""


@dataclass(frozen=True, slots=True)
class Layer:
    """`size`: bytes of the files' contents; `tar_size`: bytes of the uncompressed tar."""

    diff_id: str
    size: int
    tar_size: int


class LayerStore:
    """Safe for many threads and processes at once: two that bring the same layer both end with the same one."""

    def __init__(self, places: Places, limits: Limits = Limits()) -> None:
        self._root = places.layers
        self._limits = limits
        self._guard = threading.Lock()
        self._users = 0
        self.scratch = Scratch.of(places)
        (self._root / _UNSETTLED).mkdir(parents=True, exist_ok=True)
        # Layers hold set-id programs, which the host's users have no business with.
        self._root.chmod(0o700)
        self._verify_after_reboot()

    def path(self, diff_id: str) -> Path:
        """The lower directory, whether it is there or not."""
        if not is_digest(diff_id):
            raise NoSuchLayer(f"{diff_id!r} is no layer's digest")
        return self._root / diff_id.removeprefix("sha256:")

    def has(self, diff_id: str) -> bool:
        """Whether the layer is here; within `use` it then stays."""
        if not is_digest(diff_id):
            return False
        with self._holding(diff_id):
            return self.path(diff_id).is_dir()

    def get(self, diff_id: str) -> Layer | None:
        """The layer, if it is here; within `use` it then stays. Raises `DamagedLayer`."""
        if not self.has(diff_id):
            return None
        footer = read_footer(self._beside(diff_id, _RECORD))
        return Layer(diff_id, footer.size, footer.tar_size)

    @contextmanager
    def use(self) -> Iterator[None]:
        """While one is open in this process, no collector anywhere removes a layer that this process asked for."""
        with self._guard:
            self._users += 1
        try:
            yield
        finally:
            with self._guard:
                self._users -= 1
                if not self._users:
                    self.scratch.let_go()

    def adopt(self, upper: Path) -> Layer:
        """Makes a layer of an overlay's upper directory, which is moved: it must be on this file system (`scratch`).

        The diff id is the digest of the tar that the tree stands for. `upper` is gone afterwards, unless an error is
        raised: `BadTree`, `OSError`.
        """
        work = self.scratch.folder("adopt")
        try:
            # An overlay takes its root's look from the container's own directory; so that the same tree is the same
            # layer, and readable for everybody when it is mounted alone, all layers' roots are alike.
            upper.chmod(0o755)
            if os.geteuid() == 0:
                os.chown(upper, 0, 0)
            footer = self._write_record(upper, work / "record")
            self._place(upper, work / "record", work / "aside", footer)
        finally:
            remove_tree(work)
        if upper.exists():
            remove_tree(upper)
        return Layer(footer.diff_id, footer.size, footer.tar_size)

    def unpack(self, source: Iterable[bytes] | IO[bytes], diff_id: str | None = None) -> Layer:
        """Makes a layer of a tar stream (plain, gzip, zstd, xz or bzip2), verified against `diff_id` if it is given.

        The stream is read, inflated and hashed in a thread of its own while this one writes. Raises `BadLayer`,
        `BadTar`, `BadCompression` for what the stream does wrong, and whatever reading it raises; nothing stays then.
        """
        if diff_id is not None and (known := self.get(diff_id)) is not None:
            return known
        work = self.scratch.folder("unpack")
        try:
            tree = work / "tree"
            tree.mkdir(mode=0o755)
            tree.chmod(0o755)
            digest = hashlib.sha256()
            record = SplitWriter(work / "record")
            try:
                unpacker = Unpacker(tree, self._limits, record, whiteouts=True, aside=work / "aside")
                with read_ahead(_hashed(decompress(chunks_of(source)), digest.update)) as chunks:
                    size = unpacker.run(chunks)
                found = "sha256:" + digest.hexdigest()
                if diff_id is not None and found != diff_id:
                    raise BadLayer(f"layer verification failed: its content is {found}, expected {diff_id}")
                footer = record.finish(found, size)
            finally:
                record.close()
            self._place(tree, work / "record", work / "aside", footer)
        finally:
            remove_tree(work)
        return Layer(footer.diff_id, footer.size, footer.tar_size)

    def pack(self, diff_id: str) -> Iterator[bytes]:
        """The layer's tar, byte for byte as its digest has it. Raises `NoSuchLayer`, and `DamagedLayer` (at the latest
        after the last byte) where the files are not what they were."""
        if not self.has(diff_id):
            raise NoSuchLayer(f"no such layer: {diff_id}")
        return self._verified(diff_id)

    def settle(self) -> None:
        """Writes the new layers through to the disk, so that a power cut cannot harm them any more.

        Takes as long as the disk needs: call it when there is nothing better to do. What is not settled is verified
        after the next boot.
        """
        marks = self._marks()
        if not marks:
            return
        fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.sync()
        for mark in marks:
            mark.unlink(missing_ok=True)

    def size(self, diff_id: str) -> int:
        """Bytes of the files' contents of a layer that is here. Raises `NoSuchLayer`, `DamagedLayer`."""
        try:
            return read_footer(self._beside(diff_id, _RECORD)).size
        except FileNotFoundError:
            raise NoSuchLayer(f"no such layer: {diff_id}") from None

    def names(self) -> list[str]:
        """The diff ids of all layers."""
        return [f"sha256:{name}" for name in os.listdir(self._root) if is_digest(f"sha256:{name}")]

    def orphans(self) -> list[str]:
        """The diff ids of records whose layer never came, or went: a process died in between."""
        stems = {name.removesuffix(_RECORD).removesuffix(_ASIDE) for name in os.listdir(self._root)}
        return [f"sha256:{stem}" for stem in stems if is_digest(f"sha256:{stem}") and not (self._root / stem).exists()]

    def remove(self, diff_ids: Iterable[str]) -> Callable[[], None]:
        """Takes layers away: for the collector (store.py), under the exclusive lock.

        The answer, to be called without the lock, does the slow part; where this process dies, the next one does it.
        """
        trash = self.scratch.folder("trash")
        for diff_id in diff_ids:
            # The directory goes first: where it is, its record is.
            for source in (self.path(diff_id), self._beside(diff_id, _RECORD), self._beside(diff_id, _ASIDE)):
                if source.exists():
                    source.rename(trash / source.name)
            (self._root / _UNSETTLED / self.path(diff_id).name).unlink(missing_ok=True)
        return lambda: remove_tree(trash)

    def _write_record(self, tree: Path, path: Path) -> Footer:
        record = SplitWriter(path)
        try:
            with Hasher() as hasher:
                writer = TarWriter(tree, hasher.update, record.raw, record.file)
                writer.run()
            return record.finish(hasher.digest, writer.size)
        finally:
            record.close()

    def _place(self, tree: Path, record: Path, aside: Path, footer: Footer) -> None:
        with self._holding(footer.diff_id, always=True):
            place = self.path(footer.diff_id)
            if place.is_dir():
                return
            (self._root / _UNSETTLED / place.name).write_text(_boot_id())
            record.rename(self._beside(footer.diff_id, _RECORD))
            if aside.exists() and not self._beside(footer.diff_id, _ASIDE).exists():
                aside.rename(self._beside(footer.diff_id, _ASIDE))
            try:
                tree.rename(place)
            except OSError:
                if not place.is_dir():
                    raise

    @contextmanager
    def _holding(self, diff_id: str, *, always: bool = False) -> Iterator[None]:
        """Shares the store with other users of layers; within `use` the layer is written down as in use first."""
        with self._guard:
            held = self._users > 0
        if not (held or always):
            yield
            return
        with self.scratch.store_lock(exclusive=False):
            if held:
                self.scratch.hold(diff_id.removeprefix("sha256:"))
            yield

    def _verified(self, diff_id: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        record, aside = self._beside(diff_id, _RECORD), self._beside(diff_id, _ASIDE)
        for chunk in replay(record, self.path(diff_id), aside):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != diff_id.removeprefix("sha256:"):
            raise DamagedLayer(f"the files of layer {diff_id} are not what they were when it was made")

    def _beside(self, diff_id: str, suffix: str) -> Path:
        place = self.path(diff_id)
        return place.with_name(place.name + suffix)

    def _marks(self) -> list[Path]:
        return list((self._root / _UNSETTLED).iterdir())

    def _verify_after_reboot(self) -> None:
        now = _boot_id()
        if all(_text(mark) == now for mark in self._marks()):
            return
        done: list[Callable[[], None]] = []
        with self.scratch.store_lock(exclusive=True):
            for mark in [mark for mark in self._marks() if _text(mark) != now]:
                diff_id = f"sha256:{mark.name}"
                if self.path(diff_id).exists() and not self._is_whole(diff_id):
                    done.append(self.remove([diff_id]))
                mark.unlink(missing_ok=True)
        for finish in done:
            finish()

    def _is_whole(self, diff_id: str) -> bool:
        try:
            for _ in self._verified(diff_id):
                continue
        except (DamagedLayer, OSError):
            return False
        return True


def chunks_of(source: Iterable[bytes] | IO[bytes]) -> Iterator[bytes]:
    """A file in pieces of a megabyte; what comes in pieces already, as it is."""
    read = getattr(source, "read", None)
    if read is None:
        yield from source
        return
    while data := read(STEP):
        yield data


def _hashed(chunks: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
