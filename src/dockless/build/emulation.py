"""Which platforms' programs run on this machine: its own, and those with an emulator that the kernel knows (binfmt)."""

from pathlib import Path

from dockless.registry.platform import Platform

_EMULATORS = {
    "amd64": "x86_64",
    "386": "i386",
    "arm64": "aarch64",
    "arm": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loong64": "loongarch64",
    "mips64le": "mips64el",
}
_NATIVE = {"amd64": ("386",), "arm64": ("arm",)}
_REGISTERED = Path("/proc/sys/fs/binfmt_misc")


def runs_here(platform: Platform, host: Platform, registered: Path = _REGISTERED) -> bool:
    """An emulator counts where it was registered with F: then it works in a container, where it is not installed."""
    if platform.os != host.os:
        return False
    if platform.architecture in (host.architecture, *_NATIVE.get(host.architecture, ())):
        return True
    name = _EMULATORS.get(platform.architecture)
    if name is None:
        return False
    try:
        lines = (registered / f"qemu-{name}").read_text().splitlines()
    except OSError:
        return False
    return "enabled" in lines and any(line.startswith("flags:") and "F" in line for line in lines)
