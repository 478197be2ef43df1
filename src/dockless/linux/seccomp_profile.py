"""Docker's seccomp profile form (with conditions on capabilities, architecture and kernel) → the OCI specification's.

Pure. The default profile stands beside this module as data. A profile that is in the OCI form already passes.
"""

import json
import os
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "s390x": "s390x", "ppc64le": "ppc64le"}
_NATIVE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64", "riscv64": "SCMP_ARCH_RISCV64"}
_CALL_KEYS = ("action", "errnoRet", "args")


@lru_cache(maxsize=1)
def default_profile() -> Mapping[str, Any]:
    """Docker's default one. Treat it as frozen."""
    path = os.path.join(os.path.dirname(__file__), "data", "seccomp-default.json")
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not imported in this room)
        loaded: dict[str, Any] = json.load(file)
    return loaded


def expand(
    profile: Mapping[str, Any], capabilities: Collection[str], machine: str, kernel: tuple[int, int]
) -> dict[str, Any]:
    """The OCI form for a process with these capabilities. Raises ValueError for what is no profile."""
    if not isinstance(profile.get("defaultAction"), str):
        raise ValueError("seccomp profile: no defaultAction")
    result: dict[str, Any] = {
        key: profile[key] for key in ("defaultAction", "defaultErrnoRet", "flags") if profile.get(key) is not None
    }
    result["architectures"] = _architectures(profile, machine)
    result["syscalls"] = [
        _plain(call) for call in profile.get("syscalls") or () if _applies(call, capabilities, machine, kernel)
    ]
    return result


def _architectures(profile: Mapping[str, Any], machine: str) -> list[str]:
    if profile.get("architectures"):
        return list(profile["architectures"])
    native = _NATIVE.get(machine)
    for entry in profile.get("archMap") or ():
        if entry["architecture"] == native:
            return [native, *(entry.get("subArchitectures") or ())]
    return [native] if native else []


def _applies(call: Mapping[str, Any], capabilities: Collection[str], machine: str, kernel: tuple[int, int]) -> bool:
    architecture = _GO_NAMES.get(machine, machine)
    includes, excludes = call.get("includes") or {}, call.get("excludes") or {}
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if any(name not in capabilities for name in includes.get("caps") or ()):
        return False
    if includes.get("minKernel") and kernel < _version(includes["minKernel"]):
        return False
    if architecture in (excludes.get("arches") or ()):
        return False
    if any(name in capabilities for name in excludes.get("caps") or ()):
        return False
    return not (excludes.get("minKernel") and kernel >= _version(excludes["minKernel"]))


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _plain(call: Mapping[str, Any]) -> dict[str, Any]:
    names = call.get("names") or ([call["name"]] if call.get("name") else [])
    return {"names": list(names), **{key: call[key] for key in _CALL_KEYS if call.get(key) is not None}}
