"""`./dev bench --builds`: builds by dockless, BuildKit and buildah, side by side, in one run. Needs root, apt and pip.

The peer is the dockerd of the distribution's next release (see `.ci/run`) with its BuildKit, asked by `docker buildx`.
buildah is the distribution's own. All build the same contexts from the same base images, by turns; none needs the
network, but to make the base.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import measure
import podman
import report
from measure import Samples
from peers import REPOSITORY, install_dockless

PAGE = REPOSITORY / "docs" / "performance.md"
_PYTHON, _BUSYBOX = "python:3.12-slim", "busybox:latest"
_STACK = f"""FROM {_PYTHON}
WORKDIR /web
COPY requirements.txt .
COPY wheels /wheels
RUN pip install --no-index --find-links /wheels -r requirements.txt
COPY . .
RUN python3 -m compileall -q records config
CMD ["python3", "manage.py", "runserver"]
"""
_WIDE = 12


@dataclass(frozen=True)
class Builder:
    """One of them: `command` is `… build` with all its options, `forget` forgets all known steps, `load` takes an
    archive in, once for each form of its name in `archived`."""

    name: str
    command: tuple[str, ...]
    forget: tuple[str, ...]
    load: tuple[str, ...]
    environ: dict[str, str]
    archived: tuple[str, ...] = ("{}",)

    def build(self, folder: Path, tag: str) -> float:
        begun = time.monotonic()
        self.run(*self.command, "-t", tag, ".", cwd=folder)
        return time.monotonic() - begun

    def anew(self) -> None:
        self.run(*self.forget)

    def take(self, archive: Path) -> None:
        for place in self.archived:
            self.run(*self.load, place.format(archive))

    def run(self, *command: str, cwd: Path = Path("/")) -> None:
        done = subprocess.run(command, cwd=cwd, env=self.environ, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    samples = Samples()
    with ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix="dockless-builds-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        command = options.command or install_dockless(work / "venv")
        before = measure.load()
        tools = podman.Tools.at(options.podman, work / "buildah", 1)
        stack.callback(tools.remove)
        sides = [
            stack.enter_context(_ours(command, work)), stack.enter_context(_buildkit(options.peers, work)),
            _buildah(tools),
        ]  # fmt: skip
        _bases(sides, options.bases or work / "bases.tar")
        contexts = [_stack(work / "stack"), _wide(work / "wide"), _large(work / "large", options.files)]
        for number in range(options.rounds):
            for side in sides:
                for context in contexts:
                    print(f"bench: round {number + 1}: {side.name}: {context.name}", file=sys.stderr)
                    _BLOCKS[context.name](side, context, samples)
        version = subprocess.run(
            ["docker", "version", "-f", "{{.Server.Version}}"], env=sides[1].environ, capture_output=True, text=True
        ).stdout.strip()
        facts = _facts(version, tools.version("buildah"), before, measure.load(), options.files)
        lines = report.table(report.BUILDS, samples, options.files)
        report.print_table(lines)
        if options.write:
            report.write(PAGE, report.BUILDS.mark, lines, facts)
    return 0


def _facts(version: str, buildah: str, before: float, after: float, files: int) -> list[str]:
    machine = report.machine()
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}; Linux {machine['kernel']};"
        f" Python {machine['python']}; {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        f"peers: the BuildKit of dockerd {version}, by `docker buildx build`, and {buildah} (`--layers`);"
        f" the large context has {files} files",
        f"load of the machine (1 minute) before and after: {before:.1f}, {after:.1f}",
    ]


@contextmanager
def _ours(command: Path, work: Path) -> Iterator[Builder]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(work), "DOCKLESS_ROOT": str(work / "root")}
    ours = str(command)
    serving = subprocess.Popen([ours, "serve"], env=environ | _way_out(), stdout=subprocess.PIPE, cwd="/")
    assert serving.stdout is not None
    serving.stdout.readline()
    try:
        yield Builder(
            "dockless",
            (ours, "build", "--progress", "plain"),
            (ours, "builder", "prune", "-af"),
            (ours, "load", "-i"),
            environ,
        )
    finally:
        serving.terminate()
        serving.wait()
        serving.stdout.close()


@contextmanager
def _buildkit(peers: Path, work: Path) -> Iterator[Builder]:
    base = work / "docker"
    base.mkdir()
    plugins = work / ".docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(peers / "usr/libexec/docker/cli-plugins/docker-buildx")
    found = [f"{folder}/usr/{kind}" for folder in (peers, "/opt/dockless-peers") for kind in ("sbin", "bin")]
    path = ":".join([*found[:2], os.environ["PATH"], *found[2:]])
    address = f"unix://{base}/docker.sock"
    command = f"ip link set lo up; exec dockerd --data-root {base}/data --exec-root {base}/exec"
    command += f" -p {base}/pid -H {address}"
    with (base / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", f"{command} --userland-proxy=false --ip6tables=false"],
            env=os.environ | {"PATH": path}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    environ = {"PATH": path, "HOME": str(work), "DOCKER_HOST": address, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    try:
        while subprocess.run(["docker", "info"], env=environ, capture_output=True).returncode:
            if daemon.poll() is not None:
                raise RuntimeError((base / "log").read_text()[-2000:])
            time.sleep(0.2)
        build = ("docker", "buildx", "build", "--progress", "plain")
        yield Builder("docker", build, ("docker", "builder", "prune", "-af"), ("docker", "load", "-i"), environ)
    finally:
        daemon.terminate()
        daemon.wait()


def _buildah(tools: podman.Tools) -> Builder:
    """It keeps known steps as images: forgotten is what has no name once those that were built have none."""
    program = tools.program("buildah")
    # Its own crun refuses hosts that have control groups of both versions; runc is what BuildKit runs, too.
    runtime = next(str(path) for path in Path("/opt/dockless-peers/usr").glob("*bin/runc"))
    build = (*program, "build", "--layers", "--pull-never", "--network", "host", "--format", "docker")
    build += ("--runtime", runtime)
    names = " ".join(f"localhost/{name}" for name in _BLOCKS)
    forget = ("sh", "-c", f'"$@" rmi -f {names} 2>/dev/null; "$@" rmi --prune --force', "sh", *program)
    archived = tuple(f"docker-archive:{{}}:{name}" for name in (_PYTHON, _BUSYBOX))
    return Builder("buildah", build, forget, (*program, "pull", "-q"), tools.environ, archived)


def _way_out() -> dict[str, str]:
    wanted = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
    return {name: value for name, value in os.environ.items() if name in wanted or name.lower() in wanted}


def _bases(sides: list[Builder], archive: Path) -> None:
    """Both get the very same images; an archive that is there already saves making them."""
    ours = sides[0]
    if archive.exists():
        ours.take(archive)
    else:
        for image in (_PYTHON, _BUSYBOX):
            ours.run(ours.command[0], "pull", "-q", image)
        ours.run(ours.command[0], "save", "-o", str(archive), _PYTHON, _BUSYBOX)
    for side in sides[1:]:
        side.take(archive)


def _stack(folder: Path) -> Path:
    shutil.copytree(REPOSITORY / "examples" / "fetch_c1", folder)
    (folder / "Dockerfile").write_text(_STACK)
    # Of the requirements what is the same for every Python: the two that build need not have this one's.
    (folder / "requirements.txt").write_text("Django>=5.2,<5.3\ngunicorn\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "-d", folder / "wheels", "-r", folder / "requirements.txt",
         "--only-binary=:all:", "--disable-pip-version-check"],
        check=True,
    )  # fmt: skip
    return folder


def _wide(folder: Path) -> Path:
    folder.mkdir()
    stages = [f"FROM {_BUSYBOX} AS s{n}\nRUN seq {n}000 > /n && sleep 0.1\n" for n in range(_WIDE)]
    copies = [f"COPY --from=s{n} /n /{n}\n" for n in range(_WIDE)]
    (folder / "Dockerfile").write_text("".join([*stages, f"FROM {_BUSYBOX}\n", *copies]))
    return folder


def _large(folder: Path, files: int) -> Path:
    for number in range(files):
        if number % 250 == 0:
            (folder / f"d{number // 2500}" / f"e{number // 250}").mkdir(parents=True, exist_ok=True)
        path = folder / f"d{number // 2500}" / f"e{number // 250}" / f"file-{number}.txt"
        path.write_text(f"content of {number}\n" * (number % 40))
    (folder / "Dockerfile").write_text(f"FROM {_BUSYBOX}\nCOPY . /all/\n")
    return folder


def _measure_stack(side: Builder, folder: Path, samples: Samples) -> None:
    side.anew()
    samples.add("stack-cold", side, side.build(folder, "stack"))
    samples.add("stack-same", side, side.build(folder, "stack"))
    with _changed(folder / "records/__init__.py"):
        samples.add("stack-source", side, side.build(folder, "stack"))
    with _changed(folder / "requirements.txt"):
        samples.add("stack-requirements", side, side.build(folder, "stack"))


def _measure_wide(side: Builder, folder: Path, samples: Samples) -> None:
    side.anew()
    samples.add("wide-cold", side, side.build(folder, "wide"))
    samples.add("wide-same", side, side.build(folder, "wide"))


def _measure_large(side: Builder, folder: Path, samples: Samples) -> None:
    side.anew()
    samples.add("large-cold", side, side.build(folder, "large"))
    time.sleep(2)
    samples.add("large-same", side, side.build(folder, "large"))
    with _changed(folder / "d0/e0/file-7.txt"):
        samples.add("large-one", side, side.build(folder, "large"))


_BLOCKS: dict[str, Callable[[Builder, Path, Samples], None]] = {
    "stack": _measure_stack,
    "wide": _measure_wide,
    "large": _measure_large,
}


@contextmanager
def _changed(path: Path) -> Iterator[None]:
    """Something that no build has seen is in the file for as long as the block lasts."""
    before = path.read_text()
    path.write_text(before + f"\n# {time.time_ns()}\n")
    try:
        yield
    finally:
        path.write_text(before)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev bench --builds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--files", type=int, default=50_000, metavar="N", help="files of the large context")
    parser.add_argument("--write", action="store_true", help="rewrite the table in docs/performance.md")
    parser.add_argument("--peers", type=Path, default=Path("/opt/dockless-peers-next"), metavar="FOLDER")
    parser.add_argument("--podman", type=Path, default=podman.FOLDER, metavar="FOLDER")
    parser.add_argument("--bases", type=Path, metavar="FILE", help="the base images, kept here for the next run")
    parser.add_argument("--command", type=Path, metavar="PATH", help="the dockless to measure, not a fresh install")
    return parser.parse_args(arguments)
