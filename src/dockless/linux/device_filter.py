"""The device controller of a v2 cgroup: a BPF program made of the OCI specification's device rules (bpf(2))."""

import ctypes
import os
import struct

from dockless.linux.syscalls import invoke, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_PROG_LOAD, _PROG_ATTACH = 5, 8
_TYPE_CGROUP_DEVICE, _ATTACH_CGROUP_DEVICE, _ALLOW_MULTI = 15, 6, 2

_ACCESS = {"m": 1, "r": 2, "w": 4}
_TYPES = {"b": 1, "c": 2, "u": 2}

_LOAD_WORD, _MOVE, _MOVE_REGISTER, _AND, _SHIFT_RIGHT, _EXIT = 0x61, 0xB7, 0xBF, 0x57, 0x77, 0x95
_JUMP_NOT_EQUAL = 0x55

# Registers: 1 the context, then what is read from it, 6 to work in.
_CONTEXT, _TYPE, _WANTED, _MAJOR, _MINOR, _WORK, _RESULT = 1, 2, 3, 4, 5, 6, 0


def allows_everything(rules: "Sequence[Mapping[str, Any]]") -> bool:
    """No rule denies anything: then there is nothing to attach."""
    return all(rule.get("allow") for rule in rules)


def assemble(rules: "Sequence[Mapping[str, Any]]") -> bytes:
    """A program that gives 1 where the access is allowed. A later rule wins over an earlier one; none: allowed."""
    program = [
        _instruction(_LOAD_WORD, _TYPE, _CONTEXT, 0, 0),
        _instruction(_MOVE_REGISTER, _WANTED, _TYPE, 0, 0),
        _instruction(_SHIFT_RIGHT, _WANTED, 0, 0, 16),
        _instruction(_AND, _TYPE, 0, 0, 0xFFFF),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4, 0),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8, 0),
    ]
    for rule in reversed(rules):
        program += _rule(rule)
        if _matches_everything(rule):
            # The verifier refuses instructions that nothing reaches.
            return b"".join(program)
    return b"".join([*program, *_answer(1)])


def _matches_everything(rule: "Mapping[str, Any]") -> bool:
    return (
        set(rule.get("access") or "rwm") == {"r", "w", "m"}
        and rule.get("type") not in _TYPES
        and rule.get("major", -1) < 0
        and rule.get("minor", -1) < 0
    )


def _rule(rule: "Mapping[str, Any]") -> list[bytes]:
    allow = bool(rule.get("allow"))
    access = sum(_ACCESS[letter] for letter in set(rule.get("access") or "rwm"))
    # Each test: the instructions before it, and the jump that leaves this rule where it does not match.
    tests: list[tuple[list[bytes], int, int, int]] = []
    if rule.get("type") in _TYPES:
        tests.append(([], _JUMP_NOT_EQUAL, _TYPE, _TYPES[rule["type"]]))
    for register, key in ((_MAJOR, "major"), (_MINOR, "minor")):
        if rule.get(key) is not None and rule[key] >= 0:
            tests.append(([], _JUMP_NOT_EQUAL, register, rule[key]))
    if access != 7:
        if not allow:
            raise ValueError("device rules: only whole accesses (rwm) can be denied")
        copied = [
            _instruction(_MOVE_REGISTER, _WORK, _WANTED, 0, 0),
            _instruction(_AND, _WORK, 0, 0, 7 & ~access),
        ]
        tests.append((copied, _JUMP_NOT_EQUAL, _WORK, 0))
    answer = _answer(int(allow))
    result: list[bytes] = []
    remaining = sum(len(before) + 1 for before, *_ in tests)
    for before, jump, register, value in tests:
        result += before
        remaining -= len(before) + 1
        result.append(_instruction(jump, register, 0, remaining + len(answer), value))
    return result + answer


def _answer(value: int) -> list[bytes]:
    return [_instruction(_MOVE, _RESULT, 0, 0, value), _instruction(_EXIT, 0, 0, 0, 0)]


def _instruction(code: int, target: int, source: int, offset: int, value: int) -> bytes:
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def load(program: bytes) -> int:
    """The descriptor of the loaded program. Raises OSError (EPERM without CAP_SYS_ADMIN)."""
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    attributes = struct.pack(
        "=IIQQIIQII",
        _TYPE_CGROUP_DEVICE,
        len(program) // 8,
        ctypes.addressof(code),
        ctypes.addressof(licence),
        0,
        0,
        0,
        0,
        0,
    )
    return _bpf(_PROG_LOAD, attributes)


def attach(program: int, cgroup: str) -> None:
    """Puts the v2 cgroup under the program, as long as the cgroup exists. Raises OSError."""
    folder = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _bpf(_PROG_ATTACH, struct.pack("=IIII", folder, program, _ATTACH_CGROUP_DEVICE, _ALLOW_MULTI))
    finally:
        os.close(folder)


def _bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return invoke("bpf", number("bpf"), command, ctypes.byref(buffer), len(attributes))
