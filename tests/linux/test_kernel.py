"""Overlays, mounts in a namespace of their own, device programs, pidfds, and the machine code of the tiny init."""

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockless.launcher.defaults import DEFAULT_DEVICE_RULES
from dockless.linux import capabilities, device_filter, mounts, pidfd, prctl, tiny_init

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def apart(work: Callable[[], str]) -> str:
    """Runs `work` in a child with a mount namespace of its own, and gives what it returns or raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            mounts.make_private_namespace()
            answer = work()
        except OSError as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answers:
        return answers.read()


def layers(folder: Path, count: int) -> list[str]:
    """Topmost first; each has a file of its own, and `who` of all is the topmost's."""
    found = []
    for number in range(count):
        layer = folder / f"{number:064d}"
        layer.mkdir()
        (layer / f"file{number}").write_text("")
        (layer / "who").write_text(str(number))
        found.append(str(layer))
    return found


@needs_root
@pytest.mark.parametrize("classic", [False, True])
def test_an_overlay_of_a_hundred_layers(tmp_path: Path, classic: bool) -> None:
    lower = layers(tmp_path, 100)
    for name in ("upper", "work", "target"):
        (tmp_path / name).mkdir()
    target, upper, work = (str(tmp_path / name) for name in ("target", "upper", "work"))

    def look() -> str:
        if classic:
            mounts._mount_overlay_classic(target, lower, upper, work, 0, False)
        else:
            mounts.mount_overlay(target, lower, upper, work)
        Path(target, "new").write_text("x")
        return f"{len(os.listdir(target))} {Path(target, 'who').read_text()}"

    assert apart(look) == "102 0"
    assert sorted(os.listdir(upper)) == ["new"]
    assert os.listdir(target) == []


@needs_root
@pytest.mark.parametrize("count", [1, 2])
def test_an_overlay_without_an_upper_folder_is_read_only(tmp_path: Path, count: int) -> None:
    lower = layers(tmp_path, count)
    (tmp_path / "target").mkdir()

    def look() -> str:
        mounts.mount_overlay(str(tmp_path / "target"), lower)
        text = (tmp_path / "target/who").read_text()
        (tmp_path / "target/new").write_text("x")
        return text

    assert "Read-only file system" in apart(look)


@needs_root
def test_an_overlay_that_cannot_be_names_the_reason(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        mounts.overlay_tree([str(tmp_path / "missing"), str(tmp_path)], None, None)
    assert caught.value.errno == 2


def test_options_of_mount_become_flags() -> None:
    flags, cleared, data = mounts.parse_options(["ro", "nosuid", "rw", "size=5", "rbind", "noatime"])
    assert flags == mounts.MS_NOSUID | mounts.MS_NOATIME
    assert cleared & mounts.MS_RDONLY
    assert data == ["size=5", "rbind"]
    assert mounts.attributes(flags | mounts.MS_RDONLY) == 0x01 | 0x02 | 0x10


@needs_root
def test_the_kernels_verifier_takes_device_programs() -> None:
    everything = [{"allow": True, "access": "rwm"}]
    assert device_filter.allows_everything(everything)
    for rules in (DEFAULT_DEVICE_RULES, everything, [{"allow": False}, {"allow": True, "type": "b", "major": 8}]):
        os.close(device_filter.load(device_filter.assemble(rules)))


def test_capabilities_have_the_kernels_numbers() -> None:
    assert capabilities.mask(["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NO_SUCH"]) == 1 | 1 << 21
    assert capabilities.NUMBERS["CAP_CHECKPOINT_RESTORE"] == 40
    effective, permitted, _ = capabilities.get_capabilities()
    assert effective & ~permitted == 0


def test_the_end_of_a_child_is_told_by_its_pidfd() -> None:
    process = subprocess.Popen(["sleep", "60"])
    descriptor = pidfd.pidfd_open(process.pid)
    assert pidfd.wait(descriptor) is None
    assert pidfd.start_time(process.pid) > 0
    pidfd.send_signal(descriptor, signal.SIGTERM)
    os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOWAIT)
    assert pidfd.exit_of_stranger(descriptor, process.pid) == signal.SIGTERM
    assert pidfd.wait(descriptor) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        pidfd.send_signal(descriptor, 0)
    os.close(descriptor)
    process.returncode = 0


def test_descriptors_but_the_kept_ones_are_closed() -> None:
    child = os.fork()
    if child == 0:
        kept = os.open("/dev/null", os.O_RDONLY)
        others = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
        prctl.close_all_but({0, 1, 2, kept})
        os.fstat(kept)
        for other in others:
            try:
                os.fstat(other)
                os._exit(1)
            except OSError:
                continue
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_tiny_inits_machine_code_is_its_source(machine: str, tmp_path: Path) -> None:
    prefix = "" if platform.machine() == machine else f"{machine}-linux-gnu-"
    tools = [shutil.which(f"{prefix}{tool}") for tool in ("as", "objcopy")]
    if None in tools:
        pytest.skip(f"no assembler for {machine} on this machine")
    source = Path(tiny_init.__file__).parent / "data" / f"init-{machine}.s"
    assembler, objcopy = tools
    assert assembler and objcopy
    subprocess.run([assembler, "-o", tmp_path / "object", source], check=True)
    subprocess.run([objcopy, "-O", "binary", "-j", ".text", tmp_path / "object", tmp_path / "code"], check=True)
    assert (tmp_path / "code").read_bytes() == tiny_init.CODE[machine]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("sleep 0.01 & exit 0", 0)])
def test_the_tiny_init_ends_as_its_child(machine: str, script: str, status: int, tmp_path: Path) -> None:
    emulator = [] if platform.machine() == machine else [shutil.which(f"qemu-{machine}-static")]
    if None in emulator:
        pytest.skip(f"no emulator for {machine} on this machine")
    program = tmp_path / "init"
    program.write_bytes(tiny_init.elf(machine))
    program.chmod(0o755)
    command = [*emulator, str(program), "/bin/sh", "sh", "-c", script]
    assert subprocess.run([str(part) for part in command]).returncode == status


def test_the_launcher_imports_little() -> None:
    """No asyncio, logging, dataclasses, typing, subprocess or pathlib: its memory and its start count."""
    script = "import sys, dockless.launcher.server; print(' '.join(sys.modules))"
    source = str(Path(tiny_init.__file__).parent.parent.parent)
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {source!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"asyncio", "logging", "dataclasses", "typing", "subprocess", "pathlib", "tempfile", "msgspec", "inspect"}
    assert not heavy & set(result.stdout.split())
