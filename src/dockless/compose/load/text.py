"""How scalars read as text, and in which order keys are printed, as Docker Compose has it."""

import re
from collections.abc import Iterable
from functools import cmp_to_key
from typing import Any


def go_text(value: Any) -> str:
    """A scalar as Go's `%v` prints it: 1.0 is `1`, true is `true`, 1000000.0 is `1e+06`; nothing is empty."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_float(value) if isinstance(value, float) else str(value)


def go_float(value: float) -> str:
    """The shortest digits that give the same number; with an exponent where that is below -4 or above 5."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    mantissa, _, power = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    leading = len(whole + fraction) - len((whole + fraction).lstrip("0"))
    digits = (whole + fraction).strip("0") or "0"
    exponent = len(whole) - leading - 1 + int(power or 0) if digits != "0" else 0
    if -4 <= exponent < 6:
        return f"{sign}{_fixed(digits, exponent)}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def _fixed(digits: str, exponent: int) -> str:
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def single(value: float) -> float:
    """The number as 32 bits hold it, with the fewest digits that name it."""
    if value.is_integer() and abs(value) < 1 << 24:
        return value
    import struct  # few projects have such a number

    try:
        packed = struct.pack("f", value)
    except OverflowError:
        return value
    held: float = struct.unpack("f", packed)[0]
    for digits in range(1, 10):
        short = float(f"{held:.{digits}g}")
        if struct.pack("f", short) == packed:
            return short
    return held


def natural(keys: Iterable[str]) -> list[str]:
    """Keys in the order of the YAML that Docker Compose prints: letters after digits, numbers by their value."""
    return sorted(keys, key=cmp_to_key(_compare))


def _compare(left: str, right: str) -> int:
    digits = False
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            digits = a.isdigit()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if a.isalpha() == digits else 1
        return _compare_numbers(left, right, index)
    return len(left) - len(right)


def _compare_numbers(left: str, right: str, index: int) -> int:
    before = re.search(r"[0-9]*$", left[:index])
    lead = "1" if before and before.group().strip("0") and "0" in (left[index], right[index]) else "0"
    first, second = _digits(left, index), _digits(right, index)
    if int(lead + first) != int(lead + second):
        return int(lead + first) - int(lead + second)
    if len(first) != len(second):
        return len(first) - len(second)
    return -1 if left[index] < right[index] else 1


def _digits(text: str, index: int) -> str:
    match = re.compile(r"[0-9]*").match(text, index)
    return match.group() if match else ""
