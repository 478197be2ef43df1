"""Debian packages into a root: unpacked in process by as many processes as there are cores, configured by its own dpkg.

A whole root and packages on top of other layers come about in the same way: every package is entered into dpkg's
database as unpacked, and one `dpkg --configure -a` in a container does the rest. Nothing here runs in the root.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dockless.standins import unpack
from dockless.standins.errors import StandInError
from dockless.standins.unpack import Unpacked

# Essential and required packages are the official image's, and its apt.
ESSENTIAL = "?or(?essential,?priority(required))"

_MERGED = ("bin", "sbin", "lib", "lib64")

# What `dpkg --configure` needs before the packages that provide it are configured themselves.
_TEMPORARY_LINKS = {"usr/bin/sh": "dash", "usr/bin/awk": "mawk"}

# FIRST, PREINST and TRIGGERS are the variables that the functions here answer with.
CONFIGURE_BASE = """\
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
"""
CONFIGURE = """\
cd /
architecture=$(dpkg --print-architecture)
for package in $PREINST; do
    name=${package%:*}
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=$name DPKG_MAINTSCRIPT_ARCH=$architecture \\
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ROOT= /var/lib/dpkg/info/$package.preinst install
done
[ -z "$FIRST" ] || dpkg --force-unsafe-io --force-depends --configure $FIRST
for name in $TRIGGERS; do dpkg-trigger --by-package=dpkg --no-await "$name"; done
dpkg --force-unsafe-io --force-confold --configure -a
[ -z "$(dpkg --audit)" ] || { dpkg --audit >&2; exit 1; }
"""


def unpack_root(archives: Sequence[Path], root: Path, documentation: Path) -> dict[str, str]:
    """Unpacks a whole system into the empty folder `root`. The answer are the variables of `CONFIGURE`."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    database = root / "var/lib/dpkg"
    for folder in ("info", "triggers", "updates", "alternatives"):
        (database / folder).mkdir(parents=True)
    (database / "info/format").write_text("1\n")
    for name in ("available", "diversions", "statoverride"):
        (database / name).write_text("")
    done = _side_by_side(archives, root, documentation, ())
    for path, target in _TEMPORARY_LINKS.items():
        if not os.path.lexists(root / path):
            (root / path).symlink_to(target)
    _write_database(database, done, ())
    return {"PREINST": " ".join(_preinst_order(done)), "FIRST": " ".join(_configured_first(done)), "TRIGGERS": ""}


def unpack_upon(archives: Sequence[Path], upper: Path, documentation: Path, lower: Sequence[Path]) -> dict[str, str]:
    """Unpacks packages that are not installed yet on top of `lower`. The answer are the variables of `CONFIGURE`."""
    done = _side_by_side(archives, upper, documentation, lower)
    database = upper / "var/lib/dpkg"
    (database / "triggers").mkdir(exist_ok=True)
    triggers = _touched(done, _read(lower, "var/lib/dpkg/triggers/File"))
    _write_database(database, done, lower)
    return {"PREINST": " ".join(_preinst_order(done)), "FIRST": "", "TRIGGERS": " ".join(triggers)}


def installed(lower: Sequence[Path]) -> set[str]:
    """The names of the packages in dpkg's status file."""
    status = _read(lower, "var/lib/dpkg/status")
    return {line.removeprefix("Package: ") for line in status.splitlines() if line.startswith("Package: ")}


def mark_automatic(names: Sequence[str], architecture: str, upper: Path, lower: Sequence[Path]) -> None:
    """Writes down that packages came only because others need them, as apt does, for its autoremove."""
    text = _read((upper, *lower), "var/lib/apt/extended_states")
    stanzas = [f"Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n" for name in sorted(names)]
    (upper / "var/lib/apt/extended_states").write_text(text + "".join(stanzas))


def _preinst_order(packages: Sequence[Unpacked]) -> list[str]:
    """The packages whose preinst is to be run: base-passwd's first, since others look up its users and groups."""
    names = [package.info for package in packages if package.preinst]
    return sorted(names, key=lambda name: name.partition(":")[0] != "base-passwd")


def _configured_first(packages: Sequence[Unpacked]) -> list[str]:
    """What the scripts of others rely on without a dependency: the libraries, the users, and (passwd) login.defs."""
    names = {package.name for package in packages}
    defaults = "login.defs" if "login.defs" in names else "login"
    return [name for name in ("libc6", "base-passwd", "base-files", defaults) if name in names]


def _touched(packages: Sequence[Unpacked], interests: str) -> list[str]:
    """The paths that installed packages watch (deb-triggers(5), `interest /path`) and that the new ones write to."""
    watched = {line.split()[0] for line in interests.splitlines() if line.startswith("/")}
    files = {f"/{file}" for package in packages for file in package.files}
    return sorted(path for path in watched if any(file.startswith(f"{path}/") or file == path for file in files))


def _side_by_side(
    archives: Sequence[Path], root: Path, documentation: Path, lower: Sequence[Path]
) -> tuple[Unpacked, ...]:
    workers = max(1, min(4, len(os.sched_getaffinity(0))))
    shares: list[list[Path]] = [[] for _ in range(workers)]
    loads = [0] * workers
    for archive in sorted(archives, key=lambda path: path.stat().st_size, reverse=True):
        least = loads.index(min(loads))
        shares[least].append(archive)
        loads[least] += archive.stat().st_size
    command = [sys.executable, "-I", unpack.__file__, str(root), str(documentation), *map(str, lower)]
    running = []
    for share in shares:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write("".join(f"{path}\n" for path in share).encode())
        process.stdin.close()
        process.stdin = None
        running.append(process)
    done: list[Unpacked] = []
    for process, (out, err) in [(process, process.communicate()) for process in running]:
        if process.returncode != 0:
            last = err.decode(errors="replace").strip().splitlines()[-1]
            raise StandInError(f"no stand-in can be made: unpacking packages failed: {last}")
        done += [Unpacked(**entry) for entry in json.loads(out)]
    return tuple(sorted(done, key=lambda package: package.name))


def _write_database(folder: Path, packages: Sequence[Unpacked], lower: Sequence[Path]) -> None:
    before = _read(lower, "var/lib/dpkg/status")
    (folder / "status").write_text("\n".join([before] * bool(before) + [package.status for package in packages]))
    interests: dict[str, list[str]] = {}
    for package in packages:
        for name, suffix in package.interests:
            if name.startswith("/"):
                interests.setdefault("File", []).append(f"{name} {package.name}{suffix}\n")
            else:
                interests.setdefault(name, []).append(f"{package.name}{suffix}\n")
    for name, lines in interests.items():
        (folder / "triggers" / name).write_text(_read(lower, f"var/lib/dpkg/triggers/{name}") + "".join(lines))


def _read(layers: Sequence[Path], name: str) -> str:
    """The file as the topmost layer has it; empty where none has."""
    for layer in layers:
        if (layer / name).is_file():
            return (layer / name).read_text()
    return ""
