"""A Node.js of the host: where one is, what it needs, and how it becomes one at /usr/local of an image.

Those count that carry everything in themselves, as nodejs.org and NodeSource build them: one executable, with npm and
corepack beside it. Debian's own is spread over hundreds of packages; a recipe installs it, if no other is there.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockless.standins import elf

# Modules that belong to Node.js itself; what else is installed globally is the host's own business.
_MODULES = ("npm", "corepack")
# npm's built-in configuration names the host's folders.
_SKIPPED = shutil.ignore_patterns("npmrc", "man", "docs")
_NUMBER = re.compile(r"^#define NODE_(?P<name>MAJOR|MINOR|PATCH)_VERSION (?P<number>\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Node:
    """Node.js `version` under `prefix`: `bin/node`, `lib/node_modules`, `include/node`."""

    prefix: Path
    version: tuple[int, int, int]

    @property
    def text(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def executable(self) -> Path:
        return self.prefix / "bin/node"

    def needs(self) -> elf.Needs:
        return elf.needs(self.executable.read_bytes())

    def digest(self) -> str:
        """The head of the executable holds its build id."""
        with self.executable.open("rb") as file:
            head = file.read(1 << 16)
        return hashlib.sha256(f"{self.text}\0{self.executable.stat().st_size}\0".encode() + head).hexdigest()

    def copy(self, root: Path) -> None:
        target = root / "usr/local"
        shutil.copyfile(self.executable, target / "bin/node")
        (target / "bin/node").chmod(0o755)
        (target / "bin/nodejs").symlink_to("node")
        shutil.copytree(self.prefix / "include/node", target / "include/node")
        (target / "lib/node_modules").mkdir()
        for name in _MODULES:
            source = self.prefix / "lib/node_modules" / name
            if source.is_dir():
                shutil.copytree(source, target / "lib/node_modules" / name, symlinks=True, ignore=_SKIPPED)
        for path in sorted((self.prefix / "bin").iterdir()):
            if path.is_symlink() and os.readlink(path).startswith(tuple(f"../lib/node_modules/{n}/" for n in _MODULES)):
                (target / "bin" / path.name).symlink_to(os.readlink(path))


def find(environ: Mapping[str, str], homes: tuple[Path, ...], running: Path | None = None) -> tuple[Node, ...]:
    """All that are there, the newest first."""
    found: dict[Path, Node] = {}
    for prefix in _prefixes(environ, homes):
        real = prefix.resolve()
        if real not in found and (node := _inspect(real)) is not None:
            found[real] = node
    return tuple(sorted(found.values(), key=lambda one: one.version, reverse=True))


def _prefixes(environ: Mapping[str, str], homes: tuple[Path, ...]) -> Iterator[Path]:
    """The folders of nvm, fnm, volta and asdf, then what is installed for everybody."""
    named = [Path(environ[name]) / folder for name, folder in _MANAGERS.items() if environ.get(name)]
    for folder in (*named, *(home / folder for home in homes for folder in _IN_HOME)):
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                yield path / "installation" if (path / "installation").is_dir() else path
    yield Path("/usr/local")
    yield Path("/usr")


_MANAGERS = {"NVM_DIR": "versions/node", "FNM_DIR": "node-versions", "VOLTA_HOME": "tools/image/node"}
_IN_HOME = (
    ".nvm/versions/node",
    ".local/share/fnm/node-versions",
    ".volta/tools/image/node",
    ".asdf/installs/nodejs",
    ".local/share/mise/installs/node",
)


def _inspect(prefix: Path) -> Node | None:
    """Reads what a build says of itself; nothing is run."""
    header, executable = prefix / "include/node/node_version.h", prefix / "bin/node"
    npm = prefix / "lib/node_modules/npm/bin/npm-cli.js"
    if not (header.is_file() and executable.is_file() and npm.is_file() and elf.is_elf(executable)):
        return None
    if elf.machine(executable) != elf.machine(Path("/proc/self/exe")):
        return None
    if any(library.startswith("libnode.") for library in elf.needs(executable.read_bytes()).libraries):
        return None  # a distribution's, in pieces
    numbers = {matched["name"]: int(matched["number"]) for matched in _NUMBER.finditer(header.read_text())}
    if len(numbers) < 3:
        return None
    return Node(prefix, (numbers["MAJOR"], numbers["MINOR"], numbers["PATCH"]))
