"""A CPython of the host: where one is, what it needs, and how it becomes one at /usr/local of an image.

Looked for where builds lie that can be moved: pyenv's and uv's folders, /usr/local and the interpreter that runs us.
One in /usr belongs to the host's distribution; Debian's own package of the same version serves better.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockless.standins import elf

# Left behind: what others installed, tests, caches, static libraries, and tkinter's library, which needs X11.
_SKIPPED_FOLDERS = frozenset({"site-packages", "__pycache__", "test", "tests", "idle_test"})
_SKIPPED_FILES = re.compile(r".*\.(pyc|pyo|a)|(_tkinter|_test|_ctypes_test|xx).*\.so")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """CPython `version` under `prefix` (`bin/python3.x`, `lib/python3.x`); `built_for` is the prefix in its files."""

    prefix: Path
    version: tuple[int, int, int]
    built_for: str

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def text(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def binaries(self) -> tuple[Path, ...]:
        """Everything that the loader has to load."""
        library = self.prefix / "lib"
        modules = (library / f"python{self.minor}/lib-dynload").glob("*.so")
        found = [self.prefix / f"bin/python{self.minor}", *library.glob(f"libpython{self.minor}.so.*")]
        return tuple(found + sorted(path for path in modules if not _SKIPPED_FILES.fullmatch(path.name)))

    def needs(self) -> elf.Needs:
        """The libraries that the image must have, and its lowest C library."""
        found = [elf.needs(path.read_bytes()) for path in self.binaries]
        own = {path.name for path in self.binaries}
        libraries = {library for one in found for library in one.libraries} - own
        return elf.Needs(tuple(sorted(libraries)), max(one.glibc for one in found))

    def digest(self) -> str:
        digest = hashlib.sha256(self.text.encode())
        for path in self.binaries[:2]:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def copy(self, root: Path) -> None:
        """Copies it to `usr/local` of the image's root, as if it had been built and installed there."""
        _copy(self, root / "usr/local")


def find(environ: Mapping[str, str], homes: tuple[Path, ...], running: Path | None = None) -> tuple[Interpreter, ...]:
    """All that are there, the newest first. `running` is the prefix of the interpreter that runs us."""
    found: dict[Path, Interpreter] = {}
    for prefix in _prefixes(environ, homes, running):
        real = prefix.resolve()
        for library in sorted(real.glob("lib/python3.*")):
            if real not in found and (interpreter := _inspect(real, library)) is not None:
                found[real] = interpreter
    return tuple(sorted(found.values(), key=lambda one: one.version, reverse=True))


def _copy(interpreter: Interpreter, target: Path) -> None:
    minor = interpreter.minor
    for folder in ("bin", "lib/pkgconfig", "include"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    source = interpreter.prefix
    _copy_tree(source / f"lib/python{minor}", target / f"lib/python{minor}", interpreter)
    _copy_tree(source / f"include/python{minor}", target / f"include/python{minor}", interpreter)
    (target / f"lib/python{minor}/site-packages").mkdir()
    for pattern in (f"lib/libpython{minor}.so*", "lib/libpython3.so", f"lib/pkgconfig/python-{minor}*.pc"):
        for path in source.glob(pattern):
            _copy_file(path, target / path.relative_to(source), interpreter)
    for name in (f"python{minor}", f"python{minor}-config", f"pydoc{minor}", f"idle{minor}", f"2to3-{minor}"):
        if (path := source / "bin" / name).exists():
            _copy_file(path, target / "bin" / name, interpreter)
    for link, name in _links(minor).items():
        if (target / "bin" / name).exists():
            (target / "bin" / link).symlink_to(name)


def _links(minor: str) -> dict[str, str]:
    links = {"python3": f"python{minor}", "python": "python3", "2to3": f"2to3-{minor}"}
    links |= {"python3-config": f"python{minor}-config", "python-config": "python3-config"}
    for name in ("pydoc", "idle"):
        links |= {f"{name}3": f"{name}{minor}", name: f"{name}3"}
    return links


def _prefixes(environ: Mapping[str, str], homes: tuple[Path, ...], running: Path | None) -> Iterator[Path]:
    data = [Path(environ["XDG_DATA_HOME"])] if environ.get("XDG_DATA_HOME") else []
    pyenv = [Path(environ["PYENV_ROOT"])] if environ.get("PYENV_ROOT") else []
    managed = [Path(environ["UV_PYTHON_INSTALL_DIR"])] if environ.get("UV_PYTHON_INSTALL_DIR") else []
    folders = [root / "versions" for root in (*pyenv, *(home / ".pyenv" for home in homes))]
    folders += [*managed, *(root / "uv/python" for root in (*data, *(home / ".local/share" for home in homes)))]
    for folder in folders:
        if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
            yield from sorted(folder.iterdir())
    yield Path("/usr/local")
    if running is not None and running != Path("/usr"):
        yield running


def _inspect(prefix: Path, library: Path) -> Interpreter | None:
    """Reads what a build says of itself; nothing is run, since what lies in a `bin` may be a shim."""
    minor = library.name.removeprefix("python")
    header = prefix / f"include/python{minor}/patchlevel.h"
    executable = prefix / f"bin/python{minor}"
    data = next(library.glob("_sysconfigdata__linux_*-linux-gnu.py"), None)
    if not (header.is_file() and executable.is_file() and data is not None and elf.is_elf(executable)):
        return None
    matched = re.search(r'#define PY_VERSION\s+"(\d+)\.(\d+)\.(\d+)"', header.read_text())
    if matched is None or f"-{os.uname().machine}-".replace("-", "_") not in f"_{data.stem}_".replace("-", "_"):
        return None  # a pre-release, or a build for another machine
    built_for = re.search(r"'prefix': '([^']+)'", data.read_text())
    version = (int(matched[1]), int(matched[2]), int(matched[3]))
    return Interpreter(prefix, version, built_for[1] if built_for else str(prefix))


def _copy_tree(source: Path, target: Path, interpreter: Interpreter) -> None:
    target.mkdir(parents=True)
    for entry in os.scandir(source):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED_FOLDERS:
                _copy_tree(source / entry.name, target / entry.name, interpreter)
        elif not _SKIPPED_FILES.fullmatch(entry.name):
            _copy_file(source / entry.name, target / entry.name, interpreter)


def _copy_file(source: Path, target: Path, interpreter: Interpreter) -> None:
    """Times are kept, so that caches stay valid; owner is root, whoever owns the host's."""
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
        return
    data = source.read_bytes()
    if data[:4] == b"\x7fELF":
        # Nothing else of an ELF file is touched: its strings share tails, so a replaced prefix changes others too.
        data = elf.without_run_path(data)
    elif b"\0" not in data[:4096]:
        data = _moved(data, interpreter)
    target.write_bytes(data)
    target.chmod(0o755 if os.access(source, os.X_OK) and source.stat().st_mode & 0o100 else 0o644)
    shutil.copystat(source, target)
    target.chmod(target.stat().st_mode & 0o755 | 0o644)


def _moved(data: bytes, interpreter: Interpreter) -> bytes:
    for prefix in dict.fromkeys((interpreter.built_for, str(interpreter.prefix))):
        if prefix.encode() in data:
            pattern = rb"(?:(?<![\w./-])|(?<=-[LI]))" + re.escape(prefix.encode()) + rb"(?![\w.-])"
            data = re.sub(pattern, b"/usr/local", data)
    return data
