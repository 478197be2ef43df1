"""The host's apt, run in folders of its own: it updates, solves, downloads and verifies for another Debian root.

Nothing of the host's apt is read but how it reaches the network (`Acquire::…`: proxies, credentials, certificates) and
nothing of it is written: state, cache, sources, preferences and logs are private (apt.conf(5)).
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dockless.standins import sources
from dockless.standins.errors import StandInError
from dockless.standins.sources import Mirror, Suite

# What of the host's Acquire:: tree is not taken over: what weakens verification, and what decides which files an
# update fetches and in which form, which we decide ourselves.
_NOT_TAKEN = re.compile(
    r"Acquire::(Allow|IndexTargets|Languages|GzipIndexes|Changelogs|CompressionTypes|cdrom|By-Hash)", re.IGNORECASE
)
_OPTION = re.compile(r'(?P<name>Acquire::\S+) "(?P<value>.*)";')
_ABSENT = re.compile(r"The repository '\S+ (?P<suite>\S+) Release' does not have a Release file")


@dataclass(frozen=True, slots=True)
class Download:
    """A package's verified archive; `size` in bytes."""

    name: str
    path: Path
    size: int


_PROGRAMS = ("apt-get", "apt-config", "apt-cache")


def missing(environ: Mapping[str, str]) -> str:
    """Why the host has no apt to make stand-ins with, and what to do; "" where it has one."""
    if all(shutil.which(program, path=environ.get("PATH")) for program in _PROGRAMS):
        return ""
    return "this machine has no apt to get Debian packages with (set DOCKLESS_REGISTRY_MIRROR, or load the image)"


def host_targets(environ: Mapping[str, str]) -> str:
    """The host's sources as `sources.host_mirrors` reads them. Raises `StandInError`."""
    command = ["apt-get", "indextargets", "--format", sources.INDEX_TARGETS, "Created-By: Packages"]
    return _run(command, environ, None)


def host_configuration(environ: Mapping[str, str]) -> str:
    """All of the host's apt configuration, as `apt-config dump` writes it."""
    return _run(["apt-config", "dump"], environ, None)


def architecture(dump: str) -> str:
    """Debian's name for this machine's architecture."""
    matched = re.search(r'^APT::Architecture "(\S+)";$', dump, re.MULTILINE)
    if matched is None:
        raise StandInError("no stand-in can be made: the apt of this machine does not say its architecture")
    return matched[1]


def taken_over(dump: str) -> tuple[tuple[str, str], ...]:
    """The options of an `apt-config dump` that hold for our apt as well."""
    found = []
    for line in dump.splitlines():
        matched = _OPTION.fullmatch(line)
        if matched and matched["value"] and not _NOT_TAKEN.match(matched["name"]):
            found.append((matched["name"], matched["value"]))
    return tuple(found)


class Apt:
    """apt for the suites of one release. `folder` is its own and keeps the lists between uses."""

    def __init__(
        self,
        folder: Path,
        suites: Sequence[Suite],
        architecture: str,
        options: Sequence[tuple[str, str]],
        environ: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._suites = tuple(suites)
        self._architecture = architecture
        self._options = tuple(options)
        self._environ = environ

    def update(self) -> tuple[Suite, ...]:
        """Fetches the lists and gives the suites that the mirrors have: all, or those but optional ones.

        Raises `StandInError` where the release itself is not there or the network fails.
        """
        found = self._suites
        while True:
            self._write_configuration(found)
            try:
                self._apt("update", "-o", "APT::Update::Error-Mode=any")
                return found
            except StandInError as error:
                absent = {matched["suite"] for matched in _ABSENT.finditer(str(error.__cause__))}
                if not absent & {suite.name for suite in found[1:]} or found[0].name in absent:
                    raise
                found = tuple(suite for suite in found if suite.name not in absent)

    def install_files(self, packages: Sequence[str], status: Path | None, into: Path) -> tuple[Download, ...]:
        """Solves for `packages` on a root with this dpkg status file (None: an empty one), downloads and verifies.

        `into` is a new folder, so what lies in it afterwards is what the solver wants, and nothing else.
        """
        (into / "partial").mkdir(parents=True)
        self._apt(
            *("-y", "-q", "--download-only", "install"),
            *("-o", f"Dir::Cache::archives={into}/"),
            *("-o", f"Dir::State::status={status or self._folder / 'state/status'}"),
            *packages,
        )
        return tuple(_download(path) for path in sorted(into.glob("*.deb")))

    def archive(self, package: str, into: Path) -> Path:
        """Downloads and verifies this one package, without what it depends on."""
        into.mkdir(parents=True, exist_ok=True)
        self._apt("download", package, folder=into)
        return next(into.glob(f"{package}_*.deb"))

    def versions(self, packages: Sequence[str]) -> dict[str, str]:
        """The version of each of `packages` that would be installed; one that the suites have not is left out."""
        if not packages:
            return {}
        printed = self._apt("show", "--no-all-versions", *packages, program="apt-cache", check=False)
        found = {}
        for stanza in printed.split("\n\n"):
            name, version = (re.search(rf"^{field}: (\S+)$", stanza, re.MULTILINE) for field in ("Package", "Version"))
            if name and version:
                found[name[1]] = version[1]
        return found

    def _apt(self, *arguments: str, program: str = "apt-get", check: bool = True, folder: Path | None = None) -> str:
        environ = {**self._environ, "APT_CONFIG": str(self._folder / "apt.conf"), "LC_ALL": "C"}
        return _run([program, *arguments], environ, folder or self._folder, check=check)

    def _write_configuration(self, suites: Sequence[Suite]) -> None:
        for name in ("state/lists/partial", "cache", "sources", "preferences", "trusted", "log"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "state/status").write_text("")
        (self._folder / "apt.conf").write_text(configuration(self._folder, self._architecture, self._options, suites))
        (self._folder / "sources/dockless.sources").write_text(sources.deb822(suites, _keyrings))


def configuration(folder: Path, architecture: str, options: Sequence[tuple[str, str]], suites: Sequence[Suite]) -> str:
    """The file that APT_CONFIG names. It is read before the host's snippets, which are therefore switched off in it."""
    lines = [f'{name} "{value}";' for name, value in options]
    # Keys that the host trusts for all repositories count only for a mirror that names none of its own.
    trusted = "/etc/apt/trusted.gpg.d/" if any(not suite.mirror.keyrings for suite in suites) else f"{folder}/trusted/"
    settings = {
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": f"{folder}/sources/",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": f"{folder}/preferences/",
        "Dir::Etc::trusted": "/dev/null",
        "Dir::Etc::trustedparts": trusted,
        "Dir::State": f"{folder}/state/",
        "Dir::State::lists": f"{folder}/state/lists/",
        "Dir::State::status": f"{folder}/state/status",
        "Dir::State::extended_states": f"{folder}/state/extended_states",
        "Dir::Cache": f"{folder}/cache/",
        "Dir::Cache::archives": f"{folder}/nothing/",
        "Dir::Cache::pkgcache": f"{folder}/cache/pkgcache.bin",
        "Dir::Cache::srcpkgcache": f"{folder}/cache/srcpkgcache.bin",
        "Dir::Log": f"{folder}/log/",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "APT::Get::List-Cleanup": "false",
        "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "false",
        "Acquire::Retries": "2",
    }
    lines += [f'{name} "{value}";' for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _keyrings(mirror: Mirror) -> Sequence[str]:
    return mirror.keyrings


def _run(command: Sequence[str], environ: Mapping[str, str], folder: Path | None, *, check: bool = True) -> str:
    """What the program prints. Raises `StandInError` where it fails, or is not there."""
    if why := missing(environ):
        raise StandInError(f"no stand-in can be made: {why}")
    done = subprocess.run(
        command, env=dict(environ), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0 and check:
        said = done.stderr.decode(errors="replace")
        faults = [line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: ")]
        raise StandInError(
            f"no stand-in can be made: apt says: {(faults or [f'exit status {done.returncode}'])[0]}"
        ) from _AptSaid(said)
    return done.stdout.decode(errors="replace")


def _download(path: Path) -> Download:
    return Download(path.name.partition("_")[0], path, path.stat().st_size)


class _AptSaid(Exception):
    """All that apt wrote to stderr."""
