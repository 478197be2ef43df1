"""A builder over a state folder of its own, a tiny busybox image to stand on, and a runner by unshare(1) and chroot."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dockless.build.builder import Builder, BuildOptions
from dockless.build.cache import SCHEMA
from dockless.build.events import BuildEvent, Finished, Output, Started, Warned
from dockless.build.steps import Output as Sink
from dockless.build.steps import Step, StepFailed
from dockless.images.config import ContainerConfig, History, ImageConfig, RootFs
from dockless.images.store import Image, ImageStore
from dockless.launcher.users import resolve_user
from dockless.places import Places
from dockless.registry.platform import Platform
from dockless.state import Database

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts an overlay and changes owners: needs root")

_APPLETS = "sh cat ls echo mkdir rm mv cp touch chmod chown id env pwd ln sleep true false test printf stat wc find tar"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(needs_root)


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static busybox: the host's, or Debian's package unpacked for these tests."""
    found = shutil.which("busybox")
    if found and b"statically linked" in subprocess.run(["file", "-L", found], capture_output=True).stdout:
        return Path(found)
    folder = tmp_path_factory.mktemp("busybox")
    if shutil.which("apt-get") is None:
        pytest.skip("no busybox and no apt-get to get one")
    got = subprocess.run(["apt-get", "download", "busybox-static"], cwd=folder, capture_output=True)
    packages = list(folder.glob("*.deb"))
    if got.returncode or not packages:
        pytest.skip("busybox-static cannot be downloaded")
    subprocess.run(["dpkg-deb", "-x", packages[0], folder / "x"], check=True)
    return next(path for path in (folder / "x").rglob("bin/busybox"))


@dataclass
class SubprocessRunner:
    """Runs a step with util-linux: a mount and a pid namespace, an overlay, the step's binds, chroot."""

    ran: list[Step] = field(default_factory=list)

    def run(self, step: Step, output: Sink) -> int:
        self.ran.append(step)
        merged = step.work.parent / "merged"
        merged.mkdir()
        lower = [str(path) for path in step.lower] or [str(_empty(step.work.parent))]
        user = resolve_user(step.lower, step.user)
        script = [
            f"mount -t overlay overlay -o lowerdir={':'.join(lower)},upperdir={step.upper},workdir={step.work},"
            f"redirect_dir=off,index=off,metacopy=off {merged}",
            f"mount -t proc proc {merged}/proc",
            f"mount -t tmpfs -o mode=755 dev {merged}/dev",
            f"touch {merged}/dev/null && mount --bind /dev/null {merged}/dev/null",
            *(f"mount -t tmpfs -o mode=1777 tmpfs {merged}{tmpfs.target}" for tmpfs in step.tmpfs),
        ]
        for bind in step.binds:
            script.append(f"mount --bind {bind.source} {merged}{bind.target}")
            if bind.readonly:
                script.append(f"mount -o remount,ro,bind {merged}{bind.target}")
        script.append(
            f'exec /usr/bin/unshare --root={merged} --wd={step.cwd} --setgid={user.gid} --setuid={user.uid} "$@"'
        )
        process = subprocess.Popen(
            [
                "/usr/bin/unshare",
                "-m",
                "-p",
                "-f",
                "--kill-child",
                "/bin/sh",
                "-ec",
                "\n".join(script),
                "step",
                *step.argv,
            ],
            env=dict(step.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        forget = step.cancellation.on_cancel(process.kill)
        try:
            assert process.stdout is not None
            while data := process.stdout.read1(65536):
                output(data)
            status = process.wait()
        finally:
            forget()
            process.stdout.close()  # type: ignore[union-attr]
        if status == 127:
            raise StepFailed(f'exec: "{step.argv[0]}": not found', 127)
        return status


def _empty(folder: Path) -> Path:
    empty = folder / "nothing"
    empty.mkdir(exist_ok=True)
    return empty


@dataclass
class Bench:
    """The builder and what it was made of; `build` writes a context and builds it."""

    builder: Builder
    images: ImageStore
    runner: SubprocessRunner
    context: Path
    database: Database
    events: list[BuildEvent] = field(default_factory=list)

    def file(self, name: str, content: str | bytes = "", mode: int = 0o644) -> Path:
        path = self.context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def build(self, dockerfile: str, **options: object) -> Image:
        self.events.clear()
        made = BuildOptions(dockerfile_text=dockerfile, **options)  # type: ignore[arg-type]
        return self.builder.build(self.context, made, self.events.append)

    def tree(self, image: Image) -> "Seen":
        empty = self.context.with_name("empty")
        empty.mkdir(exist_ok=True)
        return Seen(tuple(self.images.chain(image)), empty)

    def steps(self) -> list[tuple[str, bool]]:
        """The finished steps that make layers, with whether they came from the cache."""
        return [(e.vertex.text, e.cached) for e in self.events if isinstance(e, Finished) and e.layer]

    def cached(self) -> list[bool]:
        return [cached for _, cached in self.steps()]

    def output(self) -> str:
        return b"".join(e.data for e in self.events if isinstance(e, Output)).decode()

    def warnings(self) -> list[str]:
        return [e.message for e in self.events if isinstance(e, Warned)]

    def started(self) -> list[str]:
        return [e.vertex.text for e in self.events if isinstance(e, Started)]


@dataclass(frozen=True)
class Seen:
    """An image's tree as the kernel's overlay shows it."""

    lower: tuple[Path, ...]
    empty: Path

    def run(self, command: str) -> str:
        lower = ":".join(map(str, (*self.lower, self.empty)))
        script = f"mount -t overlay o -o ro,lowerdir={lower} {self.empty}; cd {self.empty}; {command}"
        done = subprocess.run(["unshare", "-m", "sh", "-ec", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self, path: str) -> str:
        return self.run(f"cat ./{path}")

    def names(self, path: str = ".") -> list[str]:
        return sorted(self.run(f"cd ./{path} && find . -mindepth 1 | cut -c3-").split("\n")[:-1])

    def stat(self, path: str, form: str = "%a %u:%g %F") -> str:
        return self.run(f"stat -c '{form}' ./{path}").strip()


@pytest.fixture
def bench(tmp_path: Path, busybox: Path) -> Iterator[Bench]:
    places = Places(tmp_path / "root", tmp_path / "run")
    database = Database(places.database, [*ImageStore.SCHEMA, *SCHEMA])
    images = ImageStore(places, database)
    _tiny_image(images, busybox)
    runner = SubprocessRunner()

    def resolve(reference: str, platform: str | None, pull: bool, say: Callable[[str], None]) -> Image:
        found = images.resolve(reference)
        if found is None:
            raise LookupError(f"pull access denied for {reference}")
        return found

    context = tmp_path / "context"
    context.mkdir()
    yield Bench(Builder(images, images.layers, database, runner, resolve, places), images, runner, context, database)
    images.layers.scratch.close()
    left = [path for path in places.scratch.iterdir() if path.is_dir()]
    assert left == [], "the build left something half-made"


def _tiny_image(images: ImageStore, busybox: Path) -> None:
    root = images.layers.scratch.folder("base")
    for folder in ("bin", "etc", "tmp", "root", "usr/local/bin", "home/web", "proc"):
        (root / folder).mkdir(parents=True)
    shutil.copyfile(busybox, root / "bin/busybox")
    (root / "bin/busybox").chmod(0o755)
    for applet in _APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nweb:x:1001:\nstaff:x:50:web\n")
    (root / "tmp").chmod(0o1777)
    (root / "link").symlink_to("/etc")
    layer = images.layers.adopt(root)
    platform = Platform.host()
    config = ImageConfig(
        architecture=platform.architecture,
        os="linux",
        created="2024-01-01T00:00:00Z",
        config=ContainerConfig(env=("PATH=/usr/local/bin:/bin", "BASE=1"), cmd=("sh",)),
        rootfs=RootFs(diff_ids=(layer.diff_id,)),
        history=(History(created="2024-01-01T00:00:00Z", created_by="busybox"),),
    )
    images.create(config, names=["tiny:latest"])


if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)
