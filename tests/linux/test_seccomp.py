"""The assembled filter lets through what Docker's lets through: asked of the kernel, and of an interpreter here."""

import ctypes
import os
import platform
import struct
from typing import Any

import pytest

from dockless.launcher.defaults import DEFAULT_CAPABILITIES, seccomp_for
from dockless.linux import prctl, seccomp
from dockless.linux.seccomp_profile import default_profile, expand

ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
X86_64, I386, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7


def decide(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """What the kernel would: classic BPF, of which the assembler uses seven instructions."""
    padded = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("=IIQ6Q", number, arch, 0, *padded)
    instructions = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at = accumulator = 0
    while True:
        code, yes, no, value = instructions[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x05:
            at += value
        elif code == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x25: accumulator > value, 0x35: accumulator >= value}[code]
            at += yes if holds else no


def assembled(machine: str, capabilities: Any = DEFAULT_CAPABILITIES) -> bytes:
    return seccomp.assemble(expand(default_profile(), capabilities, machine, (6, 1)), machine)


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", X86_64), ("aarch64", AARCH64)])
def test_every_call_that_the_profile_names_without_conditions_is_allowed(machine: str, arch: int) -> None:
    program, numbers = assembled(machine), seccomp.syscall_numbers(machine)
    for name in default_profile()["syscalls"][0]["names"]:
        if name in numbers:
            assert decide(program, arch, numbers[name]) == ALLOW, name


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", X86_64), ("aarch64", AARCH64)])
def test_dangerous_calls_are_refused_and_unknown_ones_do_not_exist(machine: str, arch: int) -> None:
    program, numbers = assembled(machine), seccomp.syscall_numbers(machine)
    for name in ("mount", "keyctl", "bpf", "kexec_load", "init_module", "io_uring_setup", "userfaultfd", "unshare"):
        assert decide(program, arch, numbers[name]) == EPERM, name
    for number in (max(numbers.values()) + 1, 5000, 2**31):
        assert decide(program, arch, number) == ENOSYS
    assert decide(program, arch, numbers["clone3"]) == ENOSYS


def test_conditions_on_arguments_hold() -> None:
    program, numbers = assembled("x86_64"), seccomp.syscall_numbers("x86_64")
    for persona, outcome in (
        (0, ALLOW),
        (8, ALLOW),
        (0x20000, ALLOW),
        (0xFFFFFFFF, ALLOW),
        (4, EPERM),
        (0x40000, EPERM),
    ):
        assert decide(program, X86_64, numbers["personality"], persona) == outcome
    for family, outcome in ((2, ALLOW), (37, ALLOW), (38, EPERM), (39, ALLOW), (40, EPERM), (41, ALLOW)):
        assert decide(program, X86_64, numbers["socket"], family) == outcome
        # What the kernel does not look at must not decide.
        assert decide(program, X86_64, numbers["socket"], family | 1 << 32) == outcome
    assert decide(program, X86_64, numbers["clone"], 0x11) == ALLOW
    assert decide(program, X86_64, numbers["clone"], 0x10000000) == EPERM


def test_other_architectures_are_told_apart() -> None:
    program = assembled("x86_64")
    assert decide(program, I386, 20) == ALLOW
    assert decide(program, I386, seccomp.syscall_numbers("i386")["mount"]) == EPERM
    assert decide(program, X86_64, 0x40000000 | 39) == ENOSYS
    assert decide(program, AARCH64, 0) == 0x80000000


def test_capabilities_open_calls() -> None:
    numbers = seccomp.syscall_numbers("x86_64")
    program = assembled("x86_64", [*DEFAULT_CAPABILITIES, "CAP_SYS_ADMIN"])
    for name in ("mount", "unshare", "clone3", "bpf", "setns"):
        assert decide(program, X86_64, numbers[name]) == ALLOW
    assert decide(program, X86_64, numbers["clone"], 0x10000000) == ALLOW


@pytest.mark.parametrize("operator", ["EQ", "NE", "LT", "LE", "GT", "GE"])
def test_comparisons_are_of_64_bits(operator: str) -> None:
    import operator as operators

    compare = getattr(operators, operator.lower())
    edge = 5 << 32 | 7
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [
            {
                "names": ["read"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 2, "value": edge, "op": f"SCMP_CMP_{operator}"}],
            }
        ],
    }
    program = seccomp.assemble(profile, "x86_64")
    for value in (0, 7, edge - 1, edge, edge + 1, 4 << 32 | 9, 6 << 32, 2**64 - 1):
        assert (decide(program, X86_64, 0, 0, 0, value) == ALLOW) == compare(value, edge), value


def test_what_is_no_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="defaultAction"):
        seccomp_for({"syscalls": []}, [])
    with pytest.raises(ValueError, match="unknown action"):
        seccomp.assemble({"defaultAction": "SCMP_ACT_NONSENSE"})
    broken = {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "?"}]}
    with pytest.raises(ValueError, match="unknown operator"):
        seccomp.assemble({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [broken]}, "x86_64")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
def test_the_kernel_takes_the_filter_and_agrees() -> None:
    program = seccomp.assemble(seccomp_for("default", DEFAULT_CAPABILITIES) or {})
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        prctl.prctl(prctl.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.load(program)
        outcomes = []
        for call in ((135, 0xFFFFFFFF), (135, 4), (272, 0x20000), (435, 0, 0), (999,)):
            result = libc.syscall(*(ctypes.c_long(value) for value in call))
            outcomes.append(0 if result >= 0 else ctypes.get_errno())
        os.write(writer, bytes(outcomes))
        os._exit(0)
    os.waitpid(child, 0)
    assert list(os.read(reader, 100)) == [0, 1, 1, 38, 38]
    os.close(reader)
    os.close(writer)
