"""Makes the layers of stand-ins: a Debian root, or files, an interpreter and packages on top of other layers.

Everything is made in a scratch folder and enters the layer store at the end by a rename, so a crash leaves nothing.
Scripts and dpkg run in a container of the step runner's, on an overlay whose upper directory becomes the layer.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dockless.build.steps import Step, StepFailed, StepRunner
from dockless.images.layers import Layer, LayerStore
from dockless.standins import debian, recipe, sources, unpack
from dockless.standins.apt import Download
from dockless.standins.archives import Archive, Host
from dockless.standins.errors import StandInError
from dockless.standins.host import HostSoftware
from dockless.standins.recipe import Part

Progress = Callable[[str], None]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHIVES = "run/archives"
# The file that tells dpkg to leave out documentation; we heed it as well.
_SLIM = "etc/dpkg/dpkg.cfg.d/docker-slim"
_KEPT_OUTPUT = 16 << 10
# Options of the host's apt that belong to its mirrors: a frozen mirror's lists count as expired elsewhere too.
_MIRROR_OPTIONS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")

# Where one of the packages replaces an installed one, the root's own apt knows the order.
_UPGRADE = f"""\
apt-get install -y -q --no-install-recommends -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-unsafe-io /{_ARCHIVES}/*.deb
"""
# What a run of apt and dpkg leaves and an image has not: caches, logs, backups.
_CLEAN = """\
rm -rf /run/archives /var/cache/apt/archives /var/cache/apt/*.bin /var/lib/apt/lists/* /var/lib/dpkg/*-old \
    /var/cache/debconf/*-old /var/log/apt/* /var/log/*.log /var/cache/ldconfig/aux-cache /var/lib/systemd/catalog
[ ! -d /var/cache/apt ] || mkdir -p /var/cache/apt/archives/partial
"""


@dataclass(frozen=True, slots=True)
class Layering:
    """What making a layer needs. `say` takes lines for the person who waits."""

    layers: LayerStore
    runner: StepRunner
    host: Callable[[], Host]
    say: Progress

    def make_base(self, archive: Archive, release: str, files: Path) -> tuple[Layer, Layer]:
        """A distribution's root, and what slim images leave out of it, as two layers."""
        folder = self.layers.scratch.folder("stand-in")
        try:
            root, documentation = _subfolder(folder, "root"), _subfolder(folder, "documentation")
            title = f"{recipe.distribution_of(release).title} {release}"
            wanted = [debian.ESSENTIAL, "apt", *archive.versions(["usr-is-merged"])]
            downloads = archive.fetch(wanted, None, folder / "archives")
            self.say(f"{title}: unpacking {_amount(downloads)}")
            variables = debian.unpack_root([download.path for download in downloads], root, documentation)
            shutil.rmtree(folder / "archives")
            lay(files, root, ())
            self._lay_sources(archive, root, release)
            self.say(f"{title}: configuring")
            script = debian.CONFIGURE_BASE + debian.CONFIGURE + _CLEAN
            self._run(title, script, variables, ("/bin/sh",), [documentation], root, folder)
            return self.layers.adopt(root), self.layers.adopt(documentation)
        finally:
            shutil.rmtree(folder)

    def make_part(
        self,
        part: Part,
        *,
        name: str,
        files: Path | None,
        variables: Mapping[str, str],
        lower: Sequence[Path],
        archive: Archive,
        packages: Sequence[str],
        software: HostSoftware | None,
    ) -> Layer:
        """One part of a recipe as a layer on `lower` (topmost first)."""
        folder = self.layers.scratch.folder("stand-in")
        try:
            upper = _subfolder(folder, "upper")
            if files is not None:
                lay(files, upper, lower)
            for target, (package, ending) in part.extract.items():
                self._extract(archive, package, ending, target, upper, lower, folder)
            if software is not None:
                self.say(f"{name}: copying {software.text} from {software.prefix}")
                for below in ("bin", "lib/pkgconfig", "include"):
                    make_folders(upper, f"usr/local/{below}", lower)
                software.copy(upper)
            script, variables = part.before, dict(variables)
            if packages:
                said, configuring = self._unpack_packages(name, packages, archive, upper, lower, folder)
                script, variables = script + said, variables | configuring
            script += part.after
            if script:
                self.say(f"{name}: configuring")
                script += _CLEAN if packages else ""
                self._run(name, script, variables, part.shell, lower, upper, folder)
            return self.layers.adopt(upper)
        finally:
            shutil.rmtree(folder)

    def _unpack_packages(
        self,
        name: str,
        packages: Sequence[str],
        archive: Archive,
        upper: Path,
        lower: Sequence[Path],
        folder: Path,
    ) -> tuple[str, dict[str, str]]:
        """Brings what is missing of `packages`; the answer is the script that configures it, with its variables."""
        status = next(path for layer in lower if (path := layer / "var/lib/dpkg/status").is_file())
        downloads = archive.fetch(packages, status, folder / "archives")
        if not downloads:
            return "", {}
        self.say(f"{name}: installing {_amount(downloads)}")
        make_folders(upper, "var/lib/apt", lower)
        names = [download.name for download in downloads]
        before = debian.installed(lower)
        debian.mark_automatic(sorted(set(names) - set(packages) - before), archive.architecture, upper, lower)
        if before & set(names):
            make_folders(upper, _ARCHIVES, lower)
            for download in downloads:
                download.path.rename(upper / _ARCHIVES / download.path.name)
            return _UPGRADE, {}
        slim = any((layer / _SLIM).exists() for layer in lower)
        documentation = _subfolder(folder, "documentation") if slim else upper
        variables = debian.unpack_upon([download.path for download in downloads], upper, documentation, lower)
        shutil.rmtree(folder / "archives")
        return debian.CONFIGURE, variables

    def _run(
        self,
        name: str,
        script: str,
        variables: Mapping[str, str],
        shell: Sequence[str],
        lower: Sequence[Path],
        upper: Path,
        folder: Path,
    ) -> None:
        said = bytearray()

        def keep(data: bytes) -> None:
            said.extend(data)
            del said[:-_KEPT_OUTPUT]

        step = Step(
            name=f"stand-in {name}",
            argv=(*shell, "-e", "-c", script),
            env={
                "PATH": PATH,
                "HOME": "/root",
                "DEBIAN_FRONTEND": "noninteractive",
                "DEBCONF_NONINTERACTIVE_SEEN": "true",
                "LC_ALL": "C.UTF-8",
                **variables,
            },
            cwd="/",
            user="",
            lower=tuple(lower),
            upper=upper,
            work=_subfolder(folder, "work"),
            network="none",
        )
        try:
            status = self.runner.run(step, keep)
        except StepFailed as error:
            raise StandInError(f"no stand-in can be made for {name}: {error.message}") from error
        if status != 0:
            lines = said.decode(errors="replace").strip().splitlines()[-12:]
            raise StandInError(
                f"no stand-in can be made for {name}: configuring it ended with status {status}: " + "\n  ".join(lines)
            )
        _forget_run_files(upper)

    def _extract(
        self, archive: Archive, package: str, ending: str, target: str, upper: Path, lower: Sequence[Path], folder: Path
    ) -> None:
        if not archive.versions([package]):
            return  # an older release has it not: the script that uses the file sees that
        deb = archive.archive(package, folder / "extract")
        path, content = unpack.extract(deb, ending)
        place = f"{target}{PurePosixPath(path).name}" if target.endswith("/") else target
        make_folders(upper, os.path.dirname(place), lower)
        (upper / place).write_bytes(content)
        (upper / place).chmod(0o755)

    def _lay_sources(self, archive: Archive, root: Path, release: str) -> None:
        """The official image's sources, on the host's mirrors; a keyring that Debian has not comes along."""
        apt_folder = root / "etc/apt"

        def keyrings(mirror: sources.Mirror) -> Sequence[str]:
            found = []
            for path in mirror.keyrings:
                inside = path
                if not (root / path.lstrip("/")).exists():
                    inside = f"/etc/apt/keyrings/{Path(path).name}"
                    (apt_folder / "keyrings").mkdir(exist_ok=True)
                    shutil.copyfile(path, root / inside.lstrip("/"))
                found.append(inside)
            return found

        one = recipe.distribution_of(release)
        if one.known[release].one_line:
            (apt_folder / "sources.list").write_text(sources.one_line(archive.suites, keyrings))
        else:
            (apt_folder / "sources.list.d").mkdir(exist_ok=True)
            (apt_folder / f"sources.list.d/{one.image}.sources").write_text(sources.deb822(archive.suites, keyrings))
        options = [f'{key} "{value}";\n' for key, value in self.host().options if key in _MIRROR_OPTIONS]
        if options:
            (apt_folder / "apt.conf.d").mkdir(exist_ok=True)
            (apt_folder / "apt.conf.d/mirror").write_text("".join(options))


def _amount(downloads: Sequence[Download]) -> str:
    return f"{len(downloads)} packages ({sum(download.size for download in downloads) / 1e6:.0f} MB)"


def lay(source: Path, target: Path, lower: Sequence[Path]) -> None:
    """Copies a folder of files, owned by root. Data files of a package have no modes: scripts become executable."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        name = file.relative_to(source)
        make_folders(target, str(name.parent), lower)
        content = file.read_bytes()
        (target / name).write_bytes(content)
        (target / name).chmod(0o755 if content.startswith(b"#!") else 0o644)


def make_folders(upper: Path, name: str, lower: Sequence[Path]) -> None:
    """Makes the folder `name` and its parents; where a lower layer has one, with its owner and mode."""
    for path in reversed([PurePosixPath(name), *PurePosixPath(name).parents]):
        folder = upper / path
        if folder.exists():
            continue
        folder.mkdir()
        below = next((found for layer in lower if (found := layer / path).is_dir()), None)
        folder.chmod(below.stat().st_mode & 0o7777 if below is not None else 0o755)
        if below is not None:
            os.chown(folder, below.stat().st_uid, below.stat().st_gid)


def _subfolder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    path.chmod(0o755)
    return path


def _forget_run_files(upper: Path) -> None:
    """What a runner may leave for its own mounts: empty files at the places that belong to the container's start."""
    for name in ("etc/resolv.conf", "etc/hosts", "etc/hostname", ".dockerenv"):
        path = upper / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size == 0:
            path.unlink()
