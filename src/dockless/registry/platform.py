"""Platforms as image indexes name them (`linux/arm64/v8`) and the choice of the one that fits this machine. Pure."""

import os
from dataclasses import dataclass
from typing import Self

from dockless.registry.errors import ImageError

# uname's machine → Go's architecture and variant, the names that images use (OCI image index, "platform").
_MACHINES = {
    "x86_64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
    "loongarch64": ("loong64", ""),
}
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm", "armel": "arm"}
# What may stand for a platform by itself: an architecture, or the one operating system.
_ALONE = {"linux", "mips64", "mips64le", "ppc64", *_ALIASES, *(architecture for architecture, _ in _MACHINES.values())}
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


class InvalidPlatform(ImageError):
    """The text is no platform."""


@dataclass(frozen=True, slots=True)
class Platform:
    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`os/arch`, `os/arch/variant`, or `arch` alone. Raises `InvalidPlatform`."""
        parts = text.lower().split("/")
        if not 1 <= len(parts) <= 3 or not all(part.replace("-", "").replace("_", "").isalnum() for part in parts):
            raise InvalidPlatform(f'"{text}": unknown operating system or architecture: invalid argument')
        if len(parts) == 1:
            if parts[0] not in _ALONE:
                raise InvalidPlatform(f'"{text}": unknown operating system or architecture: invalid argument')
            parts = ["linux", parts[0]] if parts[0] != "linux" else ["linux", cls.host().architecture]
        architecture = _ALIASES.get(parts[1], parts[1])
        variant = parts[2] if len(parts) == 3 else {"armel": "v6"}.get(parts[1], "")
        return cls(parts[0], architecture, variant)

    @classmethod
    def host(cls) -> Self:
        machine = os.uname().machine
        architecture, variant = _MACHINES.get(machine, (machine, ""))
        return cls("linux", architecture, variant)

    def accepts(self, other: "Platform") -> bool:
        """Whether an image for `other` is one for this platform; a variant that is not named is the usual one."""
        return (self.os, self.architecture, self._variant()) == (other.os, other.architecture, other._variant())

    def fallbacks(self) -> tuple["Platform", ...]:
        """This platform and the ones whose programs it runs too, best first (an ARM core runs the older variants)."""
        if self.architecture != "arm":
            return (self,)
        newest = int(self._variant().removeprefix("v") or 7) if self._variant().removeprefix("v").isdigit() else 7
        return tuple(Platform(self.os, "arm", f"v{number}") for number in range(newest, 4, -1))

    def normal(self) -> "Platform":
        """As image indexes write it: arm64 without its only variant, arm never without one."""
        variant = "" if (self.architecture, self.variant) == ("arm64", "v8") else self.variant
        return Platform(self.os, self.architecture, self._variant() if self.architecture == "arm" else variant)

    def _variant(self) -> str:
        return self.variant or _DEFAULT_VARIANTS.get(self.architecture, "")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
