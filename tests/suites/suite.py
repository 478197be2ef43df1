"""What the suites of clients' authors have in common: their sources, an environment for them, an engine of our own.

An engine is kept up in a mount namespace whose mounts are shared, as on a machine with systemd, with a state folder of
its own; the images that the tests name are made there first.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = (sys.executable, "-P", "-m", "dockless.cli")
IN_SHARED_MOUNTS = ("unshare", "--mount", "--propagation", "shared")

Dockless = Callable[..., None]


@dataclass(frozen=True)
class Suite:
    """`needed`: what pip installs beside pytest. `tests`: the folder of the source distribution that pytest runs, from
    the folder where it is unpacked. `make_images` is given a function that runs our command in the folder of the second
    argument. `left_out`: a file, a test, or a word of names, from which the reason tells why.
    """

    package: str
    version: str
    needed: Sequence[str]
    tests: str
    make_images: Callable[[Dockless, Path], None]
    left_out: Mapping[str, str]
    options: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def main(suite: Suite) -> int:
    """Runs it, with the command line's own arguments for pytest; `--keep` leaves everything behind."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--keep"]
    base = Path(tempfile.mkdtemp(prefix="dockless-suite-"))
    try:
        return run(suite, base, arguments)
    finally:
        if "--keep" in sys.argv:
            print(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)


def run(suite: Suite, base: Path, arguments: Sequence[str]) -> int:
    """pytest's exit status."""
    sources = fetch(suite, base)
    venv.create(base / "venv", with_pip=True)
    python = base / "venv/bin/python"
    wanted = (f"{suite.package}=={suite.version}", "pytest", "pytest-timeout", *suite.needed)
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    environ = environment(base)
    make_images(suite, base, environ)
    serving = subprocess.Popen(
        [*IN_SHARED_MOUNTS, *COMMAND, "serve"], env=environ, stdout=subprocess.PIPE, text=True, cwd=base
    )
    assert serving.stdout is not None
    host = serving.stdout.readline().strip().removeprefix("export DOCKER_HOST=")
    try:
        chosen = [f"--deselect={suite.tests}/{name}" for name in suite.left_out if "::" in name]
        chosen += [f"--ignore={sources / suite.tests / name}" for name in suite.left_out if "::" not in name]
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=60", "-rfE", *chosen]
        settings = {**environ, **suite.settings, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}
        tests = arguments or [str(sources / suite.tests)]
        return subprocess.run([*command, *suite.options, *tests], cwd=sources, env=settings).returncode
    finally:
        clean(environ)
        serving.terminate()
        serving.wait(30)


def fetch(suite: Suite, base: Path) -> Path:
    """The folder of the source distribution, unpacked."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", suite.package, "-d", str(base)]
    subprocess.run([*pip, f"{suite.package}=={suite.version}"], check=True)
    (archive,) = base.glob("*.tar.gz")
    shutil.unpack_archive(archive, base, filter="data")
    return base / archive.name.removesuffix(".tar.gz")


def environment(base: Path) -> dict[str, str]:
    (base / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "DOCKLESS_"))}
    own = {"DOCKLESS_ROOT": str(base / "root"), "DOCKLESS_IDLE_SECONDS": "2", "HOME": str(base / "home")}
    return kept | own


def make_images(suite: Suite, base: Path, environ: Mapping[str, str]) -> None:
    """In the same mounts as the engine that the tests use: the first command starts it."""
    folder = base / "images"
    folder.mkdir()
    (base / "root").mkdir()

    def dockless(*arguments: str) -> None:
        command = [*IN_SHARED_MOUNTS, *COMMAND, *arguments]
        subprocess.run(command, env=environ, cwd=folder, check=True, capture_output=True)

    suite.make_images(dockless, folder)


def clean(environ: Mapping[str, str]) -> None:
    """Tests that fail leave containers."""
    command = [*COMMAND, "container", "ls", "-aq"]
    found = subprocess.run(command, env=environ, capture_output=True, text=True).stdout.split()
    if found:
        subprocess.run([*COMMAND, "container", "rm", "-f", "-v", *found], env=environ, capture_output=True)
