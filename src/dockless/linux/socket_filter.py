"""Classic BPF (socket(7), SO_ATTACH_FILTER): which packets a packet(7) socket gets to see."""

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

SO_ATTACH_FILTER = 26
#: Offset at which a load reads the packet's interface index instead of its bytes.
INTERFACE_INDEX = 0xFFFFF000 + 8

LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
LOAD_BYTE_INDEXED = 0x50
LOAD_HEADER_LENGTH = 0xB1
AND = 0x54
JUMP_EQUAL, JUMP_SET = 0x15, 0x45
RETURN = 0x06


class Instruction(NamedTuple):
    """`code`, how many instructions to skip when a jump's condition is true and false, and the operand."""

    code: int
    true: int
    false: int
    operand: int


def attach(to: socket.socket, program: Sequence[Instruction]) -> None:
    """From now on `to` gets only packets for which the program returns a length. Raises OSError."""
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    to.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer)))
