"""The archives of packages while stand-ins are being made: one private apt for each release, shared by all makers.

The package lists of a release are fetched when the first maker asks for them and thrown away when the last one is
done: they are tens of megabytes, and old an hour later.
"""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dockless.images.scratch import Scratch
from dockless.standins import apt, recipe, sources
from dockless.standins.apt import Apt, Download
from dockless.standins.errors import StandInError
from dockless.standins.recipe import Recipe
from dockless.standins.sources import Mirrors, Suite


@dataclass(slots=True)
class Archive:
    """One release's packages. apt locks its folders, so only one thread at a time is in here."""

    architecture: str
    folder: Path
    _apt: Apt
    suites: tuple[Suite, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self) -> None:
        """Fetches the lists, if nobody has. `suites` are those that the mirrors have."""
        with self._lock:
            self.suites = self.suites or self._apt.update()

    def versions(self, packages: Sequence[str]) -> dict[str, str]:
        """The version of each package that there is."""
        with self._lock:
            return self._apt.versions(packages)

    def fetch(self, packages: Sequence[str], status: Path | None, into: Path) -> tuple[Download, ...]:
        """Solves for `packages` on a root with this dpkg status, and downloads what is missing into the new `into`."""
        with self._lock:
            return self._apt.install_files(packages, status, into)

    def archive(self, package: str, into: Path) -> Path:
        """One package alone, without its dependencies."""
        with self._lock:
            return self._apt.archive(package, into)


@dataclass(frozen=True, slots=True)
class Host:
    """What the host's apt says: its sources, its architecture, its way to the network."""

    targets: str
    architecture: str
    options: tuple[tuple[str, str], ...]

    def mirrors(self, one: Recipe) -> Mirrors:
        """Of this distribution. Raises `StandInError` where the host has none among its sources."""
        assert one.distribution is not None
        return sources.host_mirrors(
            self.targets,
            sources.read_text,
            distribution=one.distribution,
            releases=one.release_names,
            exists=os.path.exists,
        )


class Archives:
    """All releases' archives; `kept` keeps their lists as long as somebody makes something."""

    def __init__(self, scratch: Scratch, environ: Mapping[str, str]) -> None:
        self._scratch = scratch
        self._environ = environ
        self._lock = threading.Lock()
        self._makers = 0
        self._host: Host | None = None
        self._open: dict[str, Archive] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """While one is open, lists stay."""
        with self._lock:
            self._makers += 1
        try:
            yield
        finally:
            with self._lock:
                self._makers -= 1
                left = [] if self._makers else list(self._open.values())
                if not self._makers:
                    self._open, self._host = {}, None
            for archive in left:
                shutil.rmtree(archive.folder)

    def of(self, release: str) -> Archive:
        """The archive of a release, with its lists. Call it within `kept`. Raises `StandInError`."""
        host = self.host()
        with self._lock:
            if release not in self._open:
                folder = self._scratch.folder("apt")
                suites = sources.suites(host.mirrors(recipe.distribution_of(release)), release)
                private = Apt(folder, suites, host.architecture, host.options, self._environ)
                self._open[release] = Archive(host.architecture, folder, private)
            archive = self._open[release]
        archive.update()
        return archive

    def host(self) -> Host:
        """Read once while lists are kept."""
        with self._lock:
            if self._host is None:
                dump = apt.host_configuration(self._environ)
                targets = apt.host_targets(self._environ)
                self._host = Host(targets, apt.architecture(dump), apt.taken_over(dump))
            return self._host

    def lacking(self, one: Recipe) -> str:
        """Why nothing can be made of this distribution on this host; "" where it can."""
        try:
            with self.kept():
                self.host().mirrors(one)
        except StandInError as error:
            return str(error).removeprefix("no stand-in can be made: ")
        return ""
