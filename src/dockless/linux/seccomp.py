"""seccomp(2): an assembler from the OCI specification's filter to classic BPF, and loading it.

The program finds the architecture, then the call's number in a binary tree of ranges that share an outcome. A call
whose number is in no table of ours is newer than the profile, and answers ENOSYS, so that a C library falls back as on
an older kernel; one that the table knows and the profile does not name gets the profile's default action.
"""

import ctypes
import os
import struct

from dockless.linux.syscalls import MACHINE, invoke, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Instruction = tuple[int, int, int, int]
    Leaf = tuple[Instruction, ...]

_LD, _JA, _JEQ, _JGT, _JGE, _AND, _RET = 0x20, 0x05, 0x15, 0x25, 0x35, 0x54, 0x06
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARGUMENTS = 0, 4, 16
_FAIL = -1
"""A jump target: past the rule that is being checked."""

_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
_ENOSYS = 38
_EPERM = 1
_ACTIONS = {
    "SCMP_ACT_ALLOW": 0x7FFF0000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": _RET_KILL_PROCESS,
}
_FLAGS = {"SECCOMP_FILTER_FLAG_TSYNC": 1, "SECCOMP_FILTER_FLAG_LOG": 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4}

# (the OCI's name, the kernel's AUDIT_ARCH_*, the table, the first number of a foreign ABI in the same architecture)
_X86_64 = ("SCMP_ARCH_X86_64", 0xC000003E, "x86_64", 0x40000000)
_I386 = ("SCMP_ARCH_X86", 0x40000003, "i386", None)
_AARCH64 = ("SCMP_ARCH_AARCH64", 0xC00000B7, "aarch64", None)
_MACHINES = {"x86_64": (_X86_64, _I386), "aarch64": (_AARCH64,)}

# The kernel takes these arguments as 32 bits: comparing more would let the upper half hide a forbidden value.
_INT_ARGUMENTS = frozenset({("socket", 0), ("personality", 0)})

_SECCOMP_SET_MODE_FILTER = 1


def assemble(profile: "Mapping[str, Any]", machine: str = MACHINE) -> bytes:
    """The filter (`linux.seccomp` of the OCI specification) as an array of struct sock_filter.

    Raises ValueError for an action, operator or architecture that this module does not know.
    """
    if machine not in _MACHINES:
        raise ValueError(f"seccomp: no table of system calls for {machine}")
    asked = set(profile.get("architectures") or ())
    native, *others = _MACHINES[machine]
    sections = [native, *(entry for entry in others if entry[0] in asked)]
    program: list[Instruction] = [(_LD, 0, 0, _OFFSET_ARCH)]
    for _, audit, table, foreign in sections:
        body = _section(profile, syscall_numbers(table), foreign)
        # 8-bit jumps do not reach over a section.
        program += [(_JEQ, 1, 0, audit), (_JA, 0, 0, len(body)), *body]
    program.append((_RET, 0, 0, _RET_KILL_PROCESS))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def load(program: bytes, flags: "Sequence[str]" = ()) -> None:
    """Puts the calling thread and its children under the filter. Raises OSError (EACCES without no_new_privs or
    CAP_SYS_ADMIN)."""
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))
    bits = sum(_FLAGS.get(flag, 0) for flag in flags)
    invoke("seccomp", number("seccomp"), _SECCOMP_SET_MODE_FILTER, bits, ctypes.byref(fprog))


def syscall_numbers(table: str) -> dict[str, int]:
    """Name → number, of one of the tables in `data/`."""
    path = os.path.join(os.path.dirname(__file__), "data", f"syscalls-{table}.txt")
    with open(path, encoding="ascii") as file:  # noqa: PTH123 (pathlib is not imported in this room)
        lines = [line.split() for line in file]
    return {name: int(position) for position, name in lines}


def _section(profile: "Mapping[str, Any]", numbers: dict[str, int], foreign: int | None) -> "list[Instruction]":
    """One architecture's part: every path through it ends in a return."""
    unknown: Leaf = ((_RET, 0, 0, _RET_ERRNO | _ENOSYS),)
    default: Leaf = ((_RET, 0, 0, _action(profile["defaultAction"], profile.get("defaultErrnoRet"))),)
    leaves = dict.fromkeys(numbers.values(), default)
    for name, rules in _rules(profile).items():
        if name in numbers:
            leaves[numbers[name]] = _leaf(name, rules, default)
    ranges: list[tuple[int, Leaf]] = [(0, leaves.get(0, unknown))]
    for position in range(1, max(leaves) + 1):
        leaf = leaves.get(position, unknown)
        if leaf != ranges[-1][1]:
            ranges.append((position, leaf))
    ranges.append((max(leaves) + 1, unknown))
    if foreign is not None:
        ranges.append((foreign, unknown))
    return [(_LD, 0, 0, _OFFSET_NUMBER), *_tree(ranges)]


def _rules(profile: "Mapping[str, Any]") -> "dict[str, list[tuple[int, Sequence[Any]]]]":
    """Call → its (action, conditions), in the profile's order."""
    found: dict[str, list[tuple[int, Sequence[Any]]]] = {}
    for call in profile.get("syscalls") or ():
        action = _action(call["action"], call.get("errnoRet"))
        conditions = call.get("args") or ()
        # Several conditions on one argument are alternatives, as in runc.
        alternatives = len({entry["index"] for entry in conditions}) < len(conditions)
        for name in call["names"]:
            rules = found.setdefault(name, [])
            rules += [(action, (entry,)) for entry in conditions] if alternatives else [(action, conditions)]
    return found


def _leaf(name: str, rules: "Sequence[tuple[int, Sequence[Any]]]", default: "Leaf") -> "Leaf":
    """The first rule whose conditions all hold decides; an unconditional one does whatever the others say."""
    for action, conditions in rules:
        if not conditions:
            return ((_RET, 0, 0, action),)
    code: list[Instruction] = []
    for action, conditions in rules:
        rule: list[Instruction] = []
        for condition in conditions:
            rule += _condition(name, condition)
        rule.append((_RET, 0, 0, action))
        size = len(rule)
        code += [
            (op, *(size - at - 1 if jump == _FAIL else jump for jump in (yes, no)), value)  # type: ignore[misc]
            for at, (op, yes, no, value) in enumerate(rule)
        ]
    return (*code, *default)


def _condition(name: str, entry: "Mapping[str, Any]") -> "list[Instruction]":
    """Falls through where it holds, and jumps to _FAIL where not."""
    index, operator, value = entry["index"], entry["op"], entry["value"] & 0xFFFFFFFFFFFFFFFF
    load_low: Instruction = (_LD, 0, 0, _OFFSET_ARGUMENTS + 8 * index)
    load_high: Instruction = (_LD, 0, 0, _OFFSET_ARGUMENTS + 8 * index + 4)
    low, high = value & 0xFFFFFFFF, value >> 32
    if operator == "SCMP_CMP_MASKED_EQ":
        wanted = entry.get("valueTwo", 0)
        return [
            *(load_high, (_AND, 0, 0, high), (_JEQ, 0, _FAIL, wanted >> 32)),
            *(load_low, (_AND, 0, 0, low), (_JEQ, 0, _FAIL, wanted & 0xFFFFFFFF)),
        ]
    if operator not in _COMPARE_LOW:
        raise ValueError(f"seccomp: unknown operator {operator}")
    jump, if_true, if_false = _COMPARE_LOW[operator]
    compare_low: list[Instruction] = [load_low, (jump, if_true, if_false, low)]
    if (name, index) in _INT_ARGUMENTS:
        return compare_low
    return [load_high, *((op, yes, no, high) for op, yes, no in _COMPARE_HIGH[operator]), *compare_low]


# How the low half decides where the high halves are equal: (jump, if true, if false).
_COMPARE_LOW = {
    "SCMP_CMP_EQ": (_JEQ, 0, _FAIL),
    "SCMP_CMP_NE": (_JEQ, _FAIL, 0),
    "SCMP_CMP_GT": (_JGT, 0, _FAIL),
    "SCMP_CMP_GE": (_JGE, 0, _FAIL),
    "SCMP_CMP_LT": (_JGE, _FAIL, 0),
    "SCMP_CMP_LE": (_JGT, _FAIL, 0),
}
# How the high half decides alone, or leads to the two instructions for the low one.
_COMPARE_HIGH = {
    "SCMP_CMP_EQ": ((_JEQ, 0, _FAIL),),
    "SCMP_CMP_NE": ((_JEQ, 0, 2),),
    "SCMP_CMP_GT": ((_JGT, 3, 0), (_JEQ, 0, _FAIL)),
    "SCMP_CMP_GE": ((_JGT, 3, 0), (_JEQ, 0, _FAIL)),
    "SCMP_CMP_LT": ((_JGT, _FAIL, 0), (_JEQ, 0, 2)),
    "SCMP_CMP_LE": ((_JGT, _FAIL, 0), (_JEQ, 0, 2)),
}


def _tree(ranges: "Sequence[tuple[int, Leaf]]") -> "Sequence[Instruction]":
    """Binary search for the range of the number in the accumulator."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    left, right = _tree(ranges[:middle]), _tree(ranges[middle:])
    pivot = ranges[middle][0]
    if len(left) <= 255:
        return [(_JGE, len(left), 0, pivot), *left, *right]
    return [(_JGE, 0, 1, pivot), (_JA, 0, 0, len(left)), *left, *right]


def _action(name: str, errno: int | None) -> int:
    if name == "SCMP_ACT_ERRNO":
        return _RET_ERRNO | ((_EPERM if errno is None else errno) & 0xFFFF)
    if name == "SCMP_ACT_TRACE":
        return 0x7FF00000 | ((errno or 0) & 0xFFFF)
    if name not in _ACTIONS:
        raise ValueError(f"seccomp: unknown action {name}")
    return _ACTIONS[name]
